//! A doctor's calendar, as far as slots are told from it.

use super::super::{
    claim::{REACH, held_until},
    grid::Candidate,
    model::{Claim, Offer, Schedule, Slot, SlotKey, SlotQuery, SlotStatus},
    slots::{first_possible, slots},
};
use crate::{
    calendar::{CalendarEvent, Change},
    directory::{Doctor, DoctorFilter},
    kernel::{
        id::{SpecialtyId, VisitTypeId},
        interval::Interval,
    },
};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, vec};

/// No doctor can be booked further ahead.
pub const HORIZON: TimeDelta = TimeDelta::days(368);
/// How long what was read reaches as far as the horizon does.
pub const LASTS: TimeDelta = TimeDelta::days(30);
/// How far the first opening is looked for: where there is none, that much is certain.
const FAR: TimeDelta = TimeDelta::days(64);

/// Something that a doctor offers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Offered {
    /// Which visit type.
    pub id: VisitTypeId,
    /// What it takes.
    pub offer: Offer,
    /// Whether it can be booked.
    pub active: bool,
}

/// All that a doctor's slots are told from, and the profile, at one version of the calendar. It never changes: what happens makes a new one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DoctorCalendar {
    /// Who it is; with the version, not newer than anything in it.
    pub doctor: Doctor,
    /// When it was read.
    pub read_at: DateTime<Utc>,
    /// Slots that begin before this can be told from it: the exceptions to the hours and the claims that bear on them are there.
    pub known_until: DateTime<Utc>,
    /// What the doctor practises.
    pub specialty_ids: Vec<SpecialtyId>,
    /// When the doctor works.
    pub schedule: Schedule,
    /// What the doctor offers or once offered.
    pub visit_types: Vec<Offered>,
    /// What is booked or held, by time.
    pub claims: Vec<Claim>,
}

/// What is asked of calendars, and when.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// Which slots.
    pub query: &'a SlotQuery,
    /// The present, cut to the second.
    pub now: DateTime<Utc>,
}

impl DoctorCalendar {
    /// Its version.
    #[must_use]
    pub fn version(&self) -> i32 {
        self.doctor.calendar_version
    }

    /// Whether it reaches as far as can be asked at `now`.
    #[must_use]
    pub fn is_whole(&self, now: DateTime<Utc>) -> bool {
        now + HORIZON <= self.known_until
    }

    /// Whether the doctor is listed, and one of those that the filter lets through by clinic and specialty.
    #[must_use]
    pub fn matches(&self, filter: &DoctorFilter) -> bool {
        self.schedule.active
            && filter.clinic_id.is_none_or(|id| id == self.doctor.clinic_id)
            && filter.specialty_id.is_none_or(|id| self.specialty_ids.contains(&id))
    }

    /// What the query asks for; nothing where it names a visit type that the doctor does not offer.
    #[must_use]
    pub fn offer(&self, visit_type_id: Option<VisitTypeId>, duration_minutes: Option<i32>) -> Option<Offer> {
        let Some(id) = visit_type_id else { return Some(Offer::lasting(duration_minutes, self.doctor.buffer_minutes)) };
        let offered = self.visit_types.iter().find(|offered| offered.id == id && offered.active)?;
        Some(offered.offer)
    }

    /// The slots that begin in `range` and that the query lets through, in order.
    #[must_use]
    pub fn slots(&self, ask: &Ask<'_>, range: Interval) -> Vec<Slot> {
        let query = ask.query;
        let Some(offer) = self.offer(query.visit_type_id, query.duration_minutes) else { return Vec::new() };
        let slot = |(candidate, status): (Candidate, SlotStatus)| {
            let key = SlotKey {
                starts_at: candidate.visit.start,
                doctor_id: self.doctor.id,
                duration_minutes: candidate.duration_minutes,
                visit_type_id: query.visit_type_id,
            };
            let is_held = status == SlotStatus::Held;
            let held_until = if is_held {
                let occupied = offer.occupied(candidate.visit);
                held_until(self.claims_around(occupied), occupied, ask.now)
            } else {
                None
            };
            Slot { key, status, held_until, calendar_version: self.version() }
        };
        let found = slots(&self.schedule, &offer, range, self.claims_around(range), ask.now);
        found.into_iter().filter(|(_, status)| query.statuses.contains(status)).map(slot).collect()
    }

