//! What each principal may spend in a minute, by GCRA, the generic cell rate algorithm: a budget fills evenly, and all that is kept of it is the
//! instant at which it will be whole again.
//!
//! Redis keeps the budgets of all processes. It is not asked for every request: a process draws what it needs and a hundredth of the budget in
//! advance, and pays from that. So the sum of what all processes spend never goes beyond the budget, as if each request were paid in Redis, but
//! somebody at a frontend causes one round trip in dozens of requests, and somebody whose budget is spent causes none. Measured in a development
//! build on a busy machine (`cargo bench --bench accounts -- budgets`): 3 µs where it is paid from an advance, 310 µs where Redis is asked; asked
//! for each request it would be the third round trip of a booking. In the process alone, and while Redis does not answer, the same algorithm
//! counts what this process spends.

use super::redis::{Down, Redis};
use crate::kernel::client::Principal;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use moka::sync::Cache;
use redis::Script;
use sha2::{Digest, Sha256};
use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// In what time an empty budget is whole again.
pub const WINDOW: Duration = Duration::from_mins(1);
/// Which part of a budget is drawn in advance.
const ADVANCE: u32 = 100;
/// How many principals are remembered in the process.
const REMEMBERED: u64 = 100_000;

/// Draws `want`, or what is left where that is at least `need`; answers what was drawn, and what is left.
static DRAW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local window, quota, need, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
        local each = window / quota
        local whole_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
        local left = math.floor((now + window - whole_at) / each + 0.001)
        if left < need then
            return { 0, math.max(left, 0) }
        end
        local drawn = math.min(left, want)
        whole_at = whole_at + drawn * each
        redis.call('SET', KEYS[1], string.format('%.0f', whole_at), 'PX', math.ceil((whole_at - now) / 1000) + 1)
        return { drawn, left - drawn }
        ",
    )
});

/// The budgets of all principals.
#[derive(Debug)]
pub struct Budgets {
    quota: u32,
    shared: Option<(Redis, String)>,
    purses: Cache<Principal, Arc<Mutex<Purse>>>,
}

/// What this process knows of a principal's budget.
#[derive(Clone, Copy, Debug)]
struct Purse {
    /// When the budget is whole again, by what was spent here alone.
    whole_at: Instant,
    /// What was drawn in advance, and when that was.
    advance: u32,
    drawn_at: Instant,
    /// What was left when Redis was last asked, and when that was.
    left: u32,
    asked_at: Instant,
}

impl Budgets {
    /// Each principal may spend `quota` in a minute. That is counted in `shared`, a Redis and what its keys of this installation begin with.
    #[must_use]
    pub fn new(quota: u32, shared: Option<(Redis, String)>) -> Self {
        Self { quota, shared, purses: Cache::builder().max_capacity(REMEMBERED).time_to_idle(WINDOW * 2).build() }
    }

    /// What a principal may spend in a minute.
    #[must_use]
    pub fn quota(&self) -> u32 {
        self.quota
    }

    /// Pays `cost`.
    ///
    /// # Errors
    /// How long it takes until so much is there again.
    pub async fn spend(&self, principal: Principal, cost: u32) -> Result<(), Duration> {
        let purse = self.purse(principal);
        let mut purse = purse.lock().await;
        let now = Instant::now();
        let Some((redis, namespace)) = &self.shared else { return purse.spend_alone(self.quota, cost, now) };
        let Err(need) = purse.pay(cost, now) else { return Ok(()) };
        if let Some(wait) = purse.wait(self.quota, need, now) {
            return Err(wait);
        }
        let want = need.max(self.quota / ADVANCE);
        let mut draw = DRAW.key(key(namespace, principal));
        draw.arg(WINDOW.as_micros().to_string()).arg(self.quota).arg(need).arg(want);
        let drawn = redis.run(|mut connection| async move { draw.invoke_async::<(u32, u32)>(&mut connection).await });
        match drawn.await {
            Ok((drawn, left)) => {
                (purse.left, purse.asked_at) = (left, now);
                if drawn < need {
                    return Err(purse.wait(self.quota, need, now).unwrap_or_default());
                }
                (purse.advance, purse.drawn_at) = (drawn - need, now);
                Ok(())
            }
            Err(Down) => purse.spend_alone(self.quota, cost, now),
        }
    }

    /// About what a principal may spend at this moment: what other processes have spent since this one last asked is not known.
    pub async fn left(&self, principal: Principal) -> u32 {
        let (purse, now) = (self.purse(principal), Instant::now());
        let purse = *purse.lock().await;
        match self.shared {
            Some(_) => purse.advance.saturating_add(purse.left_there(self.quota, now)).min(self.quota),
            None => purse.left_alone(self.quota, now),
        }
    }

