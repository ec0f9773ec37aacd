//! Slots of doctors, many doctors at a time, and the hours that they come from.

use super::{
    model::{Claim, NewRule, Rule, Schedule, Slot, SlotKey, SlotQuery, SlotStatus, offer},
    reasons::{Broken, Reason, reasons},
    rules::check_rules,
    slots::slots,
    store::{self, Hours},
};
use crate::{
    calendar::{self, Change, Publisher, Turn},
    directory::{self, Directory, Doctor, VisitType},
    infra::db::{Database, Transaction},
    kernel::{
        clock::Clock,
        id::{AvailabilityRuleId, DoctorId, VisitTypeId},
        interval::Interval,
        rejection::{Refusal, Rejection},
        viewer::Viewer,
    },
};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::sync::Semaphore;

/// The longest range of starts that one may ask for.
const LONGEST_RANGE: TimeDelta = TimeDelta::days(62);
/// No doctor can be booked further ahead.
const HORIZON: TimeDelta = TimeDelta::days(368);
/// How far the claims of a doctor can reach into slots that begin later: the longest visit and both of the longest pauses.
const REACH: TimeDelta = TimeDelta::minutes(480 + 240 + 240);
/// How many searches over all doctors run at a time.
const SEARCHES: usize = 4;
/// Most doctors have something free this soon.
const SOON: TimeDelta = TimeDelta::days(7);

/// Availability of doctors.
#[derive(Debug)]
pub struct Availability {
    pub(super) database: Database,
    pub(super) clock: Arc<dyn Clock>,
    /// Turns at searching over all doctors, which takes longer than anything else.
    pub(super) searches: Semaphore,
    pub(super) directory: Arc<Directory>,
    publisher: Publisher,
}