    /// The claims that bear on slots that begin in `range`.
    #[must_use]
    pub fn claims_around(&self, range: Interval) -> &[Claim] {
        let (from, until) = (range.start - REACH, range.end + REACH);
        let first = self.claims.partition_point(|claim| claim.occupied.end <= from);
        let behind = self.claims.partition_point(|claim| claim.occupied.start < until);
        self.claims.get(first..behind).unwrap_or_default()
    }

    /// An instant before which no slot of this length is open, now or later, whatever time does.
    #[must_use]
    pub fn bound(&self, duration_minutes: Option<i32>, now: DateTime<Utc>) -> DateTime<Utc> {
        let offer = Offer::lasting(duration_minutes, self.doctor.buffer_minutes);
        let start = self.earliest(now);
        let whole = Interval { start, end: start + FAR };
        let first = |step| first_possible(&self.schedule, &offer, step, self.claims_around(step));
        steps(whole).find_map(first).unwrap_or(whole.end)
    }

    /// The first start that the notice lets be booked.
    #[must_use]
    pub fn earliest(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now.trunc_subsecs(0) + TimeDelta::minutes(self.schedule.min_notice_minutes.into())
    }

    /// The same calendar after these events, in order; `claims` are those that keep any of the time that the events tell of.
    #[must_use]
    pub fn after(mut self, events: &[CalendarEvent], claims: &[Claim]) -> Self {
        let touched = |claim: &Claim| {
            let times = events.iter().filter_map(|event| event.change.interval());
            times.into_iter().any(|time| time.overlaps(&claim.occupied))
        };
        self.claims.retain(|claim| !touched(claim));
        self.claims.extend(claims.iter().filter(|claim| touched(claim)));
        self.claims.sort_unstable_by_key(|claim| claim.occupied);
        self.doctor.calendar_version = events.last().map_or(self.version(), |event| event.version);
        self
    }
}

/// Whether any of these events changes the profile, the hours or what is offered, and not only claims.
pub fn changes_schedule(events: &[CalendarEvent]) -> bool {
    events.iter().any(|event| event.change == Change::ScheduleChanged)
}

/// `whole` in parts of one day, two days, four …
fn steps(whole: Interval) -> impl Iterator<Item = Interval> {
    let mut length = TimeDelta::days(1);
    let mut start = whole.start;
    std::iter::from_fn(move || {
        let step = Interval::try_new(start, whole.end.min(start + length))?;
        (start, length) = (step.end, length * 2);
        Some(step)
    })
}

/// The slots of one doctor in order, derived as they are needed.
#[derive(Debug)]
pub struct SlotStream {
    calendar: Arc<DoctorCalendar>,
    derived: vec::IntoIter<Slot>,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    length: TimeDelta,
}

impl SlotStream {
    /// The slots that begin in `range`.
    pub fn new(calendar: Arc<DoctorCalendar>, range: Interval) -> Self {
        let Interval { start, end } = range;
        Self { calendar, derived: Vec::new().into_iter(), start, end, length: TimeDelta::days(1) }
    }

    /// The next slot.
    pub fn next(&mut self, ask: &Ask<'_>) -> Option<Slot> {
        loop {
            if let Some(slot) = self.derived.next() {
                return Some(slot);
            }
            let step = Interval::try_new(self.start, self.end.min(self.start + self.length))?;
            (self.start, self.length) = (step.end, self.length * 2);
            self.derived = self.calendar.slots(ask, step).into_iter();
        }
    }
}
