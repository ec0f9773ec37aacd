//! What an account is.

use crate::{
    kernel::{
        check::Check,
        id::{ClinicId, SessionId, UserId},
        rejection::{Code, Rejection},
    },
    mail::Recipient,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use email_address::{EmailAddress, Options};
use secrecy::{ExposeSecret, SecretString};

pub use ::entity::user::Role as RoleName;

/// The shortest password, in characters.
const SHORTEST_PASSWORD: usize = 8;
/// The longest password, in bytes.
const LONGEST_PASSWORD: usize = 1_000;

/// The language of those who have not said which they read.
pub const LOCALE: &str = "en";

/// A person who signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// The address that they sign in with.
    pub email: String,
    /// How they are called.
    pub name: String,
    /// Their telephone number, in E.164.
    pub phone: Option<String>,
    /// What they may be.
    pub role: RoleName,
    /// The clinic that an admin rules.
    pub clinic_id: Option<ClinicId>,
    /// The time zone that they live in.
    pub time_zone: Tz,
    /// The language that they read (BCP 47).
    pub locale: String,
    /// Whether they may sign in.
    pub active: bool,
    /// Whether they have proven to read what is sent to the address.
    pub email_verified: bool,
    /// Whether they have proven to read what is sent to the telephone: only then it is a way in.
    pub phone_verified: bool,
    /// Whether everything personal was erased: then name, address and number mean nothing.
    pub erased: bool,
}

impl User {
    /// Whom letters to this user go to.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        Recipient { user_id: self.id, address: self.email.clone(), locale: self.locale.clone() }
    }
}

/// What it takes to make an account.
#[derive(Clone, Debug)]
pub struct Account {
    /// The address to sign in with.
    pub email: String,
    /// The password to sign in with.
    pub password: SecretString,
    /// How the person is called.
    pub name: String,
    /// A telephone number.
    pub phone: Option<String>,
    /// The time zone that the person lives in; UTC where none is given.
    pub time_zone: Option<Tz>,
}

impl Account {
    /// Looks over what was given; whether the password is guessable has been found out before.
    ///
    /// # Errors
    /// The refusals.
    pub fn check(&self, is_guessable: bool) -> Result<(), Rejection> {
        let mut check = Check::new();
        check_password(&mut check, "password", &self.password, is_guessable);
        check.name("name", &self.name);
        if self.phone.as_deref().is_some_and(|phone| parse_phone(phone).is_none()) {
            check.refuse("phone", Code::Invalid, PHONE_EXPECTED);
        }
        check.finish()
    }
}

/// What others may guess that a password is made of.
#[must_use]
pub fn words_about(email: &str, name: &str) -> Vec<String> {
    let local_part = email.split('@').next().unwrap_or_default();
    let words = [local_part].into_iter().chain(name.split_whitespace());
    words.take(10).map(|word| word.chars().take(100).collect()).collect()
}

/// Looks over a new password.
pub fn check_password(check: &mut Check, field: &str, password: &SecretString, is_guessable: bool) {
    let password = password.expose_secret();
    if password.chars().count() < SHORTEST_PASSWORD {
        check.refuse(field, Code::WeakPassword, format!("At least {SHORTEST_PASSWORD} characters."));
    } else if password.len() > LONGEST_PASSWORD {
        check.refuse(field, Code::Invalid, format!("At most {LONGEST_PASSWORD} bytes."));
    } else if is_guessable {
        check.refuse(field, Code::WeakPassword, "Too easy to guess: take a few words that do not belong together.");
    }
}

/// An address as RFC 5321 has it, at most 254 characters, with a domain of the internet and nothing around it. Letters beyond ASCII could look
/// like those of another's address; domains that have some are written in Punycode.
///
/// # Errors
/// What was expected.
pub fn parse_email(text: &str) -> Result<String, &'static str> {
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    let is_plain = text.len() <= 254 && text.bytes().all(|byte| byte.is_ascii_graphic());
    let address = if is_plain { EmailAddress::parse_with_options(text, options).ok() } else { None };
    address.map(|address| address.to_string()).ok_or(EMAIL_EXPECTED)
}

