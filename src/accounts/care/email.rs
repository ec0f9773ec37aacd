//! The address that one signs in with: proving it, and moving to another.

use super::{assurance::Assurance, store};
use crate::{
    accounts::{Accounts, Attempt, By, User, canonical_email, note_own_in, openid},
    infra::db::Transaction,
    kernel::{
        client::Client,
        id::SessionId,
        rejection::{Code, Refusal, Rejection},
        viewer::Viewer,
    },
    mail::{self, Letter, Proof, Purpose, Recipient},
};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::json;

impl Accounts {
    /// Uses the token of a letter: its address is proven, and the user's own from now on. Where it is another than before, the old one is told.
    /// Unless it is the user who is signed in, nobody knows that whoever made the account has this address: if it was not proven before, every
    /// way in that there was is forgotten, and every session ends.
    ///
    /// # Errors
    /// `InvalidToken`, also for another user's, `TooManyAttempts`, or `EmailTaken` where somebody else has come by the address meanwhile.
    pub async fn verify_email(
        &self,
        token: &SecretString,
        viewer: Option<&Viewer>,
        client: &Client,
    ) -> Result<User, Rejection> {
        let now = self.clock.now();
        let by = [By::Origin(client.address)];
        self.attempts.begin(Attempt::Redeem, &by, now).await?;
        let seen = self.read_own_link(&[Purpose::Email], token, viewer).await?.ok_or_else(invalid_token)?;
        let transaction = self.database.begin().await?;
        let user = store::find_locked_in(&transaction, seen.user_id).await?.map(|(user, _)| user);
        let user = user.filter(|user| user.active).ok_or_else(invalid_token)?;
        let proof = mail::prove_link_in(&transaction, &[Purpose::Email], token, now).await?;
        let address = proof.ok_or_else(invalid_token)?.address;
        let moves = user.email != address;
        if moves {
            store::change_email_in(&transaction, user.id, &address, now).await?;
            note_own_in(&transaction, &user, "user.change_email", now).await?;
            // A third party knows the old address, and links and codes that were sent there prove nothing about this account any more.
            openid::remove_identities_of_in(&transaction, user.id).await?;
            mail::revoke_in(&transaction, user.id).await?;
            mail::tell_in(&transaction, Letter::EmailChanged, &user.recipient(), json!({}), now).await?;
        }
        let mut ended = Vec::new();
        if viewer.is_some_and(|viewer| viewer.user_id == user.id) {
            store::verify_email_in(&transaction, user.id, now).await?;
            if !moves && !user.email_verified {
                note_own_in(&transaction, &user, "user.verify_email", now).await?;
            }
        } else if moves || !user.email_verified {
            ended = first_proof_in(&transaction, &User { email: address, ..user.clone() }, now).await?;
        }
        transaction.commit().await?;
        self.sessions_ended(ended).await;
        self.attempts.succeeded(Attempt::Redeem, &by).await;
        tracing::info!(user.id = %user.id, "proved an address");
        self.user(user.id).await
    }

    /// What a link's token would prove, while it is good: nothing to somebody else who is signed in, and for its user it stays good.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn read_own_link(
        &self,
        purposes: &[Purpose],
        token: &SecretString,
        viewer: Option<&Viewer>,
    ) -> Result<Option<Proof>, Rejection> {
        let seen = mail::read_link(&self.database, purposes, token, self.clock.now()).await?;
        let (Some(proof), Some(viewer)) = (&seen, viewer) else { return Ok(seen) };
        if proof.user_id == viewer.user_id {
            return Ok(seen);
        }
        tracing::info!(?purposes, user.id = %viewer.user_id, "a token of another user");
        Ok(None)
    }

    /// Sends a link to `email` that makes it the viewer's address; nothing where that is another's, and nobody learns which. The old
    /// address is told. To one's own address: a link that proves it.
    ///
    /// # Errors
    /// What [`Accounts::assure`] refuses, `TooManyAttempts`.
    pub async fn change_email(&self, viewer: &Viewer, email: &str, assurance: Assurance) -> Result<(), Rejection> {
        let user = self.assure(viewer, assurance).await?;
        let (email, now) = (canonical_email(email), self.clock.now());
        self.attempts.begin(Attempt::Code, &[By::Account(user.id), By::Address(&email)], now).await?;
        let owner = store::find_by_email(&self.database, &email).await?;
        let transaction = self.database.begin().await?;
        self.lock_viewer_in(&transaction, viewer, now).await?;
        let recipient = Recipient { address: email.clone(), ..user.recipient() };
        if email != user.email {
            mail::tell_in(&transaction, Letter::EmailChangeAsked, &user.recipient(), json!({}), now).await?;
        }
        match owner {
            Some(owner) if owner.id == user.id => {
                mail::write_with_ticket_in(&transaction, Letter::VerifyEmail, Purpose::Email, &recipient, now).await?;
            }
            Some(_) => {
                mail::write_to_nobody_in(&transaction, Letter::ConfirmEmail, Purpose::Email, &email, now).await?;
            }
            None => {
                mail::write_with_ticket_in(&transaction, Letter::ConfirmEmail, Purpose::Email, &recipient, now).await?;
            }
        }
        transaction.commit().await
    }
}

/// Whoever opens a link reads what is sent to the address of this account. Where that is the first proof of it, and the account's own session does
/// not ask, no way in is left that there was till now. Tells which sessions ended by that.
pub async fn prove_email_in(
    transaction: &Transaction,
    user: &User,
    is_own: bool,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, Rejection> {
    if user.email_verified {
        return Ok(Vec::new());
    }
    if is_own {
        store::verify_email_in(transaction, user.id, now).await?;
        note_own_in(transaction, user, "user.verify_email", now).await?;
        return Ok(Vec::new());
    }
    first_proof_in(transaction, user, now).await
}

/// Somebody reads what is sent to the address of this account, and nobody has shown that before. Whoever made the account may be somebody else:
/// no way in is left that it had till now, and the address is told so. Tells which sessions ended by that.
pub(super) async fn first_proof_in(
    transaction: &Transaction,
    user: &User,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, Rejection> {
    store::forget_ways_in_in(transaction, user.id).await?;
    store::verify_email_in(transaction, user.id, now).await?;
    mail::revoke_ways_in_in(transaction, user.id).await?;
    mail::tell_in(transaction, Letter::AccessForgotten, &user.recipient(), json!({}), now).await?;
    note_own_in(transaction, user, "user.verify_email", now).await?;
    store::end_sessions_but_in(transaction, user.id, None, now).await
}

pub(super) fn invalid_token() -> Refusal {
    let message = "The link is wrong, was used, is over, or is for another account: ask for a new one.";
    Refusal::of("token", Code::InvalidToken, message)
}
