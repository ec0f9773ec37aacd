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
/// How long a look may take; until another finds what it would have found, tokens are believed for a second.
const PATIENCE: Duration = Duration::from_secs(3);
/// Which endings are looked for again: no transaction lasts longer than 10 s, and clocks differ by a little.
const OVERLAP: TimeDelta = TimeDelta::seconds(15);

/// For how long is believed what was read, and that no other session has ended than was found then.
pub(super) const BELIEVED: Duration = Duration::from_secs(1);
/// For how long is believed who has a session while it is known which have ended: whoever changes what somebody may do ends their sessions.
const BELIEVED_UNTIL_ENDED: Duration = Duration::from_mins(1);
/// For how long a database that cannot tell in time is not asked again: whoever needs to know asks by themselves.
const REST: Duration = Duration::from_secs(10);
/// How many sessions are read anew at a time: all that are remembered have had their turn before the first is not believed any more.
const RENEWED_AT_ONCE: usize = 1_000;

/// What a token proves that was verified.
#[derive(Debug)]
pub(super) struct Proven {
    session_id: SessionId,
    until: DateTime<Utc>,
    /// Whose session it is, nobody's where it goes on no more, and when that was read.
    known: Mutex<(Option<Viewer>, Instant)>,
}

impl Proven {
    fn known(&self) -> MutexGuard<'_, (Option<Viewer>, Instant)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose session it is, if that was read within this time.
    fn viewer(&self, believed: Duration) -> Option<Viewer> {
        let known = self.known();
        let (viewer, read_at) = &*known;
        viewer.clone().filter(|_| read_at.elapsed() < believed)
    }
}

/// The session of a token goes on no more, or there never was one.
fn refuse(session_id: SessionId) -> Rejection {
    tracing::info!(session.id = %session_id, "refused the token of a session that is over");
    Rejection::Unauthenticated
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
        let believed = if self.endings.are_known() { BELIEVED_UNTIL_ENDED } else { BELIEVED };
        let (viewer, until) = match known.and_then(|proven| Some((proven.viewer(believed)?, proven.until))) {
            Some(proven) => proven,
            None => self.look_up(token, digest, now).await?,
        };
        // It may have ended since that was read.
        if self.endings.has_ended(viewer.session_id) {
            return Err(refuse(viewer.session_id));
        }
        Ok((viewer, until))
    }

    async fn look_up(
        &self,
        token: &str,
        digest: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<(Viewer, DateTime<Utc>), Rejection> {
        let (session_id, until) = self.tokens.read(token, now).map_err(|why| {
            tracing::info!(?why, "refused a token");
            Rejection::Unauthenticated
        })?;
        if self.endings.has_ended(session_id) || self.refused.contains_key(&session_id) {
            return Err(refuse(session_id));
        }
        let read_at = Instant::now();
        let viewer = store::find_viewer(self.database.reader(), session_id, now).await?;
        let Some(viewer) = viewer else {
            self.refused.insert(session_id, ());
            return Err(refuse(session_id));
        };
        let proven = Proven { session_id, until, known: Mutex::new((Some(viewer.clone()), read_at)) };
        self.proven.insert(digest, Arc::new(proven));
        Ok((viewer, until))
    }

    /// Reads anew, in one statement, who has the sessions whose turn it is: so those who use them need not wait for the database. When all have had
    /// their turn, it is for those whose tokens are used now.
    async fn renew(&self, turn: &mut Vec<Arc<Proven>>) -> Result<(), Rejection> {
        if turn.is_empty() {
            turn.extend(self.proven.iter().map(|(_, proven)| proven));
        }
        let proven = turn.split_off(turn.len().saturating_sub(RENEWED_AT_ONCE));
        let read_at = Instant::now();
        let sessions = proven.iter().map(|proven| proven.session_id).collect();
        let viewers = store::find_viewers(self.database.reader(), sessions, self.clock.now()).await?;
        for proven in proven {
            let mut known = proven.known();
            if known.1 < read_at {
                *known = (viewers.get(&proven.session_id).cloned(), read_at);
            }
        }
        Ok(())
    }

    /// Something about this user has become different: it is read again when they ask the next time, here and, where the bus works, in all other
    /// processes; where it does not, when their turn comes.
    pub(super) async fn look_again_at(&self, user_id: UserId) {
        self.forget(user_id);
        self.endings.tell_changed(user_id).await;
    }

    fn forget(&self, user_id: UserId) {
        let is_theirs = |proven: &Proven| proven.known().0.as_ref().is_some_and(|viewer| viewer.user_id == user_id);
        for (token, _) in self.proven.iter().filter(|(_, proven)| is_theirs(proven)) {
            self.proven.invalidate(&*token);
        }
    }

    /// The end of a session, for what stays open in it: it comes at once where the bus works, within a second elsewhere.
    #[must_use]
    pub fn ending(&self, session_id: SessionId) -> Ending {
        self.endings.watch(session_id)
    }

    /// Hears for ever what other processes tell, however long the database takes.
    pub(super) async fn hear(&self) {
        let mut listener = self.endings.listen();
        loop {
            if let Signal::Message(message) = listener.next().await
                && let Some(changed) = self.endings.hear(&message)
            {
                self.forget(changed);
            }
        }
    }

    /// Looks for ever which sessions have ended, for what the bus has lost.
    ///
    /// # Errors
    /// Where the database refuses.
    pub(super) async fn watch(&self) -> Result<(), Rejection> {
        // Whatever is open was begun with a token that is not over.
        let mut since = self.clock.now() - LIFETIME;
        let mut looks = interval(PAUSE);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut turn, mut rests_until) = (Vec::new(), Instant::now());
        loop {
            looks.tick().await;
            let (now, looks_at) = (self.clock.now(), Instant::now());
            if self.endings.are_watched() || self.proven.iter().next().is_some() {
                let look = store::sessions_ended_since(&self.database, since - OVERLAP);
                let Ok(ended) = timeout(PATIENCE, look).await else {
                    tracing::warn!("the database does not tell in time which sessions have ended");
                    continue;
                };
                self.endings.found(&ended?);
            }
            self.endings.known_at(looks_at);
            since = now;
            if Instant::now() < rests_until {
                continue;
            }
            match timeout(BELIEVED, self.renew(&mut turn)).await {
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
