//! Wrong passwords in a row make an account wait, longer each time.

use crate::infra::redis::{Down, Redis};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use redis::Script;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(15);
/// How many addresses are remembered in the process; then those that need not wait are forgotten.
const REMEMBERED: usize = 10_000;

/// What [`Failures::begin`] does, for all processes at once; what nobody has tried for a day is forgotten.
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local now, allowed, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
        local wait_until = tonumber(redis.call('HGET', KEYS[1], 'wait_until') or '0')
        if wait_until > now then
            return wait_until - now
        end
        local beyond = redis.call('HINCRBY', KEYS[1], 'count', 1) - allowed
        if beyond >= 0 then
            local wait = math.min(1000 * 2 ^ math.min(beyond, 10), longest)
            redis.call('HSET', KEYS[1], 'wait_until', string.format('%.0f', now + wait))
        end
        redis.call('PEXPIRE', KEYS[1], 86400000)
        return 0
        ",
    )
});

/// What is remembered of failed attempts, by address: among all processes where there is Redis, in this one otherwise and while it does not
/// answer.
#[derive(Debug)]
pub struct Attempts {
    allowed: Option<u32>,
    shared: Option<(Redis, String)>,
    failures: Mutex<HashMap<String, Failures>>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    wait_until: DateTime<Utc>,
}

impl Failures {
    fn begin(&mut self, allowed: u32, now: DateTime<Utc>) -> Result<(), TimeDelta> {
        let wait = self.wait_until - now;
        if wait > TimeDelta::zero() {
            return Err(wait);
        }
        self.count += 1;
        if let Some(beyond) = self.count.checked_sub(allowed) {
            let wait = TimeDelta::seconds(1 << beyond.min(10));
            self.wait_until = now + wait.min(LONGEST_WAIT);
        }
        Ok(())
    }
}

impl Attempts {
    /// Stands `allowed` failures in a row, any number where none is given. They are counted in `shared`, a Redis and what its keys of this
    /// installation begin with.
    #[must_use]
    pub fn new(allowed: Option<u32>, shared: Option<(Redis, String)>) -> Self {
        Self { allowed, shared, failures: Mutex::default() }
    }

    /// Begins an attempt, or tells how long this address has to wait before the next one. What has begun counts as failed until it has
    /// succeeded, so that many at once are no way around.
    ///
    /// # Errors
    /// The time to wait.
    pub async fn begin(&self, email: &str, now: DateTime<Utc>) -> Result<(), TimeDelta> {
        let Some(allowed) = self.allowed else { return Ok(()) };
        if let Some((redis, namespace)) = &self.shared {
            let mut begin = BEGIN.key(key(namespace, email));
            begin.arg(now.timestamp_millis()).arg(allowed).arg(LONGEST_WAIT.num_milliseconds());
            let wait =
                redis.run(|mut connection| async move { begin.invoke_async::<i64>(&mut connection).await }).await;
            match wait {
                Ok(0) => return Ok(()),
                Ok(wait) => return Err(TimeDelta::milliseconds(wait)),
                Err(Down) => {}
            }
        }
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED {
            failures.retain(|_, failures| failures.wait_until > now);
        }
        failures.entry(email.to_owned()).or_insert(Failures { count: 0, wait_until: now }).begin(allowed, now)
    }

    /// The right password was given.
    pub async fn succeeded(&self, email: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(email);
        if let Some((redis, namespace)) = &self.shared {
            let key = key(namespace, email);
            let forget = redis.run(|mut connection| async move {
                redis::cmd("DEL").arg(key).query_async::<()>(&mut connection).await
            });
            // Where it does not answer, what is remembered there is forgotten in a day.
            let _ = forget.await;
        }
    }
}

/// Where the failures of an address are counted: Redis does not learn the address.
fn key(namespace: &str, email: &str) -> String {
    format!("medislot:{namespace}:attempts:{}", BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(email.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn after_two_failures_of_two_allowed_one_waits_longer_each_time_and_success_forgets_them() {
        let (attempts, now) = (Attempts::new(Some(2), None), DateTime::UNIX_EPOCH);
        let later = now + TimeDelta::seconds(1);
        assert_eq!(attempts.begin("ada@example.com", now).await, Ok(()));
        assert_eq!(attempts.begin("ada@example.com", now).await, Ok(()));
        assert_eq!(attempts.begin("ada@example.com", now).await, Err(TimeDelta::seconds(1)));
        assert_eq!(attempts.begin("ben@example.com", now).await, Ok(()));
        assert_eq!(attempts.begin("ada@example.com", later).await, Ok(()));
        assert_eq!(attempts.begin("ada@example.com", later).await, Err(TimeDelta::seconds(2)));
        attempts.succeeded("ada@example.com").await;
        assert_eq!(attempts.begin("ada@example.com", later).await, Ok(()));
    }
}