/// Looks over a range of starts.
///
/// # Errors
/// `BadInput` where it is reversed, empty or too long.
pub fn check_range(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Interval, Rejection> {
    let range = Interval::try_new(from, to).ok_or(Rejection::BadInput("`from` must be before `to`.".into()))?;
    if to - from > LONGEST_RANGE {
        return Err(Rejection::BadInput("The range is longer than 62 days.".into()));
    }
    Ok(range)
}

impl Availability {
    /// Availability in `database`.
    #[must_use]
    pub fn new(database: Database, clock: Arc<dyn Clock>, directory: Arc<Directory>, publisher: Publisher) -> Self {
        Self { database, clock, searches: Semaphore::new(SEARCHES), directory, publisher }
    }

    /// The slots of each of these doctors that the query lets through, in order.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn slots_of(
        &self,
        doctors: &[DoctorId],
        query: &SlotQuery,
    ) -> Result<HashMap<DoctorId, Vec<Slot>>, Rejection> {
        let now = self.clock.now().trunc_subsecs(0);
        let Some(range) = Interval::try_new(query.range.start.max(now), query.range.end.min(now + HORIZON)) else {
            return Ok(HashMap::new());
        };
        let calendars = self.calendars(doctors, range).await?;
        let visit_type = self.visit_type(query.visit_type_id).await?;
        let slots = calendars
            .values()
            .map(|calendar| (calendar.doctor.id, calendar.slots(visit_type.as_ref(), query, range, now).collect()));
        Ok(slots.collect())
    }

    /// The next open slots of each of these doctors, at most `first`.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn next_slots_of(
        &self,
        doctors: &[DoctorId],
        visit_type_id: Option<VisitTypeId>,
        duration_minutes: Option<i32>,
        first: usize,
    ) -> Result<HashMap<DoctorId, Vec<Slot>>, Rejection> {
        let now = self.clock.now().trunc_subsecs(0);
        let query = |start, end| SlotQuery {
            range: Interval { start, end },
            visit_type_id,
            duration_minutes,
            statuses: vec![SlotStatus::Open],
        };
        let mut found = self.slots_of(doctors, &query(now, now + SOON)).await?;
        let rest: Vec<_> =
            doctors.iter().filter(|id| found.get(id).is_none_or(|slots| slots.len() < first)).copied().collect();
        if !rest.is_empty() {
            for (id, slots) in self.slots_of(&rest, &query(now + SOON, now + HORIZON)).await? {
                found.entry(id).or_default().extend(slots);
            }
        }
        for slots in found.values_mut() {
            slots.truncate(first);
        }
        Ok(found)
    }

    /// Those of these slots that the rules offer, with their present status.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn slots_by_key(&self, keys: &[SlotKey]) -> Result<HashMap<SlotKey, Slot>, Rejection> {
        let now = self.clock.now().trunc_subsecs(0);
        let near = Interval { start: now, end: now + HORIZON };
        let keys: Vec<_> = keys.iter().filter(|key| near.contains(key.starts_at)).copied().collect();
        let (Some(first), Some(last)) = (keys.iter().min(), keys.iter().max()) else {
            return Ok(HashMap::new());
        };
        let range = Interval { start: first.starts_at, end: last.starts_at + TimeDelta::seconds(1) };
        let doctors: HashSet<_> = keys.iter().map(|key| key.doctor_id).collect();
        let calendars = self.calendars(&doctors.into_iter().collect::<Vec<_>>(), range).await?;
        let visit_types: HashSet<_> = keys.iter().filter_map(|key| key.visit_type_id).collect();
        let visit_types: Vec<_> = visit_types.into_iter().collect();
        let visit_types = directory::visit_types(self.database.reader(), &visit_types).await?;
        let find = |key: SlotKey| {
            let visit_type = match key.visit_type_id {
                Some(id) => Some(visit_types.get(&id)?),
                None => None,
            };
            let range = Interval { start: key.starts_at, end: key.starts_at + TimeDelta::seconds(1) };
            let query = SlotQuery {
                range,
                visit_type_id: key.visit_type_id,
                duration_minutes: visit_type.is_none().then_some(key.duration_minutes),
                statuses: vec![SlotStatus::Open, SlotStatus::Held, SlotStatus::Booked],
            };
            let mut slots = calendars.get(&key.doctor_id)?.slots(Some(visit_type).flatten(), &query, range, now);
            slots.find(|slot| slot.key == key).map(|slot| (key, slot))
        };
        Ok(keys.into_iter().filter_map(find).collect())
    }

    /// Makes these the weekly hours of a doctor. Bookings that now lie outside of them stay.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, or what is wrong with the rules.
    pub async fn set_rules(&self, viewer: &Viewer, doctor_id: DoctorId, rules: Vec<NewRule>) -> Result<(), Rejection> {
        self.directory.kept_doctor(viewer, doctor_id, "doctorId").await?;
        let transaction = self.database.begin().await?;
        let turn = calendar::take_turn_in(&transaction, doctor_id).await?;
        let doctor = directory::doctors(&*transaction, &[doctor_id]).await?.remove(&doctor_id);
        let slot_minutes = doctor.ok_or_else(|| Refusal::not_found("doctorId"))?.slot_minutes;
        check_rules(&rules, slot_minutes)?;
        // A rule keeps the length that it is set with: a later change of the doctor's default moves no grid.
        let rule = |rule: NewRule| Rule {
            id: AvailabilityRuleId::new(),
            weekday: rule.weekday,
            start: rule.start,
            end: rule.end,
            slot_minutes: rule.slot_minutes.unwrap_or(slot_minutes),
            effective_from: rule.effective_from,
            effective_until: rule.effective_until,
        };
        let rules: Vec<_> = rules.into_iter().map(rule).collect();
        store::replace_rules_in(&transaction, doctor_id, &rules).await?;
        self.finish(transaction, turn).await
    }

    /// Writes the event of a change of the schedule, makes it true and tells everybody.
    pub(super) async fn finish(&self, transaction: Transaction, turn: Turn) -> Result<(), Rejection> {
        let now = turn.now(&*self.clock);
        let events = calendar::record_in(&transaction, turn, &[Change::ScheduleChanged], now).await?;
        transaction.commit().await?;
        self.publisher.publish(&events).await;
        Ok(())
    }

    /// Why a time of a doctor's cannot be booked, and the next one from then on that can.
    ///
    /// # Errors
    /// `NotFound` where there is no such doctor or visit type.
    pub async fn why_unavailable(
        &self,
        doctor_id: DoctorId,
        start: DateTime<Utc>,
        visit_type_id: Option<VisitTypeId>,
        duration_minutes: Option<i32>,
    ) -> Result<(Vec<Reason>, Option<Slot>), Rejection> {
        let now = self.clock.now();
        let range = Interval { start, end: start + TimeDelta::seconds(1) };
        let calendar = self.calendars(&[doctor_id], range).await?.remove(&doctor_id).ok_or(Rejection::NotFound)?;
        let offered = directory::visit_types_of(self.database.reader(), &[doctor_id]).await?.remove(&doctor_id);
        let offered = offered.unwrap_or_default();
        let visit_type = match visit_type_id {
            Some(id) => Some(offered.iter().find(|offered| offered.id == id).ok_or(Rejection::NotFound)?),
            None => None,
        };
        let offers = |minutes| offered.iter().any(|offered| offered.active && offered.duration_minutes == minutes);
        let (schedule, claims) = (&calendar.schedule, &calendar.claims);
        let reasons = match offer(&calendar.doctor, visit_type, duration_minutes) {
            Some(offer) => reasons(schedule, &offer, start, claims, now, offers),
            None => vec![Reason { broken: Broken::Duration, minutes: None }],
        };
        let query = SlotQuery {
            range: Interval { start: start.max(now), end: now + HORIZON },
            visit_type_id,
            duration_minutes,
            statuses: vec![SlotStatus::Open],
        };
        let open = self.slots_of(&[doctor_id], &query).await?.remove(&doctor_id);
        Ok((reasons, open.and_then(|open| open.into_iter().next())))
    }

    async fn visit_type(&self, id: Option<VisitTypeId>) -> Result<Option<VisitType>, Rejection> {
        let Some(id) = id else { return Ok(None) };
        Ok(directory::visit_types(self.database.reader(), &[id]).await?.remove(&id))
    }

    async fn calendars(
        &self,
        doctors: &[DoctorId],
        range: Interval,
    ) -> Result<HashMap<DoctorId, DoctorCalendar>, Rejection> {
        let doctors = directory::doctors(self.database.reader(), doctors).await?;
        self.calendars_of(doctors.into_values().collect(), range).await
    }

    /// What is needed to tell the slots of these doctors that begin in `range`.
    async fn calendars_of(
        &self,
        doctors: Vec<Doctor>,
        range: Interval,
    ) -> Result<HashMap<DoctorId, DoctorCalendar>, Rejection> {
        let ids: Vec<_> = doctors.iter().map(|doctor| doctor.id).collect();
        let mut claims = self.claims_of(&ids, range).await?;
        let calendars = self.hours_of(doctors, range).await?.into_iter().map(|mut calendar| {
            calendar.claims = claims.remove(&calendar.doctor.id).unwrap_or_default();
            (calendar.doctor.id, calendar)
        });
        Ok(calendars.collect())
    }

    /// The same, but for the claims.
    pub(super) async fn hours_of(
        &self,
        doctors: Vec<Doctor>,
        range: Interval,
    ) -> Result<Vec<DoctorCalendar>, Rejection> {
        let ids: Vec<_> = doctors.iter().map(|doctor| doctor.id).collect();
        let mut hours = store::hours_of(self.database.reader(), &ids, range).await?;
        let calendar = |doctor: Doctor| DoctorCalendar {
            schedule: schedule(&doctor, hours.remove(&doctor.id).unwrap_or_default()),
            claims: Vec::new(),
            doctor,
        };
        Ok(doctors.into_iter().map(calendar).collect())
    }

    /// The claims that bear on slots that begin in `range`.
    pub(super) async fn claims_of(
        &self,
        doctors: &[DoctorId],
        range: Interval,
    ) -> Result<HashMap<DoctorId, Vec<Claim>>, Rejection> {
        let reach = Interval { start: range.start - REACH, end: range.end + REACH };
        store::claims(self.database.reader(), doctors, reach).await
    }
}

