//! Whose account it is that a third party vouches for.

use super::{
    provider::{Claims, OpenId, Return},
    store,
};
use crate::{
    accounts::{
        Accounts, Attempt, By, NewUser, RoleName, canonical_email, care, note_own_in, parse_email, store as users,
    },
    audit::{self, Entry},
    infra::db::Transaction,
    kernel::{
        check::NAME,
        client::Client,
        id::UserId,
        rejection::{Internal, Rejection},
    },
    mail::{self, Letter, Purpose},
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use secrecy::SecretString;
use serde_json::json;

/// What becomes of somebody who comes back from a third party.
#[derive(Debug)]
pub enum Arrival {
    /// They may come in, with this code for `loginWithCode`, within 2 minutes.
    Welcome(SecretString),
    /// They may not.
    Turned(Turned),
}

/// Why somebody may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// The third party did not say who it is, or not so that it could be believed.
    Unproven,
    /// The third party does not know that the address is theirs.
    EmailNotVerified,
    /// There is an account with this address, and nobody has confirmed that it is theirs.
    AccountNotVerified,
    /// Whose account it is has unlinked the third party.
    Unlinked,
    /// The account was deactivated.
    Inactive,
}

impl Turned {
    /// How frontends call it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unproven => "UNPROVEN",
            Self::EmailNotVerified => "EMAIL_NOT_VERIFIED",
            Self::AccountNotVerified => "ACCOUNT_NOT_VERIFIED",
            Self::Unlinked => "UNLINKED",
            Self::Inactive => "INACTIVE",
        }
    }
}

impl Accounts {
    /// Lets somebody in by what a third party says of them. Whom it has brought before, it brings to the same account; others to the account with
    /// the same address, if both sides know that it is theirs, or to a new one. To an account that has unlinked it, it brings nobody.
    ///
    /// # Errors
    /// `TooManyAttempts`.
    pub async fn arrive(
        &self,
        openid: &OpenId,
        provider: &str,
        back: Return,
        client: &Client,
    ) -> Result<Arrival, Rejection> {
        let by = [By::Origin(client.address)];
        self.attempts.begin(Attempt::Redeem, &by, self.clock.now()).await?;
        let claims = match openid.claims(provider, back).await {
            Ok(claims) => claims,
            Err(error) => {
                tracing::warn!(provider, %error, "somebody came back from a provider without a proof");
                return Ok(Arrival::Turned(Turned::Unproven));
            }
        };
        let (now, subject) = (self.clock.now(), claims.subject.clone());
        let transaction = self.database.begin().await?;
        let user_id = match self.account_of_in(&transaction, provider, claims, now).await? {
            Ok(user_id) => user_id,
            Err(turned) => return Ok(Arrival::Turned(turned)),
        };
        let locked = care::find_locked_in(&transaction, user_id).await?;
        let (user, _) = locked.ok_or_else(|| Internal::new("an identity of nobody"))?;
        // Who unlinks it makes worthless what was issued before; it may have been while this waited for them.
        if store::find_in(&transaction, provider, &subject).await? != Some((user_id, true)) {
            return Ok(Arrival::Turned(Turned::Unlinked));
        }
        if !user.active {
            return Ok(Arrival::Turned(Turned::Inactive));
        }
        let code = mail::issue_in(&transaction, Purpose::ThirdParty, (user.id, &user.email), now).await?;
        transaction.commit().await?;
        self.attempts.succeeded(Attempt::Redeem, &by).await;
        tracing::info!(user.id = %user.id, provider, "came in by a provider");
        Ok(Arrival::Welcome(code))
    }

    async fn account_of_in(
        &self,
        transaction: &Transaction,
        provider: &str,
        claims: Claims,
        now: DateTime<Utc>,
    ) -> Result<Result<UserId, Turned>, Rejection> {
        if let Some((user_id, is_linked)) = store::find_in(transaction, provider, &claims.subject).await? {
            return Ok(if is_linked { Ok(user_id) } else { Err(Turned::Unlinked) });
        }
        let email = claims.email.as_deref().and_then(|email| parse_email(email).ok());
        let Some(email) = email.filter(|_| claims.email_verified) else { return Ok(Err(Turned::EmailNotVerified)) };
        let email = canonical_email(&email);
        let user_id = match care::find_by_email_in(transaction, &email).await? {
            Some(user) if !user.email_verified => return Ok(Err(Turned::AccountNotVerified)),
            Some(user) => {
                users::lock_user_in(transaction, user.id).await?;
                let known = store::identities_of_in(transaction, user.id).await?;
                if known.iter().any(|identity| identity.provider == provider && identity.unlinked_at.is_some()) {
                    return Ok(Err(Turned::Unlinked));
                }
                let content = json!({ "provider": provider });
                mail::tell_in(transaction, Letter::IdentityLinked, &user.recipient(), content, now).await?;
                note_own_in(transaction, &user, "user.link_identity", now).await?;
                user.id
            }
            None => {
                let user = newcomer(email, claims.name);
                let id = user.id;
                users::insert_user_in(transaction, user, now).await?;
                audit::record_in(transaction, vec![Entry::of_oneself(id, true, "user.register", now)]).await?;
                care::verify_email_in(transaction, id, now).await?;
                id
            }
        };
        store::insert_in(transaction, provider, &claims.subject, user_id, now).await?;
        Ok(Ok(user_id))
    }
}

/// A patient without a password.
fn newcomer(email: String, name: Option<String>) -> NewUser {
    let local_part = email.split('@').next().unwrap_or_default().to_owned();
    let name: String = name.unwrap_or_default().chars().filter(|letter| !letter.is_control()).take(NAME).collect();
    let name = if name.trim().is_empty() { local_part } else { name.trim().to_owned() };
    NewUser {
        id: UserId::new(),
        email,
        password_hash: String::new(),
        name,
        phone: None,
        role: RoleName::Patient,
        clinic_id: None,
        time_zone: Tz::UTC,
    }
}
