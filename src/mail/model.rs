//! What letters there are.

use crate::kernel::id::{ClinicId, UserId};
use chrono::{DateTime, TimeDelta, Utc};

pub use ::entity::{
    mail::{Channel, Status},
    ticket::Purpose,
};

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letter {
    /// An account was made with this address: a link proves it.
    VerifyEmail,
    /// An account shall move to this address: a link proves it.
    ConfirmEmail,
    /// Somebody asked that the account move to another address.
    EmailChangeAsked,
    /// The account has another address now.
    EmailChanged,
    /// A link sets a new password.
    ResetPassword,
    /// The password was changed.
    PasswordChanged,
    /// The address was proven for the first time, and every way in that was there before is forgotten.
    AccessForgotten,
    /// A code signs in.
    LoginCode,
    /// From now on a third party lets somebody in.
    IdentityLinked,
    /// A third party lets nobody in any more.
    IdentityUnlinked,
    /// A code proves the telephone number.
    ConfirmPhone,
    /// From now on a code to the telephone number lets somebody in.
    PhoneConfirmed,
    /// Name, telephone number, time zone or language were changed.
    ProfileChanged,
    /// Somebody has made an account for the recipient: a link sets its first password.
    Invitation,
    /// A clinic asks a patient to be theirs: a link accepts.
    Joining,
    /// The account was deleted.
    AccountDeleted,
    /// Everything kept about the person was given out.
    DataExported,
}

impl Letter {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::VerifyEmail,
        Self::ConfirmEmail,
        Self::EmailChangeAsked,
        Self::EmailChanged,
        Self::ResetPassword,
        Self::PasswordChanged,
        Self::AccessForgotten,
        Self::LoginCode,
        Self::IdentityLinked,
        Self::IdentityUnlinked,
        Self::ConfirmPhone,
        Self::PhoneConfirmed,
        Self::ProfileChanged,
        Self::Invitation,
        Self::Joining,
        Self::AccountDeleted,
        Self::DataExported,
    ];

    /// The name of its template.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify-email",
            Self::ConfirmEmail => "confirm-email",
            Self::EmailChangeAsked => "email-change-asked",
            Self::EmailChanged => "email-changed",
            Self::ResetPassword => "reset-password",
            Self::PasswordChanged => "password-changed",
            Self::AccessForgotten => "access-forgotten",
            Self::LoginCode => "login-code",
            Self::IdentityLinked => "identity-linked",
            Self::IdentityUnlinked => "identity-unlinked",
            Self::ConfirmPhone => "confirm-phone",
            Self::PhoneConfirmed => "phone-confirmed",
            Self::ProfileChanged => "profile-changed",
            Self::Invitation => "invitation",
            Self::Joining => "joining",
            Self::AccountDeleted => "account-deleted",
            Self::DataExported => "data-exported",
        }
    }

    /// The letter with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|letter| letter.name() == name)
    }
}

/// Who gets a message.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Whose account it is about.
    pub user_id: UserId,
    /// The e-mail address or, beginning with `+`, the telephone number in E.164.
    pub address: String,
    /// The language that they read (BCP 47).
    pub locale: String,
}

/// A clinic that a letter names.
#[derive(Clone, Copy, Debug)]
pub struct Clinic<'a> {
    /// Which.
    pub id: ClinicId,
    /// How it is called.
    pub name: &'a str,
}

/// What a ticket has proven, once: that whoever presents it reads what is sent to `address`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Whom it was made for.
    pub user_id: UserId,
    /// Where it was sent.
    pub address: String,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
    /// The clinic, of a ticket to join one.
    pub clinic_id: Option<ClinicId>,
}

/// A message that is on its way or finished, as far as it is remembered.
#[derive(Clone, Debug)]
pub struct Sent {
    /// What it said, by the name of its template.
    pub letter: String,
    /// Over what.
    pub channel: Channel,
    /// How far it has come.
    pub status: Status,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// How long a ticket is good.
#[must_use]
pub fn lifetime(purpose: Purpose) -> TimeDelta {
    match purpose {
        Purpose::Email => TimeDelta::days(3),
        Purpose::Password => TimeDelta::hours(1),
        Purpose::Invitation | Purpose::Joining => TimeDelta::days(7),
        Purpose::Login | Purpose::Phone => TimeDelta::minutes(10),
        Purpose::ThirdParty => TimeDelta::minutes(2),
    }
}

/// Whether its secret is a code of six digits, to be typed in.
#[must_use]
pub fn is_code(purpose: Purpose) -> bool {
    matches!(purpose, Purpose::Login | Purpose::Phone)
}

/// The page of the frontend that a link of such a ticket opens.
#[must_use]
pub fn page(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Email => "account/verify-email",
        Purpose::Password => "account/reset-password",
        Purpose::Invitation => "account/accept-invitation",
        Purpose::Joining => "account/join-clinic",
        Purpose::Login | Purpose::Phone | Purpose::ThirdParty => "account/sign-in",
    }
}
