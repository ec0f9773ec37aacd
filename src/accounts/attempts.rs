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

    /// How long this address has to wait before it may try again.
    pub fn wait(&self, email: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = failures.get(email)?.wait_until - now;
        (wait > TimeDelta::zero()).then_some(wait)
    }

    /// A wrong password was given.
    pub fn failed(&self, email: &str, now: DateTime<Utc>) {
        let Some(allowed) = self.allowed else { return };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED {
            failures.retain(|_, failures| failures.wait_until > now);
        }
        let entry = failures.entry(email.to_owned()).or_insert(Failures { count: 0, wait_until: now });
        entry.count += 1;
        if let Some(beyond) = entry.count.checked_sub(allowed) {
            let wait = TimeDelta::seconds(1 << beyond.min(10));
            entry.wait_until = now + wait.min(LONGEST_WAIT);
        }
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
    fn the_third_failure_of_two_allowed_waits_longer_than_the_second_and_success_forgets_them() {
        let (attempts, now) = (Attempts::new(Some(2)), DateTime::UNIX_EPOCH);
        attempts.failed("ada@example.com", now);
        assert_eq!(attempts.wait("ada@example.com", now), None);
        attempts.failed("ada@example.com", now);
        assert_eq!(attempts.wait("ada@example.com", now), Some(TimeDelta::seconds(1)));
        attempts.failed("ada@example.com", now);
        assert_eq!(attempts.wait("ada@example.com", now), Some(TimeDelta::seconds(2)));
        assert_eq!(attempts.wait("ben@example.com", now), None);
        attempts.succeeded("ada@example.com");
        assert_eq!(attempts.wait("ada@example.com", now), None);
    }
}
