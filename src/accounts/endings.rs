//! Sessions that end while something is open: what is open is told, in every process. The bus tells it at once; what the bus has lost is found in the
//! database, half a second later.

use crate::{
    infra::bus::{Bus, Listener},
    kernel::id::SessionId,
};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long whoever ends the session that they speak in has to be answered.
const MOMENT: Duration = Duration::from_millis(50);
/// For how long a session is known to have ended: what was read before that is not believed for so long.
const KNOWN: Duration = Duration::from_mins(1);
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
    bus: Arc<dyn Bus>,
    process: Uuid,
}

/// What processes tell each other.
#[derive(Deserialize, Serialize)]
struct Told {
    by: Uuid,
    ended: Vec<SessionId>,
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
        Self { watched: Arc::default(), ended, bus, process: Uuid::now_v7() }
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

    /// Says that these sessions have ended here: nobody believes them any more, and all other processes are told.
    pub async fn end(&self, ids: Vec<SessionId>) {
        if ids.is_empty() {
            return;
        }
        self.note(&ids);
        let messages = ids.chunks(AT_ONCE).map(|ids| Told { by: self.process, ended: ids.to_vec() });
        let messages = messages.filter_map(|told| serde_json::to_string(&told).ok()).collect();
        // Where the bus is down the others find out by themselves.
        let _ = self.bus.publish(messages).await;
        let watched = Arc::clone(&self.watched);
        tokio::spawn(async move {
            tokio::time::sleep(MOMENT).await;
            tell(&watched, &ids);
        });
    }

    /// Hears from now on what other processes tell.
    pub fn listen(&self) -> Listener {
        self.bus.listen()
    }

    /// Another process has told something.
    pub fn hear(&self, message: &str) {
        match serde_json::from_str::<Told>(message) {
            Ok(told) if told.by != self.process => self.found(&told.ended),
            _ => {}
        }
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
}
