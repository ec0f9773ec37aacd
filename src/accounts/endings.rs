//! Sessions that end while something is open: what is open is told, in every process. The bus tells it at once; what the bus has lost is found in the
//! database, half a second later.

use super::sessions::BELIEVED;
use crate::{
    infra::bus::{Bus, Listener},
    kernel::id::{SessionId, UserId},
};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long whoever ends the session that they speak in has to be answered.
const MOMENT: Duration = Duration::from_millis(50);
/// For how long a session is known to have ended: what was read before that is believed for a shorter time.
const KNOWN: Duration = Duration::from_mins(2);
const MOST_KNOWN: u64 = 100_000;
/// How many sessions one message names.
const AT_ONCE: usize = 1_000;

type Watched = Mutex<HashMap<SessionId, Weak<CancellationToken>>>;

/// The sessions of what is open in this process.
#[derive(Debug)]
pub struct Endings {
    watched: Arc<Watched>,
    /// Those that ended lately.
    ended: Cache<SessionId, ()>,
    /// Up to when each ending is known, wherever it was.
    known_at: Mutex<Option<Instant>>,
    bus: Arc<dyn Bus>,
    process: Uuid,
}

/// What processes tell each other.
#[derive(Deserialize, Serialize)]
struct Told {
    by: Uuid,
    ended: Vec<SessionId>,
    /// Somebody of whom something else is true now than was read.
    #[serde(default)]
    changed: Option<UserId>,
}

/// The end of one session; forgotten when nobody waits for it any more.
#[derive(Clone, Debug)]
pub struct Ending(Arc<CancellationToken>);

impl Ending {
    /// Waits until the session has ended.
    pub async fn come(&self) {
        self.0.cancelled().await;
    }
}

impl Endings {
    /// Endings that are told over `bus`.
    pub fn new(bus: Arc<dyn Bus>) -> Self {
        let ended = Cache::builder().max_capacity(MOST_KNOWN).time_to_live(KNOWN).build();
        Self { watched: Arc::default(), ended, known_at: Mutex::default(), bus, process: Uuid::now_v7() }
    }

    /// The end of this session, for all that is open in it.
    pub fn watch(&self, id: SessionId) -> Ending {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ending) = watched.get(&id).and_then(Weak::upgrade) {
            return Ending(ending);
        }
        let ending = Arc::new(CancellationToken::new());
        watched.insert(id, Arc::downgrade(&ending));
        Ending(ending)
    }

    /// Whether anybody waits for an ending.
    pub fn are_watched(&self) -> bool {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|_, ending| ending.strong_count() > 0);
        !watched.is_empty()
    }

    /// Whether a session has ended lately, as far as this process has been told.
    pub fn has_ended(&self, id: SessionId) -> bool {
        self.ended.contains_key(&id)
    }

    /// Every session that had ended at this instant, in whatever process, was found.
    pub fn known_at(&self, instant: Instant) {
        *self.known_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(instant);
    }

    /// Whether every session that had ended a second ago is known to have.
    pub fn are_known(&self) -> bool {
        let known_at = *self.known_at.lock().unwrap_or_else(PoisonError::into_inner);
        known_at.is_some_and(|instant| instant.elapsed() < BELIEVED)
    }

    /// Says that these sessions have ended here: nobody believes them any more, and all other processes are told.
    pub async fn end(&self, ids: Vec<SessionId>) {
        if ids.is_empty() {
            return;
        }
        self.note(&ids);
        let told = |ids: &[SessionId]| Told { by: self.process, ended: ids.to_vec(), changed: None };
        self.tell_others(ids.chunks(AT_ONCE).map(told)).await;
        let watched = Arc::clone(&self.watched);
        tokio::spawn(async move {
            tokio::time::sleep(MOMENT).await;
            tell(&watched, &ids);
        });
    }

    /// Says that something else is true of this user now than was read.
    pub async fn tell_changed(&self, user_id: UserId) {
        let told = Told { by: self.process, ended: Vec::new(), changed: Some(user_id) };
        self.tell_others(std::iter::once(told)).await;
    }

    async fn tell_others(&self, told: impl Iterator<Item = Told>) {
        let messages = told.filter_map(|told| serde_json::to_string(&told).ok()).collect();
        // Where the bus is down the others find out by themselves.
        let _ = self.bus.publish(messages).await;
    }

    /// Hears from now on what other processes tell.
    pub fn listen(&self) -> Listener {
        self.bus.listen()
    }

    /// Another process has told something; tells of whom something else is true now than was read.
    pub fn hear(&self, message: &str) -> Option<UserId> {
        let told = serde_json::from_str::<Told>(message).ok().filter(|told| told.by != self.process)?;
        self.found(&told.ended);
        told.changed
    }

    /// These sessions have ended, somewhere.
    pub fn found(&self, ended: &[SessionId]) {
        self.note(ended);
        tell(&self.watched, ended);
    }

    fn note(&self, ended: &[SessionId]) {
        for id in ended {
            self.ended.insert(*id, ());
        }
    }
}

/// Tells those who wait for one of these sessions.
fn tell(watched: &Watched, ended: &[SessionId]) {
    let watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    for ending in ended.iter().filter_map(|id| watched.get(id)?.upgrade()) {
        ending.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::bus::{LocalBus, Signal};

    #[tokio::test]
    async fn what_ends_in_one_process_ends_at_once_in_the_others_and_a_moment_later_in_its_own() {
        let bus: Arc<dyn Bus> = Arc::new(LocalBus::default());
        let (here, there) = (Endings::new(Arc::clone(&bus)), Endings::new(bus));
        let (session, other) = (SessionId::new(), SessionId::new());
        let (own, distant, lasting) = (here.watch(session), there.watch(session), there.watch(other));
        let mut listener = there.listen();
        here.end(vec![session]).await;
        assert!(here.has_ended(session) && !own.0.is_cancelled(), "whoever ends it is answered first");
        let Signal::Message(message) = listener.next().await else { panic!("no message") };
        there.hear(&message);
        assert!(there.has_ended(session) && distant.0.is_cancelled());
        assert!(!there.has_ended(other) && !lasting.0.is_cancelled());
        here.hear(&message);
        assert!(!own.0.is_cancelled(), "it has heard itself");
        own.come().await;
    }

    #[tokio::test]
    async fn the_other_processes_are_told_of_whom_something_has_changed() {
        let bus: Arc<dyn Bus> = Arc::new(LocalBus::default());
        let (here, there) = (Endings::new(Arc::clone(&bus)), Endings::new(bus));
        let mut listener = there.listen();
        let ada = UserId::new();
        here.tell_changed(ada).await;
        let Signal::Message(message) = listener.next().await else { panic!("no message") };
        assert_eq!((there.hear(&message), here.hear(&message)), (Some(ada), None));
    }
}