/// What a doctor's slots are told from.
pub(super) struct DoctorCalendar {
    pub doctor: Doctor,
    pub schedule: Schedule,
    pub claims: Vec<Claim>,
}

impl DoctorCalendar {
    /// The slots that begin in `range`. None for a visit type that the query names and that is not there.
    pub fn slots<'a>(
        &'a self,
        visit_type: Option<&VisitType>,
        query: &'a SlotQuery,
        range: Interval,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = Slot> + use<'a> {
        let offer = match (visit_type, query.visit_type_id) {
            (None, Some(_)) => None,
            (visit_type, _) => offer(&self.doctor, visit_type, query.duration_minutes),
        };
        let found = offer.map(|offer| slots(&self.schedule, &offer, range, &self.claims, now)).unwrap_or_default();
        let slot = |(candidate, status): (super::grid::Candidate, SlotStatus)| {
            let minutes = (candidate.visit.end - candidate.visit.start).num_minutes();
            let key = SlotKey {
                starts_at: candidate.visit.start,
                doctor_id: self.doctor.id,
                duration_minutes: minutes.try_into().unwrap_or(i32::MAX),
                visit_type_id: query.visit_type_id,
            };
            Slot { key, status, calendar_version: self.doctor.calendar_version }
        };
        found.into_iter().map(slot).filter(|slot| query.statuses.contains(&slot.status))
    }
}

/// The schedule of a doctor from the profile and the hours.
#[must_use]
pub fn schedule(doctor: &Doctor, hours: Hours) -> Schedule {
    Schedule {
        doctor_id: doctor.id,
        time_zone: doctor.time_zone,
        slot_minutes: doctor.slot_minutes,
        min_notice_minutes: doctor.min_notice_minutes,
        max_advance_days: doctor.max_advance_days,
        active: doctor.active,
        rules: hours.rules,
        overrides: hours.overrides,
    }
}
