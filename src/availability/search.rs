//! The earliest slots over all doctors: day by day, in ever longer steps, until a page is full. So the number of reads does not grow with
//! the number of doctors, and what lies behind the page is not looked at.

use super::{
    model::{Slot, SlotQuery},
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
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

const LIST: &str = "slots";

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
    /// Where the cursor is none, or the database does not answer.
    pub async fn search(&self, search: &Search, request: &PageRequest) -> Result<SearchedSlots, Rejection> {
        let now = self.clock.now().trunc_subsecs(0);
        let after = request.cursor.as_deref().map(|cursor| decode_instant_cursor(LIST, cursor)).transpose()?;
        let range = search.slots.range;
        let start = after.map_or(range.start, |(start, ..): Position| range.start.max(start)).max(now);
        let _turn = self.searches.acquire().await.map_err(|_| Internal::new("nobody searches any more"))?;
        let mut doctors = directory::doctors_by(&self.database, &search.doctors).await?;
        doctors.retain(|doctor| search.doctor_id.is_none_or(|id| id == doctor.id));
        let visit_type = match search.slots.visit_type_id {
            Some(id) => directory::visit_types(self.database.reader(), &[id]).await?.remove(&id),
            None => None,
        };
        if let Some(visit_type) = &visit_type {
            doctors.retain(|doctor| doctor.id == visit_type.doctor_id);
        }
        let Some(whole) = Interval::try_new(start, range.end).filter(|_| !doctors.is_empty()) else {
            return Ok(Page::read(request, Vec::new(), None));
        };
        let ids: Vec<_> = doctors.iter().map(|doctor| doctor.id).collect();
        let mut calendars = self.hours_of(doctors, whole).await?;
        let mut found: Vec<Slot> = Vec::new();
        for step in steps(whole) {
            let mut claims = self.claims_of(&ids, step).await?;
            for (place, calendar) in calendars.iter_mut().enumerate() {
                if place % 64 == 63 {
                    // Thousands of doctors take a while: others have their turn meanwhile, and a deadline its chance.
                    tokio::task::yield_now().await;
                }
                calendar.claims = claims.remove(&calendar.doctor.id).unwrap_or_default();
                let slots = calendar.slots(visit_type.as_ref(), &search.slots, step, now);
                found.extend(slots.filter(|slot| after.is_none_or(|after| after < position(slot))));
            }
            if found.len() > request.size as usize {
                break;
            }
        }
        found.sort_unstable();
        found.truncate(request.size as usize + 1);
        let items = found.into_iter().map(|slot| (encode_cursor(LIST, &position(&slot)), slot));
        Ok(Page::read(request, items.collect(), None))
    }
}

type Position = (DateTime<Utc>, (DoctorId, i32));

/// What slots are ordered by, and no two of one search share.
fn position(slot: &Slot) -> Position {
    (slot.key.starts_at, (slot.key.doctor_id, slot.key.duration_minutes))
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
