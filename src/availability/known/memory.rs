//! The calendars that this process knows, and their orders. No reading, no waiting.

use super::{
    calendar::DoctorCalendar,
    order::{DURATIONS, Order, Place, Sought},
};
use crate::{calendar::CalendarEvent, kernel::id::DoctorId};
use chrono::{DateTime, Utc};
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

/// How many bounds are computed before others have their turn.
const PART: usize = 256;

/// What is known.
#[derive(Debug, Default)]
pub struct Memory {
    state: RwLock<State>,
    ticks: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    calendars: HashMap<DoctorId, Arc<DoctorCalendar>>,
    /// The last versions that events told of, of those calendars that are not known whole and as new as that.
    lacking: HashMap<DoctorId, i32>,
    /// By the duration that is asked for.
    orders: HashMap<Option<i32>, Order>,
}

impl Memory {
    /// Memory with nothing in it but the order of slots as long as the hours say.
    pub fn new() -> Self {
        let memory = Self::default();
        memory.write().orders.insert(None, Order::default());
        memory
    }

    /// What is known of each of these doctors at the given version at least, as far as until then.
    pub fn get(&self, wanted: &[(DoctorId, i32)], until: DateTime<Utc>) -> HashMap<DoctorId, Arc<DoctorCalendar>> {
        let state = self.read();
        let known = |(id, version): &(DoctorId, i32)| {
            let calendar = state.calendars.get(id)?;
            (calendar.version() >= *version && calendar.known_until >= until).then(|| (*id, Arc::clone(calendar)))
        };
        wanted.iter().filter_map(known).collect()
    }

    /// What is known of a doctor, however old, and however little.
    pub fn find(&self, id: DoctorId) -> Option<Arc<DoctorCalendar>> {
        self.read().calendars.get(&id).cloned()
    }

    /// The whole calendars that are known, by doctor.
    pub fn all(&self, now: DateTime<Utc>) -> Vec<Arc<DoctorCalendar>> {
        let state = self.read();
        let mut all: Vec<_> = state.calendars.values().filter(|calendar| calendar.is_whole(now)).cloned().collect();
        drop(state);
        all.sort_unstable_by_key(|calendar| calendar.doctor.id);
        all
    }

    /// Keeps calendars that were read, where nothing newer is known already, and nothing whole for a part of it; tells whether all of
    /// them are as new as what was heard of, and whole where anything was.
    pub fn insert(&self, calendars: Vec<DoctorCalendar>, now: DateTime<Utc>) -> bool {
        // Deriving takes longer than anything else, so it comes before the lock.
        let durations: Vec<_> = self.read().orders.keys().copied().collect();
        // Only of whole ones, for what begins behind the others' end may be taken.
        let bounds = |calendar: &DoctorCalendar| -> Vec<_> {
            let durations = durations.iter().filter(|_| calendar.is_whole(now));
            durations.map(|duration| calendar.bound(*duration, now)).collect()
        };
        let bounded: Vec<_> = calendars.into_iter().map(|calendar| (bounds(&calendar), Arc::new(calendar))).collect();
        let mut state = self.write();
        let State { calendars, orders, lacking } = &mut *state;
        let mut current = true;
        for (bounds, calendar) in bounded {
            let id = calendar.doctor.id;
            let is_whole = calendar.is_whole(now);
            let is_better = |present: &Arc<DoctorCalendar>| {
                present.version() > calendar.version() || !is_whole && present.is_whole(now)
            };
            if calendars.get(&id).is_some_and(is_better) {
                continue;
            }
            for (duration, order) in orders.iter_mut().filter(|_| is_whole) {
                let place = durations.iter().position(|known| known == duration);
                let bound = place.map_or_else(|| calendar.bound(*duration, now), |place| bounds[place]);
                order.set(&calendar, bound);
            }
            match lacking.get(&id) {
                Some(heard) if *heard > calendar.version() || !is_whole => current = false,
                _ => drop(lacking.remove(&id)),
            }
            calendars.insert(id, calendar);
        }
        current
    }

