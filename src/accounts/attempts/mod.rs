//! Guessing made slow: attempts are counted by account, by address and by where they come from, and whoever has had as many as are allowed waits,
//! longer each time. What has begun counts until it has succeeded, so that many at once are no way around; with time it is forgotten.

#[cfg(test)]
mod tests;

use crate::{
    infra::redis::{Down, Redis},
    kernel::{
        id::UserId,
        rejection::{Code, Refusal, Rejection},
    },
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use redis::Script;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{LazyLock, Mutex, PoisonError},
};

const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(15);
/// How many counts are remembered in the process; then those that need not wait are forgotten.
const REMEMBERED: usize = 100_000;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Signing in with a password.
    Login,
    /// Showing, by a password or a code, that it is oneself who is signed in. Nobody else's wrong passwords keep one from that.
    Assure,
    /// Making an account.
    Register,
    /// Having a code or a link sent, to sign in or to verify an address.
    Code,
    /// Having a link sent to choose a new password.
    Reset,
    /// Giving a code or the token of a link that was sent.
    Redeem,
    /// Making an account for somebody else.
    Invite,
    /// Changing what one is known by: each change is a letter, and is told to every process.
    Change,
}

/// By what attempts are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// The account that is meant, where it is known.
    Account(UserId),
    /// The e-mail address or the number that was given, in its canonical form, whether anybody has it or not.
    Address(&'a str),
    /// Where the client is; what comes from nowhere is not counted.
    Origin(Option<IpAddr>),
}

/// How many attempts are allowed before one waits, and how long it takes until one of them is forgotten.
#[derive(Clone, Copy, Debug)]
struct Rule {
    allowed: u32,
    forgotten_after: TimeDelta,
}

/// How many attempts are allowed.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// With one account or address.
    pub by_address: u32,
    /// From one place, where many people may be.
    pub by_origin: u32,
}

impl Allowed {
    fn rule(self, attempt: Attempt, by: By<'_>) -> Rule {
        match (by, attempt) {
            // Who fills a clinic's register invites many; what they send to one address is counted too.
            (By::Origin(_), _) | (By::Account(_), Attempt::Invite) => {
                Rule { allowed: self.by_origin, forgotten_after: TimeDelta::seconds(30) }
            }
            // Each is a message to somebody who may not have asked for it.
            (_, Attempt::Code | Attempt::Reset | Attempt::Invite) => {
                Rule { allowed: self.by_address.div_ceil(2), forgotten_after: TimeDelta::minutes(10) }
            }
            _ => Rule { allowed: self.by_address, forgotten_after: TimeDelta::hours(1) },
        }
    }
}

/// What [`Attempts::begin`] does, for all processes at once.
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local now, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
        local wait = 0
        for _, key in ipairs(KEYS) do
            wait = math.max(wait, tonumber(redis.call('HGET', key, 'wait_until') or '0') - now)
        end
        if wait > 0 then
            return wait
        end
        for index, key in ipairs(KEYS) do
            local allowed, forgotten_after = tonumber(ARGV[1 + 2 * index]), tonumber(ARGV[2 + 2 * index])
            local counter = redis.call('HMGET', key, 'count', 'at')
            local forgotten = math.max(0, now - tonumber(counter[2] or now)) / forgotten_after
            local count = math.max(0, tonumber(counter[1] or 0) - forgotten) + 1
            local beyond = math.floor(count + 0.5) - allowed
            local wait_until = 0
            if beyond >= 0 then
                wait_until = now + math.min(1000 * 2 ^ math.min(beyond, 10), longest)
            end
            redis.call('HSET', key, 'count', string.format('%.6f', count), 'at', string.format('%.0f', now),
                'wait_until', string.format('%.0f', wait_until))
            redis.call('PEXPIRE', key, math.ceil(count * forgotten_after) + longest)
        end
        return 0
        ",
    )
});

/// Takes one attempt back.
static TAKE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        for _, key in ipairs(KEYS) do
            local count = tonumber(redis.call('HGET', key, 'count') or '0')
            if count > 0 then
                redis.call('HSET', key, 'count', string.format('%.6f', math.max(0, count - 1)), 'wait_until', '0')
            end
        end
        ",
    )
});

/// What is remembered of attempts: among all processes where there is Redis, in this one otherwise and while it does not answer.
#[derive(Debug)]
pub struct Attempts {
    allowed: Option<Allowed>,
    shared: Option<(Redis, String)>,
    counters: Mutex<HashMap<String, Counter>>,
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    count: f64,
    at: DateTime<Utc>,
    wait_until: DateTime<Utc>,
}

impl Counter {
    fn begin(&mut self, rule: Rule, now: DateTime<Utc>) {
        let since = (now - self.at).max(TimeDelta::zero());
        let forgotten = since.as_seconds_f64() / rule.forgotten_after.as_seconds_f64();
        (self.count, self.at) = ((self.count - forgotten).max(0.0) + 1.0, now);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it saturates, and is not negative"
        )]
        if let Some(beyond) = (self.count.round() as u32).checked_sub(rule.allowed) {
            self.wait_until = now + TimeDelta::seconds(1 << beyond.min(10)).min(LONGEST_WAIT);
        }
    }
}

