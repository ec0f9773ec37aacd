//! Why a request is turned down.

use std::{borrow::Cow, fmt, sync::Arc};

/// What a user can act on, by a stable name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A value is off its limits.
    Invalid,
    /// Nothing that the viewer may see has this id.
    NotFound,
    /// Something else has this name already.
    Taken,
    /// Address and password do not belong together.
    InvalidCredentials,
    /// Passwords, codes or registrations were tried too often: wait.
    TooManyAttempts,
    /// Somebody has an account with this address.
    EmailTaken,
    /// The password is too easy to guess.
    WeakPassword,
    /// The token is unknown, used or over.
    InvalidToken,
    /// Somebody else was first.
    SlotTaken,
    /// Somebody else is booking it at this moment.
    SlotBusy,
    /// The doctor does not offer it.
    SlotUnavailable,
    /// It begins too soon, or has begun.
    TooLate,
    /// It lies beyond the doctor's horizon.
    TooFarAhead,
    /// The patient holds as many slots as one may.
    TooManyHolds,
    /// The hold was renewed before.
    HoldNotRenewable,
    /// The hold is over.
    HoldExpired,
    /// The appointment is not in a state for this.
    InvalidTransition,
    /// The appointment has changed since the version that the client saw.
    VersionConflict,
    /// It is too late to cancel.
    CancellationWindowPassed,
    /// The key was used for something else.
    IdempotencyKeyReused,
    /// Two rules of different slot lengths share some time.
    OverlappingRules,
    /// Others depend on it.
    InUse,
}

/// Something that the user can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub code: Code,
    /// A sentence for the person at the screen.
    pub message: Cow<'static, str>,
    /// The path into the input, such as `["rules", "2", "endTime"]`; empty where no field is to blame.
    pub field: Vec<String>,
}

impl Refusal {
    /// A refusal of the whole input.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), field: Vec::new() }
    }

    /// A refusal of one field, named by its path with dots (`rules.2.endTime`).
    #[must_use]
    pub fn of(field: &str, code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), field: field.split('.').map(str::to_owned).collect() }
    }

    /// The id in this field names nothing that the viewer may see.
    #[must_use]
    pub fn not_found(field: &str) -> Self {
        Self::of(field, Code::NotFound, "There is nothing with this ID.")
    }
}

/// Why a request is turned down.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Rejection {
    /// The user can act on it; nothing was written.
    #[error("refused")]
    Refused(Vec<Refusal>),
    /// One has to sign in first.
    #[error("not signed in")]
    Unauthenticated,
    /// The viewer may see it, but not do this.
    #[error("not allowed")]
    Forbidden,
    /// The program asked for something that cannot be.
    #[error("bad input: {0}")]
    BadInput(Cow<'static, str>),
    /// Nothing that the viewer may see is there to subscribe to.
    #[error("not found")]
    NotFound,
    /// Events came faster than they were taken.
    #[error("resume required")]
    ResumeRequired,
    /// The log of changes does not go back as far as the cursor.
    #[error("cursor expired")]
    CursorExpired,
    /// A part that is needed does not answer; trying again may help.
    #[error("unavailable: {0}")]
    Unavailable(Internal),
    /// Our own fault.
    #[error("internal: {0}")]
    Internal(Internal),
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(vec![refusal])
    }
}

/// What went wrong inside, in words that are fit for a log: no values, no addresses, no names.
#[derive(Clone, Debug)]
pub struct Internal(Arc<str>);

impl Internal {
    /// A fault described by `what`.
    #[must_use]
    pub fn new(what: impl Into<Arc<str>>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Internal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<Internal> for Rejection {
    fn from(internal: Internal) -> Self {
        Self::Internal(internal)
    }
}
