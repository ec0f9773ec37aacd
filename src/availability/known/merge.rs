//! Slots of many doctors in one order, from as few calendars as can be.
//!
//! Calendars are opened in the order of an instant before which nothing of theirs can be open, and their slots are merged; where the next
//! calendar's instant lies behind what was found, nothing earlier is anywhere. So the page is what deriving every slot of every doctor
//! would give.

use super::{
    calendar::{Ask, DoctorCalendar, SlotStream},
    memory::Memory,
    order::Place,
};
use crate::{
    availability::model::{Slot, SlotQuery, SlotStatus},
    directory::DoctorFilter,
    kernel::{id::DoctorId, interval::Interval},
};
use chrono::{DateTime, Utc};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet, VecDeque},
    sync::Arc,
};

/// After so many calendars others have their turn, and a deadline its chance.
const TURN: usize = 32;

/// What slots are ordered by, and no two of one search share.
pub type Position = (DateTime<Utc>, (DoctorId, i32));

/// Where a slot stands.
pub fn position(slot: &Slot) -> Position {
    (slot.key.starts_at, (slot.key.doctor_id, slot.key.duration_minutes))
}

/// Which slots of whom, how many, and from where on.
#[derive(Clone, Debug)]
pub struct Merge<'a> {
    /// Which slots.
    pub query: &'a SlotQuery,
    /// Of whom.
    pub doctors: &'a DoctorFilter,
    /// Only these, where a text was searched for.
    pub among: Option<&'a HashSet<DoctorId>>,
    /// When they begin, not before the present.
    pub range: Interval,
    /// Only those behind this one.
    pub after: Option<Position>,
    /// Only the first slot of each doctor.
    pub first_only: bool,
    /// How many at most.
    pub size: usize,
}

impl Merge<'_> {
    fn lets_through(&self, calendar: &DoctorCalendar) -> bool {
        let is_among = self.among.is_none_or(|among| among.contains(&calendar.doctor.id));
        is_among && calendar.matches(self.doctors)
    }

    /// The earliest open slots of all doctors, opened in order.
    pub async fn in_order(&self, memory: &Memory, now: DateTime<Utc>) -> Vec<Slot> {
        let source = Source { memory, waiting: VecDeque::new(), rest: Rest::Behind(None) };
        self.merge(source, now).await
    }

    /// The earliest slots, in any state, of these doctors.
    pub async fn among_these(
        &self,
        memory: &Memory,
        mut calendars: Vec<Arc<DoctorCalendar>>,
        now: DateTime<Utc>,
    ) -> Vec<Slot> {
        let asks_for_open = self.query.statuses.contains(&SlotStatus::Open);
        let has_any = |calendar: &DoctorCalendar| asks_for_open || !calendar.claims_around(self.range).is_empty();
        calendars.retain(|calendar| self.lets_through(calendar) && has_any(calendar));
        let start = self.range.start;
        let placed = calendars.into_iter().map(|calendar| ((start, calendar.doctor.id), calendar));
        self.merge(Source { memory, waiting: placed.collect(), rest: Rest::Nobody }, now).await
    }

    async fn merge(&self, mut source: Source<'_>, now: DateTime<Utc>) -> Vec<Slot> {
        let ask = Ask { query: self.query, now };
        let mut opened: HashSet<DoctorId> = HashSet::new();
        let mut streams: Vec<SlotStream> = Vec::new();
        let mut heads: BinaryHeap<Reverse<(Position, usize, Slot)>> = BinaryHeap::new();
        let mut found = Vec::new();
        let advance = |stream: &mut SlotStream| {
            let mut slots = std::iter::from_fn(|| stream.next(&ask));
            slots.find(|slot| self.first_only || self.after.is_none_or(|after| after < position(slot)))
        };
        while found.len() < self.size {
            // Whoever may have something before the earliest head is opened first.
            while let Some(place) = source.peek(self, now).await {
                if heads.peek().is_some_and(|Reverse(((start, (doctor, _)), ..))| (*start, *doctor) < place) {
                    break;
                }
                let Some((_, calendar)) = source.waiting.pop_front() else { break };
                if !opened.insert(calendar.doctor.id) {
                    continue;
                }
                if opened.len().is_multiple_of(TURN) {
                    tokio::task::yield_now().await;
                }
                let mut stream = SlotStream::new(calendar, self.range);
                if let Some(slot) = advance(&mut stream) {
                    heads.push(Reverse((position(&slot), streams.len(), slot)));
                    streams.push(stream);
                }
            }
            let Some(Reverse((head, place, slot))) = heads.pop() else { break };
            if self.after.is_none_or(|after| after < head) {
                found.push(slot);
            }
            if !self.first_only
                && let Some(next) = advance(&mut streams[place])
            {
                heads.push(Reverse((position(&next), place, next)));
            }
        }
        found
    }
}

/// Calendars that are not opened yet.
struct Source<'a> {
    memory: &'a Memory,
    waiting: VecDeque<(Place, Arc<DoctorCalendar>)>,
    rest: Rest,
}

/// Which calendars come after those that wait.
enum Rest {
    Nobody,
    /// Those behind this place in the order of all; from the beginning where there is none.
    Behind(Option<Place>),
}

impl Source<'_> {
    /// The place of the next calendar.
    async fn peek(&mut self, merge: &Merge<'_>, now: DateTime<Utc>) -> Option<Place> {
        loop {
            if let Some((place, _)) = self.waiting.front() {
                return Some(*place);
            }
            let Rest::Behind(after) = self.rest else { return None };
            let (until, duration) = (merge.range.end, merge.query.duration_minutes);
            let sought = self.memory.next(duration, after, until, |calendar| merge.lets_through(calendar));
            if let Some(sought) = sought {
                self.waiting.extend(sought.calendars);
                self.rest = sought.last.map_or(Rest::Nobody, |last| Rest::Behind(Some(last)));
                tokio::task::yield_now().await;
            } else {
                self.memory.put_in_order(duration, now).await;
            }
        }
    }
}
