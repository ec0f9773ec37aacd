//! What a token proves, where one is signed in, and when that ends.

use super::{endings::Ending, model::SignIn, service::Accounts, store, token::LIFETIME};
use crate::{
    infra::bus::Signal,
    kernel::{
        id::{SessionId, UserId},
        rejection::Rejection,
        viewer::Viewer,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::JwkSet;
use sha2::{Digest, Sha256};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often is looked which sessions have ended elsewhere, in case the bus has not told.
const PAUSE: Duration = Duration::from_millis(500);
/// Which endings are looked for again: no transaction lasts longer than 10 s, and clocks differ by a little.
const OVERLAP: TimeDelta = TimeDelta::seconds(15);

/// For how long is believed what was read: whatever has changed since, a right or that the session has ended, counts at the latest then.
pub(super) const BELIEVED: Duration = Duration::from_secs(1);
/// For how long a database that cannot tell in time is not asked again: whoever needs to know asks by themselves.
const REST: Duration = Duration::from_secs(10);
/// How many tokens are kept fresh.
const MOST_RENEWED: usize = 1_000;

/// What a token proves that was verified.
#[derive(Debug)]
pub(super) struct Proven {
    session_id: SessionId,
    until: DateTime<Utc>,
    /// Whose session it is, and when that was read.
    known: Mutex<(Viewer, Instant)>,
}

impl Proven {
    fn known(&self) -> MutexGuard<'_, (Viewer, Instant)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose session it is, if that was read lately.
    fn viewer(&self) -> Option<Viewer> {
        let known = self.known();
        let (viewer, read_at) = &*known;
        (read_at.elapsed() < BELIEVED).then(|| viewer.clone())
    }
}

impl Accounts {
    /// Who proves to be signed in with this access token, and until when.
    ///
    /// # Errors
    /// `Unauthenticated` where the token proves nothing, or its session has ended.
    pub async fn authenticate(&self, token: &str) -> Result<(Viewer, DateTime<Utc>), Rejection> {
        let now = self.clock.now();
        let digest = Sha256::digest(token.as_bytes()).into();
        let known = self.proven.get(&digest).filter(|proven| now < proven.until);
        let (viewer, until) = match known.and_then(|proven| Some((proven.viewer()?, proven.until))) {
            Some(proven) => proven,
            None => self.look_up(token, digest, now).await?,
        };
        // It may have ended since that was read.
        if self.endings.has_ended(viewer.session_id) {
            return Err(Rejection::Unauthenticated);
        }
        Ok((viewer, until))
    }

    async fn look_up(
        &self,
        token: &str,
        digest: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<(Viewer, DateTime<Utc>), Rejection> {
        let (session_id, until) = self.tokens.read(token, now).ok_or(Rejection::Unauthenticated)?;
        if self.endings.has_ended(session_id) || self.refused.contains_key(&session_id) {
            return Err(Rejection::Unauthenticated);
        }
        let read_at = Instant::now();
        let viewer = store::find_viewer(self.database.reader(), session_id, now).await?;
        let Some(viewer) = viewer else {
            self.refused.insert(session_id, ());
            return Err(Rejection::Unauthenticated);
        };
        let proven = Proven { session_id, until, known: Mutex::new((viewer.clone(), read_at)) };
        self.proven.insert(digest, Arc::new(proven));
        Ok((viewer, until))
    }

    /// Reads anew, in one statement, who has the sessions whose tokens are used: so those who use them need not wait for the database.
    async fn renew(&self) -> Result<(), Rejection> {
        let proven: Vec<_> = self.proven.iter().map(|(_, proven)| proven).take(MOST_RENEWED).collect();
        let read_at = Instant::now();
        let sessions = proven.iter().map(|proven| proven.session_id).collect();
        let viewers = store::find_viewers(self.database.reader(), sessions, self.clock.now()).await?;
        for proven in proven {
            // Who is not there any more is not believed either, a second after that was last read.
            let mut known = proven.known();
            if let Some(viewer) = viewers.get(&proven.session_id).filter(|_| known.1 < read_at) {
                *known = (viewer.clone(), read_at);
            }
        }
        Ok(())
    }

    /// What was known about this user is read again when they ask the next time.
    pub(super) fn look_again_at(&self, user_id: UserId) {
        let theirs = self.proven.iter().filter(|(_, proven)| proven.known().0.user_id == user_id);
        for (token, _) in theirs {
            self.proven.invalidate(&*token);
        }
    }

    /// The end of a session, for what stays open in it: it comes at once where the bus works, within a second elsewhere.
    #[must_use]
    pub fn ending(&self, session_id: SessionId) -> Ending {
        self.endings.watch(session_id)
    }

    /// Tells for ever which sessions have ended.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub(super) async fn watch(&self) -> Result<(), Rejection> {
        // Whatever is open was begun with a token that is not over.
        let mut since = self.clock.now() - LIFETIME;
        let mut listener = self.endings.listen();
        let mut looks = interval(PAUSE);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rests_until = Instant::now();
        loop {
            tokio::select! {
                signal = listener.next() => if let Signal::Message(message) = signal {
                    self.endings.hear(&message);
                    continue;
                },
                _ = looks.tick() => {}
            }
            let now = self.clock.now();
            if self.endings.are_watched() {
                let ended = store::sessions_ended_since(&self.database, since - OVERLAP).await?;
                self.endings.found(&ended);
            }
            since = now;
            if Instant::now() < rests_until {
                continue;
            }
            match timeout(BELIEVED, self.renew()).await {
                Ok(renewed) => renewed?,
                Err(_) => rests_until = Instant::now() + REST,
            }
        }
    }

    /// The public keys of access tokens, for those who verify them elsewhere.
    #[must_use]
    pub fn public_keys(&self) -> &JwkSet {
        self.tokens.public_keys()
    }

    /// Where the viewer is signed in.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn sessions(&self, viewer: &Viewer) -> Result<Vec<SignIn>, Rejection> {
        store::sessions_of(&self.database, viewer.user_id, self.clock.now()).await
    }
}