    fn purse(&self, principal: Principal) -> Arc<Mutex<Purse>> {
        self.purses.get_with(principal, || {
            let now = Instant::now();
            let purse = Purse { whole_at: now, advance: 0, drawn_at: now, left: self.quota, asked_at: now };
            Arc::new(Mutex::new(purse))
        })
    }
}

impl Purse {
    /// Pays from what was drawn in advance, as long as it is good; or what is still needed.
    fn pay(&mut self, cost: u32, now: Instant) -> Result<(), u32> {
        if now.duration_since(self.drawn_at) > WINDOW {
            // The budget has been whole since: it would be spent on top of that.
            self.advance = 0;
        }
        if let Some(rest) = self.advance.checked_sub(cost) {
            self.advance = rest;
            return Ok(());
        }
        Err(cost - self.advance)
    }

    /// How long it takes until so much is left in Redis, at the least.
    fn wait(&self, quota: u32, need: u32, now: Instant) -> Option<Duration> {
        let missing = need.checked_sub(self.left_there(quota, now)).filter(|missing| *missing > 0)?;
        Some(time_for(missing, quota))
    }

    /// What is left in Redis, at the most: nobody else may have spent anything.
    fn left_there(&self, quota: u32, now: Instant) -> u32 {
        let since = now.duration_since(self.asked_at);
        self.left.saturating_add(spent_in(since, quota)).min(quota)
    }

    fn left_alone(&self, quota: u32, now: Instant) -> u32 {
        quota - spent_in(self.whole_at.saturating_duration_since(now), quota).min(quota)
    }

    fn spend_alone(&mut self, quota: u32, cost: u32, now: Instant) -> Result<(), Duration> {
        let whole_at = self.whole_at.max(now) + time_for(cost, quota);
        let wait = whole_at.saturating_duration_since(now + WINDOW);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.whole_at = whole_at;
        Ok(())
    }
}

/// In what time so much of a budget comes back.
fn time_for(cost: u32, quota: u32) -> Duration {
    WINDOW.mul_f64(f64::from(cost) / f64::from(quota))
}

/// What comes back of a budget in this time.
fn spent_in(time: Duration, quota: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates, and is not negative")]
    let spent = (f64::from(quota) * time.div_duration_f64(WINDOW)) as u32;
    spent
}

/// Where the budget of a principal is kept: Redis does not learn an address.
fn key(namespace: &str, principal: Principal) -> String {
    let name = match principal {
        Principal::User(id) => id.to_string(),
        Principal::Visitors(address) => BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(address.to_string().as_bytes())),
    };
    format!("medislot:{namespace}:budget:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::id::UserId;

    #[test]
    fn a_budget_may_be_spent_at_once_and_comes_back_evenly() {
        let now = Instant::now();
        let mut purse = Purse { whole_at: now, advance: 0, drawn_at: now, left: 0, asked_at: now };
        assert_eq!(purse.spend_alone(600, 600, now), Ok(()));
        assert_eq!(purse.spend_alone(600, 10, now), Err(Duration::from_secs(1)));
        assert_eq!(purse.left_alone(600, now), 0);
        let later = now + Duration::from_secs(30);
        assert_eq!(purse.left_alone(600, later), 300);
        assert_eq!(purse.spend_alone(600, 301, later), Err(Duration::from_millis(100)));
        assert_eq!(purse.spend_alone(600, 300, later), Ok(()));
        assert_eq!(purse.left_alone(600, later + WINDOW * 5), 600, "no more than the budget is saved up");
    }

    #[test]
    fn what_was_drawn_in_advance_is_good_for_a_minute() {
        let now = Instant::now();
        let mut purse = Purse { whole_at: now, advance: 10, drawn_at: now, left: 0, asked_at: now };
        assert_eq!(purse.pay(4, now), Ok(()));
        assert_eq!(purse.pay(7, now), Err(1));
        assert_eq!(purse.pay(6, now + WINDOW * 2), Err(6));
    }

    #[test]
    fn while_nothing_can_be_left_redis_is_not_asked() {
        let now = Instant::now();
        let purse = Purse { whole_at: now, advance: 0, drawn_at: now, left: 5, asked_at: now };
        assert_eq!(purse.wait(60, 5, now), None);
        assert_eq!(purse.wait(60, 7, now), Some(Duration::from_secs(2)));
        assert_eq!(purse.wait(60, 7, now + Duration::from_secs(2)), None);
    }

    #[tokio::test]
    async fn everybody_has_a_budget_of_their_own() {
        let budgets = Budgets::new(100, None);
        let (ada, ben) = (Principal::User(UserId::new()), Principal::User(UserId::new()));
        assert_eq!(budgets.spend(ada, 100).await, Ok(()));
        assert!(budgets.spend(ada, 100).await.is_err());
        assert_eq!(budgets.spend(ben, 100).await, Ok(()));
    }
}
