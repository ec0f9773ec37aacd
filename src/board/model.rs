//! What a board shows, and how two pictures of it differ.

use crate::{
    availability::{Claim, Offer, Schedule, Slot, SlotKey, SlotStatus, held_until, next_midnight, slots},
    calendar::Cursor,
    directory::{Doctor, VisitType},
    kernel::{
        id::{DoctorId, VisitTypeId},
        interval::Interval,
    },
};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

/// However quiet it is, a picture is looked over after this time.
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
        let now = now.trunc_subsecs(0);
        let slots = material.slots(query, now);
        let notice = TimeDelta::minutes(material.schedule.min_notice_minutes.into());
        // The notice may be kept exactly, and now is cut to the second.
        let passes = |slot: &Slot| slot.key.starts_at - notice + TimeDelta::seconds(1);
        let ends = slots.iter().flat_map(|slot| [Some(passes(slot)), slot.held_until]).flatten();
        // Then another day comes into view.
        let ends = ends.chain([next_midnight(material.schedule.time_zone, now)]);
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

/// What somebody is told first who looks at these pictures, behind `cursor`: what is different from what they have seen, which is everything up
/// to `after`; since then these calendars have changed, to these versions.
pub fn greetings(
    pictures: &BTreeMap<DoctorId, Picture>,
    query: &BoardQuery,
    cursor: Arc<Cursor>,
    after: Option<&Cursor>,
    changed: &HashMap<DoctorId, i32>,
) -> Vec<BoardMessage> {
    let begins = after.is_none_or(|after| after.unfinished);
    let on_the_way = after.cloned().unwrap_or_else(|| Cursor { unfinished: true, ..(*cursor).clone() });
    let since = DateTime::from_timestamp(on_the_way.at, 0).unwrap_or_default();
    let on_the_way = Arc::new(on_the_way);
    let message = |(doctor, picture): (&DoctorId, &Picture)| {
        let (kind, (slots, removed)) = if begins || changed.contains_key(doctor) {
            (BoardKind::Snapshot, (picture.slots.to_vec(), Vec::new()))
        } else {
            (BoardKind::Change, changes(&picture.material.slots(query, since), &picture.slots))
        };
        let cursor = Arc::clone(&on_the_way);
        BoardMessage { kind, doctor_id: *doctor, version: picture.version(), slots, removed, cursor }
    };
    // Who is not on the board any more has nothing on it.
    let left = changed.iter().filter(|(doctor, _)| !pictures.contains_key(doctor));
    let left = left.map(|(doctor, version)| BoardMessage {
        kind: BoardKind::Snapshot,
        doctor_id: *doctor,
        version: *version,
        slots: Vec::new(),
        removed: Vec::new(),
        cursor: Arc::clone(&on_the_way),
    });
    let mut messages: Vec<_> = pictures.iter().map(message).chain(left).collect();
    if let Some(last) = messages.last_mut() {
        last.cursor = cursor;
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        availability::{Hours, Rule, schedule},
        kernel::{
            id::{AvailabilityRuleId, ClinicId},
            local_time::LocalTime,
        },
    };
    use chrono::Weekday;
    use proptest::prelude::*;

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

    /// What a board is drawn from where a doctor works around the clock in Berlin, and an hour is held until so long after midnight.
    fn around_the_clock(midnight: DateTime<Utc>, held_for: TimeDelta) -> Material {
        let doctor = Doctor {
            time_zone: chrono_tz::Europe::Berlin,
            slot_minutes: 60,
            min_notice_minutes: 90,
            max_advance_days: 2,
            ..Doctor::of(ClinicId::new())
        };
        let weekdays = std::iter::successors(Some(Weekday::Mon), |day| Some(day.succ())).take(7);
        let rule = |weekday| Rule {
            id: AvailabilityRuleId::new(),
            weekday,
            start: LocalTime::MIDNIGHT,
            end: LocalTime::from_minutes(1_440).unwrap(),
            slot_minutes: 60,
            effective_from: None,
            effective_until: None,
        };
        let start = midnight + TimeDelta::hours(9);
        let visit = Interval { start, end: start + TimeDelta::hours(1) };
        let hold = Claim { visit, occupied: visit, is_hold: true, expires_at: Some(midnight + held_for) };
        let hours = Hours { rules: weekdays.map(rule).collect(), overrides: Vec::new() };
        Material { schedule: schedule(&doctor, hours), claims: vec![hold], visit_type: None, doctor }
    }

    proptest! {
        #[test]
        fn a_picture_is_as_it_was_drawn_for_as_long_as_it_lasts(
            drawn in -90_000_i64..90_000,
            held_for in -90_000_i64..90_000,
            percent in 0_i32..100,
        ) {
            let midnight = "2026-06-02T22:00:00Z".parse::<DateTime<Utc>>().unwrap();
            let material = Arc::new(around_the_clock(midnight, TimeDelta::milliseconds(held_for)));
            let range = Interval { start: midnight - TimeDelta::days(1), end: midnight + TimeDelta::days(7) };
            let query = BoardQuery { range, visit_type_id: None };
            let drawn = midnight + TimeDelta::milliseconds(drawn);
            let picture = Picture::draw(Arc::clone(&material), &query, drawn);
            prop_assert!(!picture.slots.is_empty());
            let lasts = (picture.lasts_until - drawn).max(TimeDelta::zero());
            let later = drawn + lasts * percent / 100;
            prop_assert_eq!(material.slots(&query, later), picture.slots.to_vec());
        }

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
