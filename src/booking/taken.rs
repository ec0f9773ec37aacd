//! Times that were taken a moment ago. Never believed for longer than a second: the database knows.

use super::requests::Wanted;
use crate::kernel::id::{DoctorId, UserId};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long a time is taken without asking.
const TAKEN: Duration = Duration::from_secs(1);
/// At most so many doctors' times are remembered.
const MOST: usize = 10_000;

/// A time, who has it, and since when that is known.
type Taken = (Wanted, UserId, Instant);

/// Times that were taken a moment ago: a crowd after one of them is told so without the database.
#[derive(Debug, Default)]
pub struct TakenTimes {
    taken: Mutex<HashMap<DoctorId, Vec<Taken>>>,
}

impl TakenTimes {
    /// Remembers that `owner` has this time, as was found out not before `since`.
    pub fn remember(&self, wanted: Wanted, owner: UserId, since: Instant) {
        let is_recent = |(_, _, since): &Taken| since.elapsed() < TAKEN;
        let mut taken = self.taken();
        if taken.len() >= MOST {
            taken.retain(|_, times| times.iter().any(is_recent));
        }
        if taken.len() < MOST {
            let times = taken.entry(wanted.doctor_id).or_default();
            times.retain(|time| is_recent(time) && time.0 != wanted);
            times.push((wanted, owner, since));
        }
    }

    /// Whether somebody other than `patient` has just taken this time.
    #[must_use]
    pub fn has(&self, wanted: &Wanted, patient: UserId) -> bool {
        self.taken().get(&wanted.doctor_id).is_some_and(|times| {
            let is_it = |(time, owner, since): &Taken| time == wanted && *owner != patient && since.elapsed() < TAKEN;
            times.iter().any(is_it)
        })
    }

    /// Some of this doctor's time is free again.
    pub fn forget(&self, doctor_id: DoctorId) {
        self.taken().remove(&doctor_id);
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<DoctorId, Vec<Taken>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