    /// Notes that a calendar has come to a version.
    pub fn hear(&self, event: &CalendarEvent, now: DateTime<Utc>) {
        let mut state = self.write();
        let has_it = |known: &Arc<DoctorCalendar>| known.version() >= event.version && known.is_whole(now);
        let is_known = state.calendars.get(&event.doctor_id).is_some_and(has_it);
        if !is_known {
            let heard = state.lacking.entry(event.doctor_id).or_default();
            *heard = event.version.max(*heard);
        }
    }

    /// The doctors whose calendars have come further than is known; those that are not known at all too, where all should be.
    pub fn behind(&self, all: bool) -> Vec<DoctorId> {
        let state = self.read();
        state.lacking.keys().filter(|id| all || state.calendars.contains_key(id)).copied().collect()
    }

    /// The doctors whose calendars were read before `instant`, at most `limit`.
    pub fn read_before(&self, instant: DateTime<Utc>, limit: usize) -> Vec<DoctorId> {
        let state = self.read();
        let old = state.calendars.iter().filter(|(_, calendar)| calendar.read_at < instant);
        old.take(limit).map(|(id, _)| *id).collect()
    }

    /// The next doctors in the order for this duration; nothing where there is no such order.
    pub fn next(
        &self,
        duration: Option<i32>,
        after: Option<Place>,
        until: DateTime<Utc>,
        lets_through: impl Fn(&DoctorCalendar) -> bool,
    ) -> Option<Sought> {
        let state = self.read();
        let order = state.orders.get(&duration)?;
        order.touch(self.ticks.fetch_add(1, Ordering::Relaxed));
        Some(order.next(after, until, lets_through))
    }

    /// Whether there is an order for this duration.
    pub fn is_in_order(&self, duration: Option<i32>) -> bool {
        self.read().orders.contains_key(&duration)
    }

    /// Puts all doctors in order for a duration that nobody has asked for lately. Takes a while, but holds nobody up.
    pub async fn put_in_order(&self, duration: Option<i32>, now: DateTime<Utc>) {
        let calendars = self.all(now);
        let mut order = Order::default();
        for part in calendars.chunks(PART) {
            for calendar in part {
                order.set(calendar, calendar.bound(duration, now));
            }
            tokio::task::yield_now().await;
        }
        let mut state = self.write();
        let State { calendars: present, orders, .. } = &mut *state;
        // What has changed meanwhile is put in its place now.
        let ordered: HashMap<_, _> = calendars.iter().map(|calendar| (calendar.doctor.id, calendar)).collect();
        for (id, calendar) in present.iter().filter(|(_, calendar)| calendar.is_whole(now)) {
            if ordered.get(id).is_none_or(|ordered| !Arc::ptr_eq(ordered, calendar)) {
                order.set(calendar, calendar.bound(duration, now));
            }
        }
        order.touch(self.ticks.fetch_add(1, Ordering::Relaxed));
        while orders.len() > DURATIONS {
            let oldest = orders.iter().filter(|(duration, _)| duration.is_some()).min_by_key(|(_, order)| order.used());
            let Some(oldest) = oldest.map(|(duration, _)| *duration) else { break };
            orders.remove(&oldest);
        }
        orders.insert(duration, order);
    }

    /// Moves doctors on whose bounds time has overtaken; tells whether that was all of them.
    pub fn raise(&self, now: DateTime<Utc>) -> bool {
        let durations: Vec<_> = self.read().orders.keys().copied().collect();
        let mut all = true;
        for duration in durations {
            let overtaken = self.read().orders.get(&duration).map(|order| order.overtaken(now, PART));
            let overtaken = overtaken.unwrap_or_default();
            all &= overtaken.len() < PART;
            let raised: Vec<_> = overtaken.iter().map(|calendar| (calendar, calendar.bound(duration, now))).collect();
            if let Some(order) = self.write().orders.get_mut(&duration) {
                for (calendar, bound) in raised {
                    order.raise(calendar, bound);
                }
            }
        }
        all
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
