//! The address that one signs in with: proving it, and moving to another.

use super::{assurance::Assurance, store};
use crate::{
    accounts::{Accounts, Attempt, By, User, canonical_email, note_own_in},
    kernel::{
        client::Client,
        rejection::{Code, Refusal, Rejection},
        viewer::Viewer,
    },
    mail::{self, Letter, Purpose, Recipient},
};
use secrecy::SecretString;
use serde_json::json;

impl Accounts {
    /// Uses the token of a letter: its address is proven, and the user's own from now on. Where it is another than before, the old one is told.
    ///
    /// # Errors
    /// `InvalidToken`, `TooManyAttempts`, or `EmailTaken` where somebody else has come by the address meanwhile.
    pub async fn verify_email(&self, token: &SecretString, client: &Client) -> Result<User, Rejection> {
        let now = self.clock.now();
        let by = [By::Origin(client.address)];
        self.attempts.begin(Attempt::Redeem, &by, now).await?;
        let transaction = self.database.begin().await?;
        let proof =
            mail::prove_link_in(&transaction, &[Purpose::Email], token, now).await?.ok_or_else(invalid_token)?;
        let user = store::find_in(&transaction, proof.user_id).await?;
        let user = user.filter(|user| user.active).ok_or_else(invalid_token)?;
        if user.email == proof.address {
            store::verify_email_in(&transaction, user.id, now).await?;
        } else {
            store::change_email_in(&transaction, user.id, &proof.address, now).await?;
            note_own_in(&transaction, &user, "user.change_email", now).await?;
            // Links and codes that were sent to the old address prove nothing about this account any more.
            mail::revoke_in(&transaction, user.id).await?;
            mail::tell_in(&transaction, Letter::EmailChanged, &user.recipient(), json!({}), now).await?;
        }
        transaction.commit().await?;
        self.attempts.succeeded(Attempt::Redeem, &by).await;
        tracing::info!(user.id = %user.id, "proved an address");
        self.user(user.id).await
    }

    /// Sends a link to `email` that makes it the viewer's address; nothing where that is another's, and nobody learns which. To one's own
    /// address: a link that proves it.
    ///
    /// # Errors
    /// What [`Accounts::assure`] refuses, `TooManyAttempts`.
    pub async fn change_email(&self, viewer: &Viewer, email: &str, assurance: Assurance) -> Result<(), Rejection> {
        let user = self.assure(viewer, assurance).await?;
        let (email, now) = (canonical_email(email), self.clock.now());
        self.attempts.begin(Attempt::Code, &[By::Account(user.id), By::Address(&email)], now).await?;
        let owner = store::find_by_email(&self.database, &email).await?;
        let transaction = self.database.begin().await?;
        let recipient = Recipient { address: email.clone(), ..user.recipient() };
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

pub(super) fn invalid_token() -> Refusal {
    Refusal::of("token", Code::InvalidToken, "The link is wrong, was used, or is over: ask for a new one.")
}
