//! Third parties that let somebody in: ending that, and allowing it again.

use super::{assurance::Assurance, store};
use crate::{
    accounts::{Accounts, User, note_own_in, openid},
    kernel::{
        rejection::{Code, Refusal, Rejection},
        viewer::Viewer,
    },
    mail::{self, Letter},
};
use serde_json::json;

impl Accounts {
    /// A third party lets nobody into the viewer's account any more. Whoever came in by it may be somebody else, so the viewer's other sessions end, and
    /// links and codes that were asked for before are worth nothing. Nobody comes by it again before [`Accounts::relink`].
    ///
    /// # Errors
    /// `NotFound` where it is not linked, `InUse` where codes by e-mail would be all that is left.
    pub async fn unlink(&self, viewer: &Viewer, provider: &str) -> Result<User, Rejection> {
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        let user = self.lock_viewer_in(&transaction, viewer, now).await?;
        let known = openid::identities_of_in(&transaction, user.id).await?;
        let linked: Vec<_> = known.iter().filter(|identity| identity.unlinked_at.is_none()).collect();
        if !linked.iter().any(|identity| identity.provider == provider) {
            return Err(Refusal::of("provider", Code::NotFound, "You do not come in by it.").into());
        }
        let has_password = store::has_password_in(&transaction, user.id).await?;
        let by_others = linked.iter().any(|identity| identity.provider != provider);
        if !has_password && !user.phone_verified && !by_others {
            let message = "It is your only way in beside codes by e-mail: set a password first.";
            return Err(Refusal::of("provider", Code::InUse, message).into());
        }
        openid::unlink_in(&transaction, user.id, provider, now).await?;
        note_own_in(&transaction, &user, "user.unlink_identity", now).await?;
        let ended = store::end_sessions_but_in(&transaction, user.id, Some(viewer.session_id), now).await?;
        mail::revoke_ways_in_in(&transaction, user.id).await?;
        let content = json!({ "provider": provider });
        mail::tell_in(&transaction, Letter::IdentityUnlinked, &user.recipient(), content, now).await?;
        transaction.commit().await?;
        self.sessions_ended(ended).await;
        tracing::info!(user.id = %user.id, provider, "unlinked a provider");
        Ok(user)
    }

    /// A third party that the viewer has unlinked may let somebody in again: whoever comes by it with the account's verified address is linked, and a
    /// letter says so.
    ///
    /// # Errors
    /// What [`Accounts::assure`] refuses: somebody at a screen that was left open could let themselves in. `NotFound` where it is not unlinked.
    pub async fn relink(&self, viewer: &Viewer, provider: &str, assurance: Assurance) -> Result<User, Rejection> {
        self.assure(viewer, assurance).await?;
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        let user = self.lock_viewer_in(&transaction, viewer, now).await?;
        if !openid::forget_unlinked_in(&transaction, user.id, provider).await? {
            return Err(Refusal::of("provider", Code::NotFound, "You have not unlinked it.").into());
        }
        note_own_in(&transaction, &user, "user.relink_identity", now).await?;
        transaction.commit().await?;
        tracing::info!(user.id = %user.id, provider, "allowed a provider again");
        Ok(user)
    }
}
