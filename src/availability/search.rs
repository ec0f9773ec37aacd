//! The earliest slots over all doctors, and doctors by their first one.
//!
//! The slots are merged from memory ([`super::known`]). Before a page leaves, the versions of the calendars on it are compared with the
//! database, three times at most, so no slot on it was taken before it was asked for, unless they are taken faster than that.

use super::{
    known::{DoctorCalendar, HORIZON, Merge, Position, position},
    model::{Slot, SlotQuery, SlotStatus},
    service::Availability,
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
use std::{collections::HashMap, sync::Arc};

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
        let range = Interval::try_new(start, asked.end.min(now + HORIZON));
        let Some(range) = range.filter(|_| !search.slots.statuses.is_empty()) else {
            return Ok(Page::read(request, Vec::new(), None));
        };
        let (query, doctors, size) = (&search.slots, &search.doctors, request.size as usize + 1);
        let merge = Merge { query, doctors, among: None, range, after, first_only: false, size };
        let mut found = Vec::new();
        if let Some(only) = self.only(search, range.end).await? {
            found = merge.among_these(&self.keeper.memory, only, now).await;
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
    async fn only(&self, search: &Search, until: DateTime<Utc>) -> Result<Option<Vec<Arc<DoctorCalendar>>>, Rejection> {
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
        Ok(Some(self.keeper.calendars(&versions, until).await?.into_values().collect()))
    }

    /// Merges the slots of all doctors.
    pub(super) async fn merge_all(&self, merge: &Merge<'_>) -> Result<Vec<Slot>, Rejection> {
        self.keeper.warm().await?;
        let (memory, now) = (&self.keeper.memory, self.now());
        let is_in_order = merge.query.statuses == [SlotStatus::Open];
        let is_a_page = merge.size < usize::MAX;
        if is_in_order && is_a_page && memory.is_in_order(merge.query.duration_minutes) {
            return Ok(merge.in_order(memory, now).await);
        }
        // Everybody is looked at: for an order of this duration, or because all are asked for, or there is no order by what is booked.
        let _turn = self.searches.acquire().await.map_err(|_| Internal::new("nobody searches any more"))?;
        Ok(if is_in_order {
            merge.in_order(memory, now).await
        } else {
            merge.among_these(memory, memory.all(now), now).await
        })
    }

    /// Whether nothing on a page has changed in the database; what has is read again.
    async fn is_current(&self, found: &[Slot]) -> Result<bool, Rejection> {
        let shown: HashMap<_, _> = found.iter().map(|slot| (slot.key.doctor_id, slot.calendar_version)).collect();
        let mut moved = self.versions(&shown.keys().copied().collect::<Vec<_>>()).await?;
        moved.retain(|(id, version)| shown.get(id).is_some_and(|shown| shown < version));
        self.keeper.calendars(&moved, self.now() + HORIZON).await?;
        Ok(moved.is_empty())
    }
}
