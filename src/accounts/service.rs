//! Coming in, staying in, going out.

use super::{
    attempts::{Attempt, Attempts, By},
    care,
    endings::Endings,
    model::{
        Account, Credentials, IssuedSession, LOCALE, NewUser, RoleName, SignOut, User, canonical_email, parse_phone,
        words_about,
    },
    password::Passwords,
    sessions::{BELIEVED, Proven},
    store::{self, Presented},
    token::Tokens,
};
use crate::{
    audit::{self, Entry},
    infra::{
        bus::Bus,
        db::{Database, Transaction},
    },
    kernel::{
        client::Client,
        clock::Clock,
        id::{SessionId, UserId},
        rejection::{Code, Refusal, Rejection},
        viewer::Viewer,
    },
    mail::{self, Letter, Purpose, Recipient},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use moka::sync::Cache;
use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};

/// How long a session lasts if it is not refreshed.
pub(super) const SESSION: TimeDelta = TimeDelta::days(30);
/// For how long a token that nobody uses is remembered.
const REMEMBERED: Duration = Duration::from_secs(30);
const MOST_REMEMBERED: u64 = 100_000;

/// Accounts and sessions.
#[derive(Debug)]
pub struct Accounts {
    pub(super) database: Database,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tokens: Tokens,
    pub(super) passwords: Passwords,
    pub(super) attempts: Attempts,
    pub(super) endings: Endings,
    /// What tokens prove that are used, by their SHA-256 hashes.
    pub(super) proven: Cache<[u8; 32], Arc<Proven>>,
    /// Sessions that the database knew nothing of a moment ago.
    pub(super) refused: Cache<SessionId, ()>,
}

