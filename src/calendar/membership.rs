//! Who belonged to what somebody watched while they were away.

use super::model::CalendarEvent;
use crate::kernel::id::DoctorId;
use std::collections::{HashMap, HashSet};

/// Of whom those hear who watch, at each version of each calendar.
#[derive(Debug, Default)]
pub struct Membership {
    /// Who belongs to it by now; nothing where all do.
    members: Option<HashSet<DoctorId>>,
    /// By which versions of their calendars doctors joined (true) or left (false), in order. Those without any have always been what they are.
    moves: HashMap<DoctorId, Vec<(i32, bool)>>,
}

impl Membership {
    /// These belong to it by now, and these joined or left meanwhile, each doctor's versions in order.
    pub fn new(members: Option<HashSet<DoctorId>>, meanwhile: Vec<(DoctorId, i32, bool)>) -> Self {
        let mut moves: HashMap<_, Vec<_>> = HashMap::new();
        for (doctor, version, joins) in meanwhile {
            moves.entry(doctor).or_default().push((version, joins));
        }
        Self { members, moves }
    }

    /// All who belong to it or did meanwhile; nothing where all do.
    pub fn doctors(&self) -> Option<Vec<DoctorId>> {
        let members = self.members.as_ref()?;
        let moved = self.moves.keys().filter(|doctor| !members.contains(doctor));
        Some(members.iter().chain(moved).copied().collect())
    }

    /// Whether a watcher would have heard of it: also of the change with which a doctor joins or leaves.
    pub fn hears_of(&self, event: &CalendarEvent) -> bool {
        let Some(members) = &self.members else { return true };
        let Some(moves) = self.moves.get(&event.doctor_id) else { return members.contains(&event.doctor_id) };
        match moves.iter().find(|(version, _)| *version >= event.version) {
            // Who joins later does not belong to it yet, who leaves later does.
            Some((version, joins)) => *version == event.version || !joins,
            None => moves.last().is_some_and(|(_, joins)| *joins),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Change;
    use chrono::DateTime;

    /// The versions of a doctor's calendar that are heard of, of the first ten.
    fn heard(membership: &Membership, doctor_id: DoctorId) -> Vec<i32> {
        let event = |version: i32| CalendarEvent {
            id: version.into(),
            doctor_id,
            version,
            change: Change::ScheduleChanged,
            occurred_at: DateTime::UNIX_EPOCH,
        };
        (1..=10).filter(|version| membership.hears_of(&event(*version))).collect()
    }

    #[test]
    fn doctors_are_heard_of_from_their_joining_to_their_leaving() {
        let [always, never, left, joined, back, visiting] = [(); 6].map(|()| DoctorId::new());
        let moves = vec![
            (left, 4, false),
            (joined, 7, true),
            (back, 3, false),
            (back, 8, true),
            (visiting, 5, true),
            (visiting, 6, false),
        ];
        let membership = Membership::new(Some([always, joined, back].into()), moves);
        assert_eq!(heard(&membership, always), (1..=10).collect::<Vec<_>>());
        assert!(heard(&membership, never).is_empty());
        assert_eq!(heard(&membership, left), [1, 2, 3, 4]);
        assert_eq!(heard(&membership, joined), [7, 8, 9, 10]);
        assert_eq!(heard(&membership, back), [1, 2, 3, 8, 9, 10]);
        assert_eq!(heard(&membership, visiting), [5, 6]);
        let doctors: HashSet<_> = membership.doctors().unwrap().into_iter().collect();
        assert_eq!(doctors, [always, left, joined, back, visiting].into());
        assert_eq!(heard(&Membership::new(None, Vec::new()), never).len(), 10);
    }
}
