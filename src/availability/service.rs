//! Slots of doctors, many doctors at a time, and the hours that they come from.

use super::{
    claim::Claim,
    known::{Ask, DoctorCalendar, HORIZON, Keeper, SharedCalendars, SlotStream, read},
    model::{Offer, Schedule, Slot, SlotKey, SlotQuery, SlotStatus},
    reasons::{Broken, Reason, reasons},
    store::Hours,
};
use crate::{
    calendar::{self, CalendarEvent, Change, Cursor, Hub, Publisher, Turn},
    directory::{self, Directory, Doctor},
    infra::db::{Database, Transaction},
    kernel::{
        clock::Clock,
        id::{DoctorId, VisitTypeId},
        interval::Interval,
        rejection::Rejection,
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
/// How many searches run at a time that have to look at all doctors.
const SEARCHES: usize = 2;
/// After so many calendars others have their turn, and a deadline its chance.
const TURN: usize = 32;
/// What is known until then tells of whole visits that begin before.
const DAY: TimeDelta = TimeDelta::days(1);

/// Availability of doctors.
#[derive(Debug)]
pub struct Availability {
    pub(super) database: Database,
    pub(super) clock: Arc<dyn Clock>,
    /// Turns at looking at all doctors.
    pub(super) searches: Semaphore,
    pub(super) directory: Arc<Directory>,
    pub(super) keeper: Arc<Keeper>,
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
    /// Availability in `database`, kept right by the events of `hub`; what was read is shared with other processes where `shared` is given.
    #[must_use]
    pub fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        directory: Arc<Directory>,
        publisher: Publisher,
        hub: Arc<Hub>,
        shared: Option<SharedCalendars>,
    ) -> Self {
        let keeper = Keeper::start(database.clone(), Arc::clone(&clock), hub, shared);
        Self { database, clock, searches: Semaphore::new(SEARCHES), directory, keeper, publisher }
    }

    /// Begins to read all calendars, in the background: a process that answers searches will need them.
    pub fn warm_up(&self) {
        self.keeper.warm_up();
    }

    /// The slots of each of these doctors that the query lets through, in order, from calendars at least as new as the database has them.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn slots_of(
        &self,
        doctors: &[DoctorId],
        query: &SlotQuery,
    ) -> Result<HashMap<DoctorId, Vec<Slot>>, Rejection> {
        self.slots_since(&self.versions(doctors).await?, query).await
    }

    /// The same from calendars at least as new as the versions that are named. A doctor whose calendar does not come to that version
    /// within a second is left out.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn slots_since(
        &self,
        doctors: &[(DoctorId, i32)],
        query: &SlotQuery,
    ) -> Result<HashMap<DoctorId, Vec<Slot>>, Rejection> {
        let ask = Ask { query, now: self.now() };
        let range = Interval::try_new(query.range.start.max(ask.now), query.range.end.min(ask.now + HORIZON));
        let calendars = self.keeper.calendars(doctors, range.map_or(ask.now, |range| range.end)).await?;
        let mut found = HashMap::with_capacity(calendars.len());
        for (place, (id, calendar)) in calendars.into_iter().enumerate() {
            if place % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
            found.insert(id, range.map(|range| calendar.slots(&ask, range)).unwrap_or_default());
        }
        Ok(found)
    }

    /// The next open slots of each of these doctors, at most `first`, from calendars at least as new as the database has them.
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
        self.next_slots_since(&self.versions(doctors).await?, visit_type_id, duration_minutes, first).await
    }

    /// The same from calendars at least as new as the versions that are named. A doctor whose calendar does not come to that version
    /// within a second is left out.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn next_slots_since(
        &self,
        doctors: &[(DoctorId, i32)],
        visit_type_id: Option<VisitTypeId>,
        duration_minutes: Option<i32>,
        first: usize,
    ) -> Result<HashMap<DoctorId, Vec<Slot>>, Rejection> {
        let now = self.now();
        let calendars = self.keeper.calendars(doctors, now + HORIZON).await?;
        let mut found = HashMap::with_capacity(calendars.len());
        for (place, (id, calendar)) in calendars.into_iter().enumerate() {
            if place % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
            found.insert(id, open_in(calendar, ahead(now), now, (visit_type_id, duration_minutes), first));
        }
        Ok(found)
    }

    /// The next open slots of a doctor as far as this process knows, without a look at the database; perhaps none.
    #[must_use]
    pub fn known_next_slots(
        &self,
        doctor_id: DoctorId,
        visit_type_id: Option<VisitTypeId>,
        duration_minutes: Option<i32>,
        first: usize,
    ) -> Vec<Slot> {
        let now = self.now();
        let calendar = self.keeper.memory.find(doctor_id).filter(|calendar| calendar.is_whole(now));
        let next = |calendar| open_in(calendar, ahead(now), now, (visit_type_id, duration_minutes), first);
        calendar.map(next).unwrap_or_default()
    }

    /// The doctors with these ids, listed or not. Those come from memory whom this process knows as they were a second ago or later, where
    /// nothing newer was announced in it; the others from the database.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn doctors(&self, ids: &[DoctorId]) -> Result<HashMap<DoctorId, Doctor>, Rejection> {
        let known = self.keeper.current(ids).into_iter();
        let mut doctors: HashMap<_, _> = known.map(|(id, calendar)| (id, calendar.doctor.clone())).collect();
        let unknown: Vec<_> = ids.iter().filter(|id| !doctors.contains_key(id)).copied().collect();
        if !unknown.is_empty() {
            let read = directory::doctors(self.database.reader(), &unknown).await?;
            self.note_versions(read.values());
            doctors.extend(read);
        }
        Ok(doctors)
    }

    /// From now on nobody in this process is shown these doctors older than the database has them at this moment.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn catch_up(&self, doctors: &[DoctorId]) -> Result<(), Rejection> {
        let versions = self.versions(doctors).await?;
        self.keeper.announced().note(versions.into_iter());
        Ok(())
    }

    /// The same of doctors who were just read.
    pub(super) fn note_versions<'a>(&self, doctors: impl Iterator<Item = &'a Doctor>) {
        self.keeper.announced().note(doctors.map(|doctor| (doctor.id, doctor.calendar_version)));
    }

    /// Behind it there is all that answers from now on might not know of.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.keeper.cursor()
    }

    /// What this process knows of a doctor's calendar as far as `start`, perhaps not the newest; read where it knows nothing.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn known_calendar(
        &self,
        doctor_id: DoctorId,
        start: DateTime<Utc>,
    ) -> Result<Option<Arc<DoctorCalendar>>, Rejection> {
        Ok(self.keeper.calendars(&[(doctor_id, 0)], start + DAY).await?.remove(&doctor_id))
    }

    /// What this process knows of a doctor's calendar as far as `start`, if that is as new as `version`.
    #[must_use]
    pub fn known_at(&self, doctor_id: DoctorId, version: i32, start: DateTime<Utc>) -> Option<Arc<DoctorCalendar>> {
        self.keeper.memory.get(&[(doctor_id, version)], start + DAY).remove(&doctor_id)
    }

    /// Keeps what a booking of this process has changed, without waiting for the event to come round.
    pub fn note(&self, event: &CalendarEvent, claim: Claim) {
        self.keeper.note(event, claim);
    }

    /// Those of these slots that the rules offer, with their present status.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn slots_by_key(&self, keys: &[SlotKey]) -> Result<HashMap<SlotKey, Slot>, Rejection> {
        let now = self.now();
        let near = Interval { start: now, end: now + HORIZON };
        let keys = keys.iter().filter(|key| near.contains(key.starts_at));
        let doctors: HashSet<_> = keys.clone().map(|key| key.doctor_id).collect();
        if doctors.is_empty() {
            return Ok(HashMap::new());
        }
        let versions = self.versions(&doctors.into_iter().collect::<Vec<_>>()).await?;

        let last = keys.clone().map(|key| key.starts_at).max().unwrap_or(now);
        let calendars = self.keeper.calendars(&versions, last + DAY).await?;
        let find = |key: &SlotKey| {
            let range = Interval { start: key.starts_at, end: key.starts_at + TimeDelta::seconds(1) };
            let query = SlotQuery {
                range,
                visit_type_id: key.visit_type_id,
                duration_minutes: key.visit_type_id.is_none().then_some(key.duration_minutes),
                statuses: vec![SlotStatus::Open, SlotStatus::Held, SlotStatus::Booked],
            };
            let slots = calendars.get(&key.doctor_id)?.slots(&Ask { query: &query, now }, range);
            slots.into_iter().find(|slot| slot.key == *key).map(|slot| (*key, slot))
        };
        Ok(keys.filter_map(find).collect())
    }

    /// Writes the event of a change of the schedule, makes it true and tells everybody.
    pub(super) async fn finish(&self, transaction: Transaction, turn: Turn) -> Result<(), Rejection> {
        let now = turn.now(&*self.clock);
        let events = calendar::record_in(&transaction, turn, &[Change::ScheduleChanged], now).await?;
        transaction.commit().await?;
        self.publisher.publish(&events).await;
        Ok(())
    }

    /// Why a time of a doctor's cannot be booked, and the next one from then on that can. Read from the database, for it may have passed.
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
        let calendar = read(&self.database, &[doctor_id], range, now).await?.pop().ok_or(Rejection::NotFound)?;
        let offered = &calendar.visit_types;
        let (offer, is_offered) = match visit_type_id {
            Some(id) => {
                let found = offered.iter().find(|offered| offered.id == id).ok_or(Rejection::NotFound)?;
                (found.offer, found.active)
            }
            None => (Offer::lasting(duration_minutes, calendar.doctor.buffer_minutes), true),
        };
        let offers = |minutes| {
            is_offered && offered.iter().any(|other| other.active && other.offer.duration_minutes == Some(minutes))
        };
        let reasons = reasons(&calendar.schedule, &offer, start, &calendar.claims, now, is_offered, offers);
        // A length that the doctor does not offer is open to nobody who would ask.
        let is_offered_length = reasons.iter().all(|reason| reason.broken != Broken::Duration);
        let duration_minutes = duration_minutes.filter(|_| is_offered_length);
        let wanted = [(doctor_id, calendar.version())];
        let open = self.keeper.calendars(&wanted, now + HORIZON).await?.remove(&doctor_id);
        let next = open.and_then(|calendar| {
            let from = start.max(now.trunc_subsecs(0));
            let range = Interval::try_new(from, from.max(now) + HORIZON)?;
            open_in(calendar, range, now.trunc_subsecs(0), (visit_type_id, duration_minutes), 1).pop()
        });
        Ok((reasons, next))
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(0)
    }

    /// The versions that the calendars of those of these doctors who are there have in the database.
    pub(super) async fn versions(&self, doctors: &[DoctorId]) -> Result<Vec<(DoctorId, i32)>, Rejection> {
        Ok(calendar::versions(self.database.reader(), doctors).await?.into_iter().collect())
    }
}

/// All that can be booked.
fn ahead(now: DateTime<Utc>) -> Interval {
    Interval { start: now, end: now + HORIZON }
}

/// The first open slots that begin in `range`.
fn open_in(
    calendar: Arc<DoctorCalendar>,
    range: Interval,
    now: DateTime<Utc>,
    (visit_type_id, duration_minutes): (Option<VisitTypeId>, Option<i32>),
    first: usize,
) -> Vec<Slot> {
    let query = SlotQuery { range, visit_type_id, duration_minutes, statuses: vec![SlotStatus::Open] };
    let ask = Ask { query: &query, now };
    let mut slots = SlotStream::new(calendar, range);
    std::iter::from_fn(|| slots.next(&ask)).take(first).collect()
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
