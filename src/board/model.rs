//! What a board shows, and how two pictures of it differ.

use crate::{
    availability::{Claim, Offer, Schedule, Slot, SlotKey, SlotStatus, held_until, slots},
    calendar::Cursor,
    directory::{Doctor, VisitType},
    kernel::{
        id::{DoctorId, VisitTypeId},
        interval::Interval,
    },
};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// However quiet it is, a picture is looked over after this time: days come into view at midnight.
const QUIET: TimeDelta = TimeDelta::seconds(60);

/// Which slots a board shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoardQuery {
    /// When they begin.
    pub range: Interval,
    /// What for.
    pub visit_type_id: Option<VisitTypeId>,
}

/// What a message of a board is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoardKind {
    /// All slots of a doctor.
    Snapshot,
    /// What is different.
    Change,
}

/// A message of a board, about one doctor.
#[derive(Clone, Debug)]
pub struct BoardMessage {
    /// What it is.
    pub kind: BoardKind,
    /// Whose slots.
    pub doctor_id: DoctorId,
    /// The version of the calendar that the board shows with it.
    pub version: i32,
    /// The slots that are there, or are different now.
    pub slots: Vec<Slot>,
    /// Those that are not there any more.
    pub removed: Vec<SlotKey>,
    /// Give it back to go on behind this message.
    pub cursor: Arc<Cursor>,
}

/// All that a doctor's slots are told from.
#[derive(Clone, Debug)]
pub struct Material {
    /// The profile, with the version of the calendar, not newer than the rest.
    pub doctor: Doctor,
    /// When the doctor works.
    pub schedule: Schedule,
    /// What is booked or held.
    pub claims: Vec<Claim>,
    /// What the board is for, where that is a visit type.
    pub visit_type: Option<VisitType>,
}

impl Material {
    /// The slots of a board at `now`, in order.
    pub fn slots(&self, query: &BoardQuery, now: DateTime<Utc>) -> Vec<Slot> {
        let now = now.trunc_subsecs(0);
        let offer = match (&self.visit_type, query.visit_type_id) {
            (None, Some(_)) => None,
            (None, None) => Some(Offer::lasting(None, self.doctor.buffer_minutes)),
            (Some(visit_type), _) => (visit_type.doctor_id == self.doctor.id && visit_type.active)
                .then(|| Offer::of(visit_type, self.doctor.buffer_minutes)),
        };
        let Some(offer) = offer else { return Vec::new() };
        let slot = |(visit, status): (Interval, SlotStatus)| Slot {
            key: SlotKey {
                starts_at: visit.start,
                doctor_id: self.doctor.id,
                duration_minutes: (visit.end - visit.start).num_minutes().try_into().unwrap_or(i32::MAX),
                visit_type_id: query.visit_type_id,
            },
            status,
            held_until: if status == SlotStatus::Held {
                held_until(&self.claims, offer.occupied(visit), now)
            } else {
                None
            },
            calendar_version: self.doctor.calendar_version,
        };
        let found = slots(&self.schedule, &offer, query.range, &self.claims, now);
        found.into_iter().map(|(candidate, status)| slot((candidate.visit, status))).collect()
    }
}

/// A doctor's part of a board, as it was drawn.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it was drawn from.
    pub material: Arc<Material>,
    /// What it shows.
    pub slots: Arc<Vec<Slot>>,
    /// When it may become different by itself.
    pub lasts_until: DateTime<Utc>,
}

impl Picture {
    /// Draws it at `now`.
    pub fn draw(material: Arc<Material>, query: &BoardQuery, now: DateTime<Utc>) -> Self {
        let slots = material.slots(query, now);
        let notice = TimeDelta::minutes(material.schedule.min_notice_minutes.into());
        // The notice may be kept exactly, and now is cut to the second.
        let passes = |slot: &Slot| slot.key.starts_at - notice + TimeDelta::seconds(1);
        let ends = slots.iter().flat_map(|slot| [Some(passes(slot)), slot.held_until]).flatten();
        let lasts_until = ends.filter(|end| *end > now).min().map_or(now + QUIET, |end| end.min(now + QUIET));
        Self { material, slots: Arc::new(slots), lasts_until }
    }

    /// The version of the calendar that it shows.
    pub fn version(&self) -> i32 {
        self.material.doctor.calendar_version
    }
}

/// The slots of `after` that are not the same in `before`, and the keys of those that are gone.
pub fn changes(before: &[Slot], after: &[Slot]) -> (Vec<Slot>, Vec<SlotKey>) {
    let state = |slot: &Slot| (slot.status, slot.held_until);
    let known: HashMap<_, _> = before.iter().map(|slot| (slot.key, state(slot))).collect();
    let there: HashSet<_> = after.iter().map(|slot| slot.key).collect();
    let different = after.iter().filter(|slot| known.get(&slot.key) != Some(&state(slot))).copied().collect();
    let gone = before.iter().map(|slot| slot.key).filter(|key| !there.contains(key)).collect();
    (different, gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn boards() -> impl Strategy<Value = Vec<Slot>> {
        let doctor_id = DoctorId::new();
        prop::collection::btree_map(0_i64..20, 0_u8..4, 0..20).prop_map(move |slots| {
            let slot = |(place, status): (i64, u8)| Slot {
                key: SlotKey {
                    starts_at: DateTime::UNIX_EPOCH + TimeDelta::minutes(30 * place),
                    doctor_id,
                    duration_minutes: 30,
                    visit_type_id: None,
                },
                status: [SlotStatus::Open, SlotStatus::Held, SlotStatus::Held, SlotStatus::Booked][usize::from(status)],
                held_until: matches!(status, 1 | 2).then(|| DateTime::UNIX_EPOCH + TimeDelta::minutes(status.into())),
                calendar_version: 1,
            };
            slots.into_iter().map(slot).collect()
        })
    }

    proptest! {
        #[test]
        fn whoever_applies_the_changes_has_the_new_board(before in boards(), after in boards()) {
            let (different, gone) = changes(&before, &after);
            let mut board: BTreeMap<_, _> = before.iter().map(|slot| (slot.key, *slot)).collect();
            board.extend(different.iter().map(|slot| (slot.key, *slot)));
            board.retain(|key, _| !gone.contains(key));
            prop_assert_eq!(board.into_values().collect::<Vec<_>>(), after.clone());
            let nothing = changes(&after, &after);
            prop_assert!(nothing.0.is_empty() && nothing.1.is_empty());
        }
    }
}
