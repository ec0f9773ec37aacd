//! What one principal may have: a budget, and so many operations at a time.

use super::operation::refused;
use crate::{
    config::Limits,
    infra::budget::{Budgets, WINDOW},
    kernel::client::Principal,
};
use async_graphql::{ErrorExtensionValues, ServerError, Value};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The headers of the draft-ietf-httpapi-ratelimit-headers, version 10.
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// See [`POLICY`].
pub const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// When somebody may try again who has too much running.
const SOON: Duration = Duration::from_secs(1);

/// What every principal may have.
#[derive(Debug)]
pub struct Allowance {
    budgets: Option<Budgets>,
    requests: Arc<Turns>,
    subscriptions: Arc<Turns>,
    sockets_of_users: Arc<Turns>,
    sockets_of_visitors: Arc<Turns>,
}

impl Allowance {
    /// By these limits; as much as anybody likes where there are no budgets.
    #[must_use]
    pub fn new(budgets: Option<Budgets>, limits: &Limits) -> Self {
        let most = |limit| if budgets.is_some() { limit } else { usize::MAX };
        let turns = |limit| Arc::new(Turns::new(most(limit)));
        let (requests, subscriptions) = (turns(limits.requests), turns(limits.subscriptions));
        let (sockets_of_users, sockets_of_visitors) = (turns(limits.user_sockets), turns(limits.visitor_sockets));
        Self { budgets, requests, subscriptions, sockets_of_users, sockets_of_visitors }
    }

    /// Pays for something.
    ///
    /// # Errors
    /// `RATE_LIMITED` where the budget does not allow it now.
    pub async fn spend(&self, principal: Principal, cost: usize) -> Result<(), ServerError> {
        let Some(budgets) = &self.budgets else { return Ok(()) };
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        budgets.spend(principal, cost).await.map_err(rate_limited)
    }

    /// Pays for having found out that a token proves nothing, which is work too.
    ///
    /// # Errors
    /// `RATE_LIMITED` where the visitors at this address have spent their budget.
    pub async fn refuse(&self, visitors: Principal) -> Result<(), ServerError> {
        self.spend(visitors, 1).await
    }

    /// A turn for a query or a mutation.
    ///
    /// # Errors
    /// `RATE_LIMITED` where as many are running as may.
    pub fn request(&self, principal: Principal) -> Result<Turn, ServerError> {
        self.requests.take(principal).ok_or_else(|| rate_limited(SOON))
    }

    /// A turn for a subscription.
    ///
    /// # Errors
    /// `RATE_LIMITED` where as many are open as may be.
    pub fn subscription(&self, principal: Principal) -> Result<Turn, ServerError> {
        self.subscriptions.take(principal).ok_or_else(|| rate_limited(SOON))
    }

    /// A turn for a socket; none where there are as many as may be.
    #[must_use]
    pub fn socket(&self, principal: Principal) -> Option<Turn> {
        let turns = match principal {
            Principal::User(_) => &self.sockets_of_users,
            Principal::Visitors(_) => &self.sockets_of_visitors,
        };
        turns.take(principal)
    }

    /// Tells a client about its budget.
    pub async fn tell(&self, principal: Principal, headers: &mut HeaderMap) {
        let Some(budgets) = &self.budgets else { return };
        let (quota, left) = (budgets.quota(), budgets.left(principal).await);
        let whole_in = f64::from(quota - left) / f64::from(quota) * WINDOW.as_secs_f64();
        let texts = [
            (POLICY, format!("\"cost\";q={quota};w={}", WINDOW.as_secs())),
            (LEFT, format!("\"cost\";r={left};t={:.0}", whole_in.ceil())),
        ];
        for (name, text) in texts {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }
}

/// The error for somebody who asks too much.
fn rate_limited(wait: Duration) -> ServerError {
    let seconds = wait.as_secs_f64().ceil().max(1.0);
    let mut error = refused("RATE_LIMITED", &format!("That is too much at once: try again in {seconds:.0} s."));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds")]
    let seconds = seconds as u64;
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("retryAfter", Value::from(seconds));
    error
}

/// After how long somebody may try again who asked too much: the value of `Retry-After`.
pub fn retry_after(errors: &[ServerError]) -> Option<HeaderValue> {
    let seconds = errors.iter().find_map(|error| error.extensions.as_ref()?.get("retryAfter"))?;
    HeaderValue::from_str(&seconds.to_string()).ok()
}

/// How many of something each principal has at a time, in this process.
#[derive(Debug)]
struct Turns {
    most: usize,
    taken: Mutex<HashMap<Principal, usize>>,
}

impl Turns {
    fn new(most: usize) -> Self {
        Self { most, taken: Mutex::default() }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Principal, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, principal: Principal) -> Option<Turn> {
        let mut taken = self.taken();
        let count = taken.entry(principal).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Turn { turns: Arc::clone(self), principal })
    }
}

/// One of those that a principal may have at a time, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    principal: Principal,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.turns.taken();
        if let Some(count) = taken.get_mut(&self.principal) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::id::UserId;

    #[test]
    fn a_principal_has_so_many_at_a_time_and_nothing_is_left_of_those_who_are_gone() {
        let turns = Arc::new(Turns::new(2));
        let (ada, ben) = (Principal::User(UserId::new()), Principal::User(UserId::new()));
        let (one, two) = (turns.take(ada), turns.take(ada));
        assert!(one.is_some() && two.is_some() && turns.take(ada).is_none());
        assert!(turns.take(ben).is_some());
        drop(one);
        assert!(turns.take(ada).is_some());
        drop(two);
        assert!(turns.taken().is_empty());
    }
}
