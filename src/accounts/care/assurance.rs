//! That it is the user who asks, and not somebody at a screen that was left open.

use super::store;
use crate::{
    accounts::{Accounts, Attempt, By, User, store::find_viewer},
    infra::db::Transaction,
    kernel::{
        rejection::{Code, Refusal, Rejection},
        viewer::Viewer,
    },
    mail::{self, Proof, Purpose},
};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

/// How old a login code may be that stands for a password: whoever finds a session that was left open finds no code of this minute.
const RECENT: TimeDelta = TimeDelta::minutes(1);

/// What shows it: the password, or a login code where the account has none.
#[derive(Clone, Debug)]
pub struct Assurance {
    /// The password.
    pub password: Option<SecretString>,
    /// The name of its field in the input.
    pub password_field: &'static str,
    /// A login code, asked for at most a minute ago.
    pub code: Option<SecretString>,
    /// The name of its field in the input.
    pub code_field: &'static str,
}

impl Accounts {
    /// The viewer's account, where they show that it is theirs.
    ///
    /// # Errors
    /// `Invalid` where nothing was given, `InvalidCredentials` where it is wrong, `TooManyAttempts`.
    pub async fn assure(&self, viewer: &Viewer, assurance: Assurance) -> Result<User, Rejection> {
        let Assurance { password, password_field, code, code_field } = assurance;
        let (user, hash) = store::find(&self.database, viewer.user_id).await?.ok_or(Rejection::Unauthenticated)?;
        let given = if hash.is_some() { password.is_some() } else { code.is_some() };
        let field = if hash.is_some() { password_field } else { code_field };
        if !given {
            let message = if hash.is_some() {
                "The password is needed."
            } else {
                "The account has no password: a login code is needed, by requestLoginCode."
            };
            return Err(Refusal::of(field, Code::Invalid, message).into());
        }
        let by = [By::Account(user.id)];
        self.attempts.begin(Attempt::Assure, &by, self.clock.now()).await?;
        let right = match (hash, password, code) {
            (Some(hash), Some(password), _) => self.passwords.verify(password, Some(hash)).await?,
            (None, _, Some(code)) => self.knows_code(&user, &code).await?,
            _ => false,
        };
        if !right {
            return Err(Refusal::of(field, Code::InvalidCredentials, "This is wrong.").into());
        }
        self.attempts.succeeded(Attempt::Assure, &by).await;
        Ok(user)
    }

    /// Takes the viewer's row until this transaction ends, if the session goes on: it may have ended since it was shown that it is them.
    pub(super) async fn lock_viewer_in(
        &self,
        transaction: &Transaction,
        viewer: &Viewer,
        now: DateTime<Utc>,
    ) -> Result<User, Rejection> {
        let user = store::find_locked_in(transaction, viewer.user_id).await?.map(|(user, _)| user);
        let goes_on = find_viewer(&**transaction, viewer.session_id, now).await?.is_some();
        user.filter(|_| goes_on).ok_or(Rejection::Unauthenticated)
    }

    async fn knows_code(&self, user: &User, code: &SecretString) -> Result<bool, Rejection> {
        let now = self.clock.now();
        let is_recent = |proof: &Proof| now - proof.asked_at <= RECENT;
        let of_email = (Some(user.id), &*user.email);
        if let Some(proof) = mail::prove_code(&self.database, Purpose::Login, of_email, code, now).await? {
            return Ok(is_recent(&proof));
        }
        let Some(phone) = user.phone.as_ref().filter(|_| user.phone_verified) else { return Ok(false) };
        let proof = mail::prove_code(&self.database, Purpose::Login, (Some(user.id), phone), code, now).await?;
        Ok(proof.as_ref().is_some_and(is_recent))
    }
}
