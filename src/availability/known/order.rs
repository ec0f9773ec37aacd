//! Doctors by the earliest instant at which they may have something open.

use super::calendar::DoctorCalendar;
use crate::kernel::id::DoctorId;
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// For how many durations there is an order at a time, beside that of slots as long as the hours say.
pub const DURATIONS: usize = 16;
/// How many places are looked at, and how many doctors are taken from them, before others have their turn.
const LOOK: usize = 2_000;
const TAKE: usize = 64;

/// Where a doctor stands.
pub type Place = (DateTime<Utc>, DoctorId);

/// Listed doctors by an instant before which nothing of one length is open, then by id.
#[derive(Debug, Default)]
pub struct Order {
    bounds: HashMap<DoctorId, DateTime<Utc>>,
    places: BTreeMap<Place, Arc<DoctorCalendar>>,
    used: AtomicU64,
}

/// Some doctors in order.
#[derive(Debug, Default)]
pub struct Sought {
    /// Each with its place.
    pub calendars: Vec<(Place, Arc<DoctorCalendar>)>,
    /// Where to go on; nothing at the end.
    pub last: Option<Place>,
}

impl Order {
    /// Puts a doctor in place.
    pub fn set(&mut self, calendar: &Arc<DoctorCalendar>, bound: DateTime<Utc>) {
        let id = calendar.doctor.id;
        if let Some(old) = self.bounds.remove(&id) {
            self.places.remove(&(old, id));
        }
        if calendar.schedule.active {
            self.bounds.insert(id, bound);
            self.places.insert((bound, id), Arc::clone(calendar));
        }
    }

    /// Moves a doctor, if the calendar is still this one.
    pub fn raise(&mut self, calendar: &Arc<DoctorCalendar>, bound: DateTime<Utc>) {
        let id = calendar.doctor.id;
        let place = self.bounds.get(&id).map(|old| (*old, id));
        let present = place.and_then(|place| self.places.get(&place));
        if present.is_some_and(|present| Arc::ptr_eq(present, calendar)) {
            self.set(calendar, bound);
        }
    }

    /// The next doctors behind `after` that are let through and whose place is before `until`.
    pub fn next(
        &self,
        after: Option<Place>,
        until: DateTime<Utc>,
        lets_through: impl Fn(&DoctorCalendar) -> bool,
    ) -> Sought {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut sought = Sought::default();
        for (place, calendar) in self.places.range((from, Bound::Unbounded)).take(LOOK) {
            if place.0 >= until {
                return Sought { last: None, ..sought };
            }
            sought.last = Some(*place);
            if lets_through(calendar) {
                sought.calendars.push((*place, Arc::clone(calendar)));
            }
            if sought.calendars.len() == TAKE {
                break;
            }
        }
        sought
    }

    /// The doctors whose bounds time has overtaken, at most `limit`.
    pub fn overtaken(&self, now: DateTime<Utc>, limit: usize) -> Vec<Arc<DoctorCalendar>> {
        let overtaken = self.places.iter().filter(|((bound, _), calendar)| *bound < calendar.earliest(now));
        overtaken.take(limit).map(|(_, calendar)| Arc::clone(calendar)).collect()
    }

    /// Notes that it is in use.
    pub fn touch(&self, tick: u64) {
        self.used.store(tick, Ordering::Relaxed);
    }

    /// When it was last in use.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}
