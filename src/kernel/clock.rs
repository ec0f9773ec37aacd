//! What time it is: the only place that asks the machine.

use chrono::{DateTime, SubsecRound, Utc};
use std::{fmt, time::Instant};

/// Tells the time, to the microsecond, which is what both databases keep.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present instant.
    fn now(&self) -> DateTime<Utc>;

    /// The instant by which to decide something for all processes, where the database they share says it is `database_time`. A clock that
    /// was set to some instant knows better.
    fn settle(&self, database_time: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let _ = database_time;
        self.now()
    }
}

/// The clock of the machine.
#[derive(Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }

    fn settle(&self, database_time: Option<DateTime<Utc>>) -> DateTime<Utc> {
        database_time.unwrap_or_else(|| self.now())
    }
}

/// A clock that was set to some instant when the process started.
#[derive(Debug)]
pub struct VirtualClock {
    set_to: DateTime<Utc>,
    running_since: Option<Instant>,
}

impl VirtualClock {
    /// A clock that runs on from `instant`.
    #[must_use]
    pub fn running(instant: DateTime<Utc>) -> Self {
        Self { set_to: instant.trunc_subsecs(6), running_since: Some(Instant::now()) }
    }

    /// A clock that stands still at `instant`.
    #[must_use]
    pub fn frozen(instant: DateTime<Utc>) -> Self {
        Self { set_to: instant.trunc_subsecs(6), running_since: None }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> DateTime<Utc> {
        let elapsed = self.running_since.map(|since| since.elapsed()).unwrap_or_default();
        (self.set_to + elapsed).trunc_subsecs(6)
    }
}