/// What is refused that is no address.
pub const EMAIL_EXPECTED: &str = "expected an e-mail address such as ada@example.com";

/// A telephone number with the code of its country, written as E.164 has it; nothing where it is none.
#[must_use]
pub fn parse_phone(text: &str) -> Option<String> {
    // The library takes letters for the keys that they stand on, and what stands behind the number for an extension.
    let is_plain = text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_digit() || b"+ ()-./".contains(&byte));
    let number = if is_plain { phonenumber::parse(None, text.trim()).ok()? } else { return None };
    let written = number.format().mode(phonenumber::Mode::E164).to_string();
    (8..=16).contains(&written.len()).then_some(written)
}

/// What is refused that is no telephone number.
pub const PHONE_EXPECTED: &str = "A telephone number with the code of its country, such as +48 22 555 01 23.";

/// Addresses are compared, and kept, in lower case.
#[must_use]
pub fn canonical_email(email: &str) -> String {
    email.to_lowercase()
}

/// A user as it is written for the first time.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Who.
    pub id: UserId,
    /// The address that they sign in with.
    pub email: String,
    /// The hash of their password.
    pub password_hash: String,
    /// How they are called.
    pub name: String,
    /// Their telephone number.
    pub phone: Option<String>,
    /// What they may be.
    pub role: RoleName,
    /// The clinic that an admin rules.
    pub clinic_id: Option<ClinicId>,
    /// The time zone that they live in.
    pub time_zone: Tz,
}

/// What somebody says who wants to sign in.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The address.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

/// A session that has just begun or goes on, with the tokens that prove it.
#[derive(Debug)]
pub struct IssuedSession {
    /// Proves the session to the API, for a short time.
    pub access_token: SecretString,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// Continues the session, once.
    pub refresh_token: SecretString,
    /// Who is signed in.
    pub user: User,
}

/// A place where a user is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Which.
    pub id: SessionId,
    /// What the client called itself.
    pub device: Option<String>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When the session was last refreshed.
    pub last_used_at: DateTime<Utc>,
}

/// Which sessions to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignOut {
    /// The one that asks.
    Here,
    /// One of the user's own.
    There(SessionId),
    /// Every one of the user's own.
    Everywhere,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_too_long_look_like_others_or_bring_headers_along_are_refused() {
        assert_eq!(parse_email("ada@example.com").as_deref(), Ok("ada@example.com"));
        assert!(parse_email("ada+visits@xn--bcher-kva.example").is_ok());
        let long = format!("{}@example.com", "a".repeat(10_000));
        for address in [
            "",
            "ada",
            "ada@localhost",
            "ada@[127.0.0.1]",
            "Ada <ada@example.com>",
            "ada@example.com\r\nBcc: ben@example.com",
            "\"ada\r\nBcc: ben\"@example.com",
            "ada@example.com\0",
            " ada@example.com",
            "\u{430}da@example.com",
            "ada@ex\u{430}mple.com",
            "a\u{200b}da@example.com",
            &long,
        ] {
            assert!(parse_email(address).is_err(), "{address:?}");
        }
    }

    #[test]
    fn telephone_numbers_are_kept_in_one_spelling_and_anything_else_is_refused() {
        for spelling in ["+48 22 555 01 23", "+48225550123", " +48 (22) 555-01-23"] {
            assert_eq!(parse_phone(spelling).as_deref(), Some("+48225550123"), "{spelling}");
        }
        let long = "1".repeat(10_000);
        for wrong in [
            "",
            "+",
            "22 555 01 23",
            "+48",
            "+48 CALL ME",
            "+48225550123\r\nBcc: ben",
            "+999 1234567",
            "+٤٨٢٢٥٥٥٠١٢٣",
            &long,
        ] {
            assert_eq!(parse_phone(wrong), None, "{wrong:?}");
        }
    }
}
