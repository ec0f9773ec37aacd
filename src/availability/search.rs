//! The earliest slots over all doctors, and doctors by their first one.
//!
//! Calendars are opened in the order of an instant before which nothing of theirs can be open ([`super::known`]), and their slots are
//! merged; when the next calendar's instant lies behind what was found, nothing earlier is anywhere. So the page is what deriving every
//! slot of every doctor would give, and few calendars are opened for it. Before it leaves, the versions of the calendars on it are compared
//! with the database, so no slot on it was taken before it was asked for.

use super::{
    known::{Ask, DoctorCalendar, HORIZON, Place, SlotStream},
    model::{Slot, SlotQuery, SlotStatus},
    service::{Availability, TURN},
};
use crate::{
    directory::{self, DoctorFilter},
    kernel::{
        id::DoctorId,
        interval::Interval,
        page::{Page, PageRequest, decode_instant_cursor, encode_cursor},
        rejection::{Internal, Rejection},
    },
};
use chrono::{DateTime, Utc};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, VecDeque},
    sync::Arc,
};
use tokio::sync::SemaphorePermit;

const LIST: &str = "slots";
/// How often a page is made anew because something on it was taken meanwhile.
const TRIES: usize = 3;

/// Which slots, of whom.
#[derive(Clone, Debug)]
pub struct Search {
    /// Only those of this doctor.
    pub doctor_id: Option<DoctorId>,
    /// Of which doctors.
    pub doctors: DoctorFilter,
    /// Which of their slots.
    pub slots: SlotQuery,
}

/// A page of slots over many doctors.
pub type SearchedSlots = Page<Slot>;

type Position = (DateTime<Utc>, (DoctorId, i32));

/// What slots are ordered by, and no two of one search share.
fn position(slot: &Slot) -> Position {
    (slot.key.starts_at, (slot.key.doctor_id, slot.key.duration_minutes))
}

/// Which slots of whom, how many, and from where on.
pub(super) struct Merge<'a> {
    pub query: &'a SlotQuery,
    pub doctors: &'a DoctorFilter,
    /// Only these, where a text was searched for.
    pub among: Option<&'a HashSet<DoctorId>>,
    pub range: Interval,
    pub after: Option<Position>,
    /// Only the first slot of each doctor.
    pub first_only: bool,
    pub size: usize,
}

impl Merge<'_> {
    fn lets_through(&self, calendar: &DoctorCalendar) -> bool {
        let is_among = self.among.is_none_or(|among| among.contains(&calendar.schedule.doctor_id));
        is_among && calendar.matches(self.doctors)
    }
}

impl Availability {
    /// The earliest slots over all doctors that the search lets through, by start, then by doctor.
    ///
    /// # Errors
    /// Where the cursor is none, the database does not answer, or this process has just begun and does not know all calendars yet.
    pub async fn search(&self, search: &Search, request: &PageRequest) -> Result<SearchedSlots, Rejection> {
        let now = self.now();
        let after: Option<Position> =
            request.cursor.as_deref().map(|cursor| decode_instant_cursor(LIST, cursor)).transpose()?;
        let asked = search.slots.range;
        let start = after.map_or(asked.start, |(start, ..)| asked.start.max(start)).max(now);
        let Some(range) = Interval::try_new(start, asked.end.min(now + HORIZON)) else {
            return Ok(Page::read(request, Vec::new(), None));
        };
        let (query, doctors, size) = (&search.slots, &search.doctors, request.size as usize + 1);
        let merge = Merge { query, doctors, among: None, range, after, first_only: false, size };
        let mut found = Vec::new();
        if let Some(only) = self.only(search).await? {
            found = self.merge(&merge, Source::of(only, &merge)).await?;
        } else {
            for _ in 0..TRIES {
                found = self.merge_all(&merge).await?;
                if self.is_current(&found).await? {
                    break;
                }
            }
        }
        let items = found.into_iter().map(|slot| (encode_cursor(LIST, &position(&slot)), slot));
        Ok(Page::read(request, items.collect(), None))
    }

    /// The calendars of the one doctor whom the search names, by id or by a visit type; nothing where it names none.
    async fn only(&self, search: &Search) -> Result<Option<Vec<Arc<DoctorCalendar>>>, Rejection> {
        let of_visit_type = match search.slots.visit_type_id {
            Some(id) => {
                let visit_type = directory::visit_types(self.database.reader(), &[id]).await?.remove(&id);
                let Some(visit_type) = visit_type else { return Ok(Some(Vec::new())) };
                Some(visit_type.doctor_id)
            }
            None => None,
        };
        let named = match (search.doctor_id, of_visit_type) {
            (Some(one), Some(other)) if one != other => return Ok(Some(Vec::new())),
            (one, other) => one.or(other),
        };
        let Some(id) = named else { return Ok(None) };
        let versions = self.versions(&[id]).await?;
        Ok(Some(self.keeper.calendars(&versions).await?.into_values().collect()))
    }

