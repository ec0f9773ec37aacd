//! Coming in by a code: one that was sent by e-mail or as a text message, or the one that a third party's sign-in comes back with.

use super::{email::first_proof_in, store};
use crate::{
    accounts::{Accounts, Attempt, By, IssuedSession, PHONE_EXPECTED, User, canonical_email, parse_phone},
    kernel::{
        client::Client,
        rejection::{Code, Refusal, Rejection},
    },
    mail::{self, Letter, Proof, Purpose, Recipient},
};
use secrecy::SecretString;

/// Where a code is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeAddress {
    /// By e-mail.
    Email(String),
    /// As a text message.
    Phone(String),
}

/// What somebody says who has a code.
#[derive(Clone, Debug)]
pub struct CodeLogin {
    /// Where it was sent; nowhere for the one that a third party's sign-in came back with.
    pub address: Option<CodeAddress>,
    /// The code.
    pub code: SecretString,
}

impl CodeAddress {
    /// As it is kept.
    fn canonical(&self) -> Result<String, Rejection> {
        match self {
            Self::Email(email) => Ok(canonical_email(email)),
            Self::Phone(phone) => {
                parse_phone(phone).ok_or_else(|| Refusal::of("phone", Code::Invalid, PHONE_EXPECTED).into())
            }
        }
    }
}

impl Accounts {
    /// Sends a login code, if there is an account with this address or proven number. Whether there is, neither the answer tells nor how
    /// long it takes.
    ///
    /// # Errors
    /// `Invalid` for what is no telephone number, `TooManyAttempts`.
    pub async fn request_login_code(&self, address: CodeAddress, client: &Client) -> Result<(), Rejection> {
        let canonical = address.canonical()?;
        let by = [By::Address(&canonical), By::Origin(client.address)];
        self.attempts.begin(Attempt::Code, &by, self.clock.now()).await?;
        let user = match address {
            CodeAddress::Email(_) => store::find_by_email(&self.database, &canonical).await?,
            CodeAddress::Phone(_) => store::find_by_phone(&self.database, &canonical).await?,
        };
        self.write_if_known(user, &canonical, Letter::LoginCode, Purpose::Login).await
    }

    /// Writes such a letter to `address`, if that is an active user's; as much work if not.
    pub(super) async fn write_if_known(
        &self,
        user: Option<User>,
        address: &str,
        letter: Letter,
        purpose: Purpose,
    ) -> Result<(), Rejection> {
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        match user.filter(|user| user.active) {
            Some(user) => {
                let recipient = Recipient { address: address.to_owned(), ..user.recipient() };
                mail::write_with_ticket_in(&transaction, letter, purpose, &recipient, now).await?;
            }
            None => mail::write_to_nobody_in(&transaction, letter, purpose, address, now).await?,
        }
        transaction.commit().await
    }

    /// Signs in with a code. One that was sent proves the address that it was sent to; if nobody has done that before, every other way in
    /// is forgotten and every session ends.
    ///
    /// # Errors
    /// `Invalid` for what is no telephone number, `InvalidToken` for a code that is wrong, used, not the last one or over, `TooManyAttempts`.
    pub async fn login_with_code(&self, login: CodeLogin, client: &Client) -> Result<IssuedSession, Rejection> {
        let CodeLogin { address, code } = login;
        let now = self.clock.now();
        let proof = if let Some(address) = &address {
            let canonical = address.canonical()?;
            let by = [By::Address(&canonical), By::Origin(client.address)];
            self.attempts.begin(Attempt::Redeem, &by, now).await?;
            let proof = mail::prove_code(&self.database, Purpose::Login, (None, &canonical), &code, now).await?;
            if proof.is_some() {
                self.attempts.succeeded(Attempt::Redeem, &by).await;
            }
            proof
        } else {
            self.attempts.begin(Attempt::Redeem, &[By::Origin(client.address)], now).await?;
            mail::read_link(&self.database, &[Purpose::ThirdParty], &code, now).await?
        };
        let wrong = || Refusal::of("code", Code::InvalidToken, "The code is wrong, was used, or is over.");
        let Proof { user_id, address: proven, .. } = proof.ok_or_else(wrong)?;
        let mut ended = Vec::new();
        let transaction = self.database.begin().await?;
        let user = store::find_locked_in(&transaction, user_id).await?.map(|(user, _)| user);
        let user = user.filter(|user| user.active).ok_or_else(wrong)?;
        match &address {
            Some(CodeAddress::Email(_)) if user.email == proven => {
                if !user.email_verified {
                    ended = first_proof_in(&transaction, &user, now).await?;
                }
            }
            Some(CodeAddress::Phone(_)) if user.phone_verified && user.phone.as_ref() == Some(&proven) => {}
            None => {
                let proof = mail::prove_link_in(&transaction, &[Purpose::ThirdParty], &code, now).await?;
                proof.ok_or_else(wrong)?;
            }
            // The account has moved to another address meanwhile.
            _ => return Err(wrong().into()),
        }
        let session = self.begin_session_in(&transaction, user.id, client, now).await?;
        transaction.commit().await?;
        self.sessions_ended(ended).await;
        tracing::info!(user.id = %user.id, "signed in with a code");
        self.issued(self.user(user.id).await?, session, now)
    }
}