impl Accounts {
    /// Accounts in `database`; `attempts` says how many wrong passwords are stood, and `bus` tells all processes which sessions have ended.
    #[must_use]
    pub fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        tokens: Tokens,
        passwords: Passwords,
        attempts: Attempts,
        bus: Arc<dyn Bus>,
    ) -> Self {
        let proven = Cache::builder().max_capacity(MOST_REMEMBERED).time_to_idle(REMEMBERED).build();
        let refused = Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(BELIEVED).build();
        Self { database, clock, tokens, passwords, attempts, endings: Endings::new(bus), proven, refused }
    }

    /// Makes a patient's account and signs in.
    ///
    /// # Errors
    /// What is wrong with the input, `EmailTaken`, or `TooManyAttempts`.
    pub async fn register(&self, account: Account, client: &Client) -> Result<IssuedSession, Rejection> {
        let (id, now) = (UserId::new(), self.clock.now());
        // Who tries many addresses learns who has an account.
        self.attempts.begin(Attempt::Register, &[By::Origin(client.address)], now).await?;
        let user = self.prepare(id, account, RoleName::Patient).await?;
        let recipient = Recipient { user_id: id, address: user.email.clone(), locale: LOCALE.to_owned() };
        let transaction = self.database.begin().await?;
        store::insert_user_in(&transaction, user, now).await?;
        audit::record_in(&transaction, vec![Entry::of_oneself(id, true, "user.register", now)]).await?;
        let session = self.begin_session_in(&transaction, id, client, now).await?;
        mail::write_with_ticket_in(&transaction, Letter::VerifyEmail, Purpose::Email, &recipient, now).await?;
        transaction.commit().await?;
        tracing::info!(user.id = %id, "registered");
        self.issued(self.user(id).await?, session, now)
    }

    /// Makes an account for an admin of the platform.
    ///
    /// # Errors
    /// What is wrong with the input, or `EmailTaken`.
    pub async fn create_platform_admin(&self, account: Account) -> Result<UserId, Rejection> {
        let id = UserId::new();
        let user = self.prepare(id, account, RoleName::Admin).await?;
        let transaction = self.database.begin().await?;
        store::insert_user_in(&transaction, user, self.clock.now()).await?;
        transaction.commit().await?;
        tracing::info!(user.id = %id, "made an admin of the platform");
        Ok(id)
    }

    /// A user with this id and account, ready to be written.
    ///
    /// # Errors
    /// What is wrong with the input, or `EmailTaken`.
    pub async fn prepare(&self, id: UserId, account: Account, role: RoleName) -> Result<NewUser, Rejection> {
        let email = canonical_email(&account.email);
        let about_owner = words_about(&email, &account.name);
        account.check(self.passwords.is_guessable(account.password.clone(), about_owner).await?)?;
        if store::is_email_taken(&self.database, &email).await? {
            return Err(store::email_taken());
        }
        let password_hash = self.passwords.hash(account.password).await?;
        Ok(NewUser {
            id,
            email,
            password_hash,
            name: account.name.trim().to_owned(),
            phone: account.phone.as_deref().and_then(parse_phone),
            role,
            clinic_id: None,
            time_zone: account.time_zone.unwrap_or(Tz::UTC),
        })
    }

    /// Signs in.
    ///
    /// # Errors
    /// `InvalidCredentials`, the same for an unknown address; `TooManyAttempts`.
    pub async fn login(&self, credentials: Credentials, client: &Client) -> Result<IssuedSession, Rejection> {
        let email = canonical_email(&credentials.email);
        let by = [By::Address(&email), By::Origin(client.address)];
        self.attempts.begin(Attempt::Login, &by, self.clock.now()).await?;
        let known = store::find_by_email(&self.database, &email).await?;
        let (user, hash) = known.unzip();
        let hash = hash.filter(|hash| !hash.is_empty());
        let right = self.passwords.verify(credentials.password, hash.clone()).await?;
        let wrong = || Refusal::new(Code::InvalidCredentials, "E-mail or password is wrong.");
        let user = user.filter(|user| right && user.active).ok_or_else(wrong)?;
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        // The password may have become another, or the account worthless, while this one was looked at.
        let locked = care::find_locked_in(&transaction, user.id).await?;
        let locked = locked.filter(|(user, present)| user.active && hash.as_ref() == Some(present));
        let (user, _) = locked.ok_or_else(wrong)?;
        self.attempts.succeeded(Attempt::Login, &by).await;
        let session = self.begin_session_in(&transaction, user.id, client, now).await?;
        transaction.commit().await?;
        self.issued(user, session, now)
    }

    /// Continues a session with its refresh token, which is spent by that. A token that was spent before ends the session: one of the two
    /// who had it was a thief.
    ///
    /// # Errors
    /// `InvalidToken`.
    pub async fn refresh(&self, refresh_token: &SecretString) -> Result<IssuedSession, Rejection> {
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        match store::spend_token_in(&transaction, &hash(refresh_token), now).await? {
            Presented::Good(id) => {
                let next = new_refresh_token();
                let period = (now, now + SESSION);
                if let Some(user) = store::continue_session_in(&transaction, id, period, hash(&next)).await? {
                    transaction.commit().await?;
                    return self.issued(user, (id, next), now);
                }
            }
            Presented::Spent(id) => {
                let ended = store::end_session_in(&transaction, id, now).await?;
                transaction.commit().await?;
                self.endings.end(ended).await;
                tracing::warn!(session.id = %id, "a refresh token was used twice: the session is ended");
            }
            Presented::Unknown => {}
        }
        let message = "The session is over: sign in again.";
        Err(Refusal::of("refreshToken", Code::InvalidToken, message).into())
    }

    /// Ends sessions of the viewer's own.
    ///
    /// # Errors
    /// `NotFound` where the viewer has no such session.
    pub async fn logout(&self, viewer: &Viewer, which: SignOut) -> Result<(), Rejection> {
        let only = match which {
            SignOut::Here => Some(viewer.session_id),
            SignOut::There(id) => Some(id),
            SignOut::Everywhere => None,
        };
        let transaction = self.database.begin().await?;
        let ended = store::end_sessions_of_in(&transaction, viewer.user_id, only, self.clock.now()).await?;
        transaction.commit().await?;
        let is_none = ended.is_empty();
        self.endings.end(ended).await;
        match which {
            SignOut::There(_) if is_none => Err(Refusal::not_found("sessionId").into()),
            _ => Ok(()),
        }
    }

    /// The user with this address.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn find_by_email(&self, email: &str) -> Result<Option<User>, Rejection> {
        Ok(store::find_by_email(&self.database, &canonical_email(email)).await?.map(|(user, _)| user))
    }

    /// Whether anybody has an account.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn has_users(&self) -> Result<bool, Rejection> {
        store::has_users(&self.database).await
    }

    pub(super) async fn user(&self, id: UserId) -> Result<User, Rejection> {
        store::users(&self.database, &[id]).await?.remove(&id).ok_or(Rejection::NotFound)
    }

    pub(super) async fn begin_session_in(
        &self,
        transaction: &Transaction,
        user_id: UserId,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<(SessionId, SecretString), Rejection> {
        let (id, token) = (SessionId::new(), new_refresh_token());
        let period = (now, now + SESSION);
        store::insert_session_in(transaction, (user_id, id), client.device.clone(), period, hash(&token)).await?;
        Ok((id, token))
    }

    pub(super) fn issued(
        &self,
        user: User,
        (session_id, refresh_token): (SessionId, SecretString),
        now: DateTime<Utc>,
    ) -> Result<IssuedSession, Rejection> {
        let (access_token, expires_at) = self.tokens.issue(user.id, session_id, now)?;
        Ok(IssuedSession { access_token, expires_at, refresh_token, user })
    }
}

fn new_refresh_token() -> SecretString {
    format!("{:032x}{:032x}", rand::rng().random::<u128>(), rand::rng().random::<u128>()).into()
}

fn hash(token: &SecretString) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(token.expose_secret().as_bytes()))
}