    /// Merges the slots of all doctors.
    pub(super) async fn merge_all(&self, merge: &Merge<'_>) -> Result<Vec<Slot>, Rejection> {
        self.keeper.warm().await?;
        if merge.query.statuses == [SlotStatus::Open] {
            return self.merge(merge, Source { waiting: VecDeque::new(), rest: Rest::Behind(None) }).await;
        }
        // There is no order by what is booked: everybody who has something booked, or open where that is asked for too, is looked at.
        let _turn = self.turn().await?;
        self.merge(merge, Source::of(self.keeper.memory.all(), merge)).await
    }

    /// Whether nothing on a page has changed in the database; what has is read again.
    async fn is_current(&self, found: &[Slot]) -> Result<bool, Rejection> {
        let shown: HashMap<_, _> = found.iter().map(|slot| (slot.key.doctor_id, slot.calendar_version)).collect();
        let mut moved = self.versions(&shown.keys().copied().collect::<Vec<_>>()).await?;
        moved.retain(|(id, version)| shown.get(id).is_some_and(|shown| shown < version));
        self.keeper.calendars(&moved).await?;
        Ok(moved.is_empty())
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, Rejection> {
        let turn = self.searches.acquire().await;
        turn.map_err(|_| Internal::new("nobody searches any more").into())
    }

    async fn merge(&self, merge: &Merge<'_>, mut source: Source) -> Result<Vec<Slot>, Rejection> {
        let ask = Ask { query: merge.query, now: self.now() };
        let mut opened: HashSet<DoctorId> = HashSet::new();
        let mut streams: Vec<SlotStream> = Vec::new();
        let mut heads: BinaryHeap<Reverse<(Position, usize, Slot)>> = BinaryHeap::new();
        let mut found = Vec::new();
        let advance = |stream: &mut SlotStream| {
            let mut slots = std::iter::from_fn(|| stream.next(&ask));
            slots.find(|slot| merge.first_only || merge.after.is_none_or(|after| after < position(slot)))
        };
        while found.len() < merge.size {
            // Whoever may have something before the earliest head is opened first.
            while let Some(place) = self.peek(&mut source, merge).await? {
                if heads.peek().is_some_and(|Reverse(((start, (doctor, _)), ..))| (*start, *doctor) < place) {
                    break;
                }
                let Some((_, calendar)) = source.waiting.pop_front() else { break };
                if !opened.insert(calendar.schedule.doctor_id) {
                    continue;
                }
                if opened.len().is_multiple_of(TURN) {
                    tokio::task::yield_now().await;
                }
                let mut stream = SlotStream::new(calendar, merge.range);
                if let Some(slot) = advance(&mut stream) {
                    heads.push(Reverse((position(&slot), streams.len(), slot)));
                    streams.push(stream);
                }
            }
            let Some(Reverse((head, place, slot))) = heads.pop() else { break };
            if merge.after.is_none_or(|after| after < head) {
                found.push(slot);
            }
            if !merge.first_only
                && let Some(next) = advance(&mut streams[place])
            {
                heads.push(Reverse((position(&next), place, next)));
            }
        }
        Ok(found)
    }

    /// The place of the next calendar that is not opened yet.
    async fn peek(&self, source: &mut Source, merge: &Merge<'_>) -> Result<Option<Place>, Rejection> {
        loop {
            if let Some((place, _)) = source.waiting.front() {
                return Ok(Some(*place));
            }
            let Rest::Behind(after) = source.rest else { return Ok(None) };
            let (memory, duration) = (&self.keeper.memory, merge.query.duration_minutes);
            let sought = memory.next(duration, after, merge.range.end, |calendar| merge.lets_through(calendar));
            if let Some(sought) = sought {
                source.waiting.extend(sought.calendars);
                source.rest = sought.last.map_or(Rest::Nobody, |last| Rest::Behind(Some(last)));
                tokio::task::yield_now().await;
            } else {
                let _turn = self.turn().await?;
                if !memory.is_in_order(duration) {
                    memory.put_in_order(duration, self.now()).await;
                }
            }
        }
    }
}

/// Calendars that are not opened yet.
struct Source {
    waiting: VecDeque<(Place, Arc<DoctorCalendar>)>,
    rest: Rest,
}

/// Which calendars come after those that wait.
enum Rest {
    Nobody,
    /// Those behind this place in the order of all; from the beginning where there is none.
    Behind(Option<Place>),
}

impl Source {
    /// These calendars and no others.
    fn of(mut calendars: Vec<Arc<DoctorCalendar>>, merge: &Merge<'_>) -> Self {
        let (start, asks_for_open) = (merge.range.start, merge.query.statuses.contains(&SlotStatus::Open));
        calendars.retain(|calendar| {
            merge.lets_through(calendar) && (asks_for_open || !calendar.claims_around(merge.range).is_empty())
        });
        let placed = calendars.into_iter().map(|calendar| ((start, calendar.schedule.doctor_id), calendar));
        Self { waiting: placed.collect(), rest: Rest::Nobody }
    }
}
