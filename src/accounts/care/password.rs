//! Changing a password, and setting one again that was forgotten.

use super::{assurance::Assurance, email::invalid_token, store};
use crate::{
    accounts::{
        Accounts, Attempt, By, IssuedSession, User, canonical_email,
        model::{check_password, words_about},
        note_own_in,
    },
    kernel::{check::Check, client::Client, id::SessionId, rejection::Rejection, viewer::Viewer},
    mail::{self, Letter, Purpose},
};
use secrecy::SecretString;
use serde_json::json;

/// What sets a password without the old one.
const LINKS: [Purpose; 2] = [Purpose::Password, Purpose::Invitation];

impl Accounts {
    /// Changes the viewer's password and ends their other sessions; links and codes that were asked for before are worth nothing any more, and a
    /// telephone number has to be proven again.
    ///
    /// # Errors
    /// What [`Accounts::assure`] refuses, `WeakPassword`.
    pub async fn change_password(
        &self,
        viewer: &Viewer,
        assurance: Assurance,
        password: SecretString,
    ) -> Result<User, Rejection> {
        let user = self.assure(viewer, assurance).await?;
        self.check_new_password("newPassword", &user, &password).await?;
        let (hash, now) = (self.passwords.hash(password).await?, self.clock.now());
        let transaction = self.database.begin().await?;
        let user = self.lock_viewer_in(&transaction, viewer, now).await?;
        store::set_password_in(&transaction, user.id, &hash).await?;
        note_own_in(&transaction, &user, "user.change_password", now).await?;
        let ended = store::end_sessions_but_in(&transaction, user.id, Some(viewer.session_id), now).await?;
        // Whoever had the password may have asked for one: to another address, say.
        mail::revoke_ways_in_in(&transaction, user.id).await?;
        mail::tell_in(&transaction, Letter::PasswordChanged, &user.recipient(), json!({}), now).await?;
        transaction.commit().await?;
        self.sessions_ended(ended).await;
        tracing::info!(user.id = %user.id, "changed the password");
        Ok(User { phone_verified: false, ..user })
    }

    /// Sends a link that sets a new password, if there is an account with this address. Whether there is, neither the answer tells nor how
    /// long it takes.
    ///
    /// # Errors
    /// `TooManyAttempts`.
    pub async fn request_password_reset(&self, email: &str, client: &Client) -> Result<(), Rejection> {
        let email = canonical_email(email);
        let by = [By::Address(&email), By::Origin(client.address)];
        self.attempts.begin(Attempt::Reset, &by, self.clock.now()).await?;
        let user = store::find_by_email(&self.database, &email).await?;
        self.write_if_known(user, &email, Letter::ResetPassword, Purpose::Password).await
    }

    /// Sets a password with the token of a letter, which proves the address too; ends all sessions and begins a new one. A telephone number has to be
    /// proven again.
    ///
    /// # Errors
    /// `InvalidToken`, also for another user's, `TooManyAttempts`; `WeakPassword`: then the token is still good.
    pub async fn reset_password(
        &self,
        token: &SecretString,
        password: SecretString,
        viewer: Option<&Viewer>,
        client: &Client,
    ) -> Result<IssuedSession, Rejection> {
        let by = [By::Origin(client.address)];
        self.attempts.begin(Attempt::Redeem, &by, self.clock.now()).await?;
        let seen = self.read_own_link(&LINKS, token, viewer).await?.ok_or_else(invalid_token)?;
        let (user, _) = store::find(&self.database, seen.user_id).await?.ok_or_else(invalid_token)?;
        self.check_new_password("password", &user, &password).await?;
        let hash = self.passwords.hash(password).await?;
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        let user = store::find_locked_in(&transaction, seen.user_id).await?.map(|(user, _)| user);
        let proof = mail::prove_link_in(&transaction, &LINKS, token, now).await?.ok_or_else(invalid_token)?;
        let user = user.filter(|user| user.active && user.email == proof.address).ok_or_else(invalid_token)?;
        if !user.email_verified {
            // Whoever made the account may be somebody else.
            store::forget_ways_in_in(&transaction, user.id).await?;
        }
        store::set_password_in(&transaction, user.id, &hash).await?;
        store::verify_email_in(&transaction, user.id, now).await?;
        note_own_in(&transaction, &user, "user.reset_password", now).await?;
        let ended = store::end_sessions_but_in(&transaction, user.id, None, now).await?;
        mail::revoke_ways_in_in(&transaction, user.id).await?;
        mail::tell_in(&transaction, Letter::PasswordChanged, &user.recipient(), json!({}), now).await?;
        let session = self.begin_session_in(&transaction, user.id, client, now).await?;
        transaction.commit().await?;
        self.sessions_ended(ended).await;
        self.attempts.succeeded(Attempt::Redeem, &by).await;
        // Whoever sets a new password need not wait for what others tried.
        self.attempts.succeeded(Attempt::Login, &[By::Address(&user.email)]).await;
        tracing::info!(user.id = %user.id, "set a password");
        self.issued(self.user(user.id).await?, session, now)
    }

    async fn check_new_password(&self, field: &str, user: &User, password: &SecretString) -> Result<(), Rejection> {
        let about_owner = words_about(&user.email, &user.name);
        let is_guessable = self.passwords.is_guessable(password.clone(), about_owner).await?;
        let mut check = Check::new();
        check_password(&mut check, field, password, is_guessable);
        check.finish()
    }

    /// These sessions have ended: their tokens prove nothing any more, and whatever is open in them is told.
    pub async fn sessions_ended(&self, ended: Vec<SessionId>) {
        self.endings.end(ended).await;
    }
}
