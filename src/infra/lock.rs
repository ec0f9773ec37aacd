//! Locks that shed load: who does not get one is told so at once. Being right is the database's business.

use super::redis::{Down, Redis};
use rand::RngExt;
use redis::{ExistenceCheck, Script, SetExpiry, SetOptions};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What became of the wish to have a lock.
#[derive(Debug)]
pub enum Acquired {
    /// It is held until the guard is released or dropped, or its time to live is over.
    Held(Guard),
    /// Somebody else holds it.
    Busy {
        /// Whether that is one of the same name, who wants the same.
        by_namesake: bool,
    },
    /// Nobody can tell: go on without.
    Unguarded,
}

/// Locks by name, among all processes that share them.
#[async_trait::async_trait]
pub trait Lock: fmt::Debug + Send + Sync {
    /// Sets the lock `key` to `token` for at most `time_to_live` where it is free; the token that it holds where it is not.
    async fn try_set(&self, key: &str, token: &str, time_to_live: Duration) -> Result<Option<String>, Down>;

    /// Frees the lock `key` if it still holds `token`.
    async fn unset(&self, key: &str, token: &str);
}

/// Takes the lock `key`, or tells at once that it cannot be had. Those who want the same give the same `name`; it is empty for those who have
/// none.
pub async fn acquire(lock: &Arc<dyn Lock>, key: String, name: &str, time_to_live: Duration) -> Acquired {
    let token = format!("{name}:{:032x}", rand::rng().random::<u128>());
    // Made before the lock is: where the answer is lost, or nobody waits for it, the lock is given back all the same.
    let mut guard = Guard { lock: Arc::clone(lock), name: Some((key.clone(), token.clone())) };
    match lock.try_set(&key, &token, time_to_live).await {
        Ok(None) => Acquired::Held(guard),
        Ok(Some(holder)) => {
            guard.name = None;
            let by_namesake = !name.is_empty() && holder.split(':').next() == Some(name);
            Acquired::Busy { by_namesake }
        }
        Err(Down) => Acquired::Unguarded,
    }
}

/// A lock that is held.
#[derive(Debug)]
pub struct Guard {
    lock: Arc<dyn Lock>,
    name: Option<(String, String)>,
}

impl Guard {
    /// Gives the lock back.
    pub async fn release(mut self) {
        if let Some((key, token)) = self.name.take() {
            self.lock.unset(&key, &token).await;
        }
    }
}

impl Drop for Guard {
    /// Whoever wanted the lock may have gone away in the middle of it.
    fn drop(&mut self) {
        if let (Some((key, token)), Ok(runtime)) = (self.name.take(), tokio::runtime::Handle::try_current()) {
            let lock = Arc::clone(&self.lock);
            runtime.spawn(async move { lock.unset(&key, &token).await });
        }
    }
}

/// Locks in Redis, shared by all processes.
#[derive(Debug)]
pub struct RedisLock {
    redis: Redis,
}

impl RedisLock {
    /// Locks in `redis`.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }
}

static UNSET: LazyLock<Script> = LazyLock::new(|| {
    Script::new("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end")
});

#[async_trait::async_trait]
impl Lock for RedisLock {
    async fn try_set(&self, key: &str, token: &str, time_to_live: Duration) -> Result<Option<String>, Down> {
        let milliseconds = time_to_live.as_millis().try_into().unwrap_or(u64::MAX);
        // With GET it answers what the lock held before: nothing where it was free (Redis 7).
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .get(true)
            .with_expiration(SetExpiry::PX(milliseconds));
        let set = self.redis.run(|mut connection| async move {
            redis::AsyncCommands::set_options::<_, _, Option<String>>(&mut connection, key, token, options).await
        });
        set.await
    }

    async fn unset(&self, key: &str, token: &str) {
        let unset = self
            .redis
            .run(|mut connection| async move { UNSET.key(key).arg(token).invoke_async::<i32>(&mut connection).await });
        if unset.await.is_err() {
            tracing::debug!("a lock was not released: its time to live will");
        }
    }
}

/// Locks within this process.
#[derive(Debug, Default)]
pub struct LocalLock {
    held: Mutex<HashMap<String, (String, Instant)>>,
}

#[async_trait::async_trait]
impl Lock for LocalLock {
    async fn try_set(&self, key: &str, token: &str, time_to_live: Duration) -> Result<Option<String>, Down> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((holder, _)) = held.get(key).filter(|(_, until)| now < *until) {
            return Ok(Some(holder.clone()));
        }
        held.insert(key.to_owned(), (token.to_owned(), now + time_to_live));
        Ok(None)
    }

    async fn unset(&self, key: &str, token: &str) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(key).is_some_and(|(holder, _)| holder == token) {
            held.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes the lock, and says that it did not answer.
    #[derive(Debug, Default)]
    struct Deaf(LocalLock);

    #[async_trait::async_trait]
    impl Lock for Deaf {
        async fn try_set(&self, key: &str, token: &str, time_to_live: Duration) -> Result<Option<String>, Down> {
            self.0.try_set(key, token, time_to_live).await?;
            Err(Down)
        }

        async fn unset(&self, key: &str, token: &str) {
            self.0.unset(key, token).await;
        }
    }

    const TIME: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_lock_is_held_by_one_and_freed_by_nobody_else() {
        let lock: Arc<dyn Lock> = Arc::new(LocalLock::default());
        let Acquired::Held(held) = acquire(&lock, "slot".to_owned(), "", TIME).await else { panic!() };
        assert!(matches!(acquire(&lock, "slot".to_owned(), "", TIME).await, Acquired::Busy { by_namesake: false }));
        lock.unset("slot", "a stranger's token").await;
        assert!(matches!(acquire(&lock, "slot".to_owned(), "", TIME).await, Acquired::Busy { by_namesake: false }));
        held.release().await;
        assert!(matches!(acquire(&lock, "slot".to_owned(), "", TIME).await, Acquired::Held(_)));
    }

    #[tokio::test]
    async fn those_of_one_name_know_each_other_and_those_of_none_nobody() {
        let lock: Arc<dyn Lock> = Arc::new(LocalLock::default());
        let Acquired::Held(held) = acquire(&lock, "slot".to_owned(), "twin", TIME).await else { panic!() };
        for (name, by_namesake) in [("twin", true), ("another", false), ("", false)] {
            let Acquired::Busy { by_namesake: found } = acquire(&lock, "slot".to_owned(), name, TIME).await else {
                panic!()
            };
            assert_eq!(found, by_namesake, "{name}");
        }
        held.release().await;
        let Acquired::Held(_held) = acquire(&lock, "slot".to_owned(), "", TIME).await else { panic!() };
        let Acquired::Busy { by_namesake } = acquire(&lock, "slot".to_owned(), "", TIME).await else { panic!() };
        assert!(!by_namesake);
    }

    #[tokio::test]
    async fn a_lock_whose_answer_was_lost_is_given_back() {
        let deaf = Arc::new(Deaf::default());
        let lock: Arc<dyn Lock> = Arc::clone(&deaf) as Arc<dyn Lock>;
        assert!(matches!(acquire(&lock, "slot".to_owned(), "", TIME).await, Acquired::Unguarded));
        tokio::task::yield_now().await;
        assert_eq!(deaf.0.try_set("slot", "the next one's token", TIME).await, Ok(None));
    }
}