impl Attempts {
    /// Stands so many attempts, any number where none is given. They are counted in `shared`, a Redis and what its keys of this installation
    /// begin with.
    #[must_use]
    pub fn new(allowed: Option<Allowed>, shared: Option<(Redis, String)>) -> Self {
        Self { allowed, shared, counters: Mutex::default() }
    }

    /// Begins an attempt, and counts it by all that is given; where one of them has to wait none is counted.
    ///
    /// # Errors
    /// `TooManyAttempts`, which says how long to wait.
    pub async fn begin(&self, attempt: Attempt, by: &[By<'_>], now: DateTime<Utc>) -> Result<(), Rejection> {
        let Some(allowed) = self.allowed else { return Ok(()) };
        let counted: Vec<_> = by
            .iter()
            .filter(|by| **by != By::Origin(None))
            .map(|by| (key(attempt, *by), allowed.rule(attempt, *by)))
            .collect();
        if counted.is_empty() {
            return Ok(());
        }
        let wait = match self.begin_there(&counted, now).await {
            Ok(wait) => wait,
            Err(Down) => self.begin_here(&counted, now),
        };
        refuse(attempt, wait)
    }

    /// It was no guess: what is counted by account and by address is forgotten, and what is counted by where it came from is one less.
    pub async fn succeeded(&self, attempt: Attempt, by: &[By<'_>]) {
        let (origins, addresses): (Vec<_>, Vec<_>) = by.iter().partition(|by| matches!(by, By::Origin(_)));
        let keys = |by: Vec<&By<'_>>| by.into_iter().map(|by| key(attempt, *by)).collect::<Vec<_>>();
        let (origins, addresses) = (keys(origins), keys(addresses));
        {
            let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
            for key in &addresses {
                counters.remove(key);
            }
            for key in &origins {
                if let Some(counter) = counters.get_mut(key) {
                    (counter.count, counter.wait_until) = ((counter.count - 1.0).max(0.0), DateTime::UNIX_EPOCH);
                }
            }
        }
        let Some((redis, namespace)) = &self.shared else { return };
        let full = |key: &String| format!("medislot:{namespace}:{key}");
        let forget = redis.run(|mut connection| async move {
            let mut take_back = TAKE_BACK.prepare_invoke();
            for key in &origins {
                take_back.key(full(key));
            }
            take_back.invoke_async::<()>(&mut connection).await?;
            let mut delete = redis::cmd("UNLINK");
            for key in &addresses {
                delete.arg(full(key));
            }
            if addresses.is_empty() { Ok(()) } else { delete.query_async(&mut connection).await }
        });
        // Where it does not answer, what is remembered there is forgotten in time.
        let _ = forget.await;
    }

    async fn begin_there(&self, counted: &[(String, Rule)], now: DateTime<Utc>) -> Result<TimeDelta, Down> {
        let (redis, namespace) = self.shared.as_ref().ok_or(Down)?;
        let mut begin = BEGIN.prepare_invoke();
        begin.arg(now.timestamp_millis()).arg(LONGEST_WAIT.num_milliseconds());
        for (key, rule) in counted {
            begin.key(format!("medislot:{namespace}:{key}"));
            begin.arg(rule.allowed).arg(rule.forgotten_after.num_milliseconds());
        }
        let wait = redis.run(|mut connection| async move { begin.invoke_async::<i64>(&mut connection).await });
        wait.await.map(TimeDelta::milliseconds)
    }

    fn begin_here(&self, counted: &[(String, Rule)], now: DateTime<Utc>) -> TimeDelta {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = counted.iter().filter_map(|(key, _)| Some(counters.get(key)?.wait_until - now));
        let wait = waits.max().unwrap_or_default();
        if wait > TimeDelta::zero() {
            return wait;
        }
        if counters.len() >= REMEMBERED {
            counters.retain(|_, counter| counter.wait_until > now);
        }
        for (key, rule) in counted {
            let new = Counter { count: 0.0, at: now, wait_until: DateTime::UNIX_EPOCH };
            counters.entry(key.clone()).or_insert(new).begin(*rule, now);
        }
        TimeDelta::zero()
    }
}

fn refuse(attempt: Attempt, wait: TimeDelta) -> Result<(), Rejection> {
    if wait <= TimeDelta::zero() {
        return Ok(());
    }
    tracing::info!(?attempt, seconds = wait.num_seconds() + 1, "refused an attempt after too many");
    let message = format!("Too many attempts. Try again in {} s.", wait.num_seconds() + 1);
    Err(Refusal::new(Code::TooManyAttempts, message).into())
}

/// Where attempts are counted: Redis learns no address.
fn key(attempt: Attempt, by: By<'_>) -> String {
    let hash = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()));
    let name = match by {
        By::Account(id) => id.to_string(),
        By::Address(address) => format!("address_{}", hash(address)),
        By::Origin(Some(address)) => format!("origin_{}", hash(&address.to_string())),
        By::Origin(None) => "nowhere".to_owned(),
    };
    format!("attempts:{}:{name}", format!("{attempt:?}").to_lowercase())
}
