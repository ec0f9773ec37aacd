//! Idempotency keys: a client that got no answer asks again with the same key, and is answered as its first attempt was. The record is
//! written in the transaction of the effect, so there is no effect without it; what changed nothing is not recorded.

use super::model::Appointment;
use crate::kernel::{
    check::Check,
    id::{AppointmentId, UserId},
    rejection::{Code, Internal, Refusal, Rejection},
    viewer::Viewer,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// How long a key is remembered.
pub const KEPT: TimeDelta = TimeDelta::hours(24);
/// The longest key, in characters.
const LONGEST: usize = 255;
const FIELD: &str = "idempotencyKey";

/// A mutation with a key.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Whose key.
    pub user_id: UserId,
    /// The key.
    pub key: String,
    /// The name of the mutation.
    pub mutation: &'static str,
    /// The SHA-256 hash of its input.
    pub input_digest: [u8; 32],
}

impl Attempt {
    /// The attempt, where the client gave a key.
    ///
    /// # Errors
    /// What is wrong with the key.
    pub fn new(
        viewer: &Viewer,
        mutation: &'static str,
        key: Option<&str>,
        input: &impl Serialize,
    ) -> Result<Option<Self>, Rejection> {
        let Some(key) = key else { return Ok(None) };
        let mut check = Check::new();
        if key.is_empty() {
            check.refuse(FIELD, Code::Invalid, "A key has one character at least.");
        }
        check.text(FIELD, key, LONGEST);
        check.finish()?;
        let input = serde_json::to_vec(input).map_err(|_| Internal::new("an input that cannot be hashed"))?;
        let input_digest = Sha256::digest(input).into();
        Ok(Some(Self { user_id: viewer.user_id, key: key.to_owned(), mutation, input_digest }))
    }

    /// What the lock calls whoever makes this attempt, so that its twin knows it. Says nothing about the key to others.
    #[must_use]
    pub fn name(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.user_id.0);
        hash.update(&self.key);
        BASE64_URL_SAFE_NO_PAD.encode(hash.finalize())
    }
}

/// What a key was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The name of the mutation.
    pub mutation: String,
    /// The SHA-256 hash of its input.
    pub input_digest: Vec<u8>,
    /// The appointments that it made or changed.
    pub appointments: Vec<AppointmentId>,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl Record {
    /// Whether it is remembered still.
    #[must_use]
    pub fn is_kept(&self, now: DateTime<Utc>) -> bool {
        now < self.created_at + KEPT
    }

    /// The appointments to answer `attempt` with.
    ///
    /// # Errors
    /// `IdempotencyKeyReused` where the key was used for something else.
    pub fn answers(self, attempt: &Attempt) -> Result<Vec<AppointmentId>, Refusal> {
        if self.mutation == attempt.mutation && self.input_digest == attempt.input_digest {
            Ok(self.appointments)
        } else {
            let message = "This key was used for something else: make a new one for each wish.";
            Err(Refusal::of(FIELD, Code::IdempotencyKeyReused, message))
        }
    }
}

/// Why something was not done.
#[derive(Debug)]
pub enum Failed {
    /// It was done before, by an attempt with the same key.
    Twin,
    /// Somebody else is after the time at this moment.
    Busy,
    /// Somebody else has the time; who, where that is known.
    Taken(Option<UserId>),
    /// Any other reason.
    Rejected(Rejection),
}

impl<R: Into<Rejection>> From<R> for Failed {
    fn from(rejection: R) -> Self {
        Self::Rejected(rejection.into())
    }
}

/// The one appointment that most mutations come to.
///
/// # Errors
/// Where there is none.
pub fn only(appointments: Vec<Appointment>) -> Result<Appointment, Rejection> {
    Ok(appointments.into_iter().next().ok_or_else(|| Internal::new("nothing was made"))?)
}
