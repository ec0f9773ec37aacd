//! Wrong passwords in a row make an account wait, longer each time.

use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(15);
/// How many addresses are remembered; then those that need not wait are forgotten.
const REMEMBERED: usize = 10_000;

/// What is remembered of failed attempts, by address, in this process.
#[derive(Debug)]
pub struct Attempts {
    allowed: Option<u32>,
    failures: Mutex<HashMap<String, Failures>>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    wait_until: DateTime<Utc>,
}

impl Attempts {
    /// Stands `allowed` failures in a row; any number where none is given.
    #[must_use]
    pub fn new(allowed: Option<u32>) -> Self {
        Self { allowed, failures: Mutex::default() }
    }

    /// Begins an attempt, or tells how long this address has to wait before the next one. What has begun counts as failed until it has
    /// succeeded, so that many at once are no way around.
    ///
    /// # Errors
    /// The time to wait.
    pub fn begin(&self, email: &str, now: DateTime<Utc>) -> Result<(), TimeDelta> {
        let Some(allowed) = self.allowed else { return Ok(()) };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED {
            failures.retain(|_, failures| failures.wait_until > now);
        }
        let entry = failures.entry(email.to_owned()).or_insert(Failures { count: 0, wait_until: now });
        let wait = entry.wait_until - now;
        if wait > TimeDelta::zero() {
            return Err(wait);
        }
        entry.count += 1;
        if let Some(beyond) = entry.count.checked_sub(allowed) {
            let wait = TimeDelta::seconds(1 << beyond.min(10));
            entry.wait_until = now + wait.min(LONGEST_WAIT);
        }
        Ok(())
    }

    /// The right password was given.
    pub fn succeeded(&self, email: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(email);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_two_failures_of_two_allowed_one_waits_longer_each_time_and_success_forgets_them() {
        let (attempts, now) = (Attempts::new(Some(2)), DateTime::UNIX_EPOCH);
        let later = now + TimeDelta::seconds(1);
        assert_eq!(attempts.begin("ada@example.com", now), Ok(()));
        assert_eq!(attempts.begin("ada@example.com", now), Ok(()));
        assert_eq!(attempts.begin("ada@example.com", now), Err(TimeDelta::seconds(1)));
        assert_eq!(attempts.begin("ben@example.com", now), Ok(()));
        assert_eq!(attempts.begin("ada@example.com", later), Ok(()));
        assert_eq!(attempts.begin("ada@example.com", later), Err(TimeDelta::seconds(2)));
        attempts.succeeded("ada@example.com");
        assert_eq!(attempts.begin("ada@example.com", later), Ok(()));
    }
}
