//! Sessions that end while something is open: what is open is told.

use crate::kernel::id::SessionId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often is looked which sessions have ended elsewhere.
const PAUSE: Duration = Duration::from_millis(500);
/// How long whoever ends the session that they speak in has to be answered.
const MOMENT: Duration = Duration::from_millis(50);

/// The sessions of what is open in this process.
#[derive(Debug, Default)]
pub struct Endings {
    watched: Mutex<HashMap<SessionId, Weak<CancellationToken>>>,
    at_once: Notify,
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

    /// Says that a session has ended here: there is no need to wait for the next look.
    pub fn look(&self) {
        self.at_once.notify_one();
    }

    /// Waits for the next look; tells whether there is anything to look for.
    pub async fn next_look(&self) -> bool {
        if tokio::time::timeout(PAUSE, self.at_once.notified()).await.is_ok() {
            tokio::time::sleep(MOMENT).await;
        }
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|_, ending| ending.strong_count() > 0);
        !watched.is_empty()
    }

    /// Tells those who wait for one of these sessions.
    pub fn tell(&self, ended: &[SessionId]) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for ending in ended.iter().filter_map(|id| watched.get(id)?.upgrade()) {
            ending.cancel();
        }
    }
}
