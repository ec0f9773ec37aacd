//! What a token proves, where one is signed in, and when that ends.

use super::{endings::Ending, model::SignIn, service::Accounts, store, token::LIFETIME};
use crate::{
    infra::bus::Signal,
    kernel::{id::SessionId, rejection::Rejection, viewer::Viewer},
};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::JwkSet;
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often is looked which sessions have ended elsewhere, in case the bus has not told.
const PAUSE: Duration = Duration::from_millis(500);
/// Which endings are looked for again: no transaction lasts longer than 10 s, and clocks differ by a little.
const OVERLAP: TimeDelta = TimeDelta::seconds(15);

impl Accounts {
    /// Who proves to be signed in with this access token, and until when.
    ///
    /// # Errors
    /// `Unauthenticated` where the token proves nothing, or its session has ended.
    pub async fn authenticate(&self, token: &str) -> Result<(Viewer, DateTime<Utc>), Rejection> {
        let now = self.clock.now();
        let digest = Sha256::digest(token.as_bytes()).into();
        let proven = self.proven.get(&digest).filter(|(_, expires_at)| now < *expires_at);
        let (viewer, expires_at) = match proven {
            Some(proven) => proven,
            None => {
                let (session_id, expires_at) = self.tokens.read(token, now).ok_or(Rejection::Unauthenticated)?;
                let viewer = store::find_viewer(self.database.reader(), session_id, now).await?;
                let viewer = viewer.ok_or(Rejection::Unauthenticated)?;
                self.proven.insert(digest, (viewer.clone(), expires_at));
                (viewer, expires_at)
            }
        };
        // It may have ended since that was read.
        if self.endings.has_ended(viewer.session_id) {
            return Err(Rejection::Unauthenticated);
        }
        Ok((viewer, expires_at))
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
