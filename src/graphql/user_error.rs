//! What the user can act on, in the payloads of mutations.

use super::{appointment::Appointment, context::Reach, failure::Failure, page, slot::Slot};
use crate::kernel::{
    id::{AppointmentId, DoctorId, VisitTypeId},
    rejection::{self, Refusal, Rejection},
};
use async_graphql::{Context, Description, Enum, Interface, Object};

/// How much is offered instead of a time that cannot be had.
const ALTERNATIVES: usize = 5;

/// Why an input was refused, by a stable name.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
#[graphql(remote = "rejection::Code")]
pub enum UserErrorCode {
    /// A value is off its limits; the message says what they are.
    Invalid,
    /// Nothing that you may see has this ID.
    NotFound,
    /// Something else has this name already.
    Taken,
    /// E-mail and password do not belong together.
    InvalidCredentials,
    /// Passwords, codes or registrations were tried too often: wait before the next one.
    TooManyAttempts,
    /// There is an account with this e-mail address.
    EmailTaken,
    /// The password is too easy to guess.
    WeakPassword,
    /// The token is unknown, was used before, or is over.
    InvalidToken,
    /// Somebody else has booked this time, or time that it needs.
    SlotTaken,
    /// Somebody else is booking this time at this moment.
    SlotBusy,
    /// The doctor does not offer this time.
    SlotUnavailable,
    /// The time begins too soon, or has begun.
    TooLate,
    /// The time is too far ahead to be booked yet.
    TooFarAhead,
    /// You hold 3 slots already: book one, or let go of one.
    TooManyHolds,
    /// The hold was renewed before.
    HoldNotRenewable,
    /// The hold is over: choose a time again.
    HoldExpired,
    /// The appointment is not in a state for this.
    InvalidTransition,
    /// The appointment has changed since the version that you saw.
    VersionConflict,
    /// It is too late to cancel.
    CancellationWindowPassed,
    /// The idempotency key was used for something else.
    IdempotencyKeyReused,
    /// Two rules with slots of different lengths cover the same time.
    OverlappingRules,
    /// Others depend on it, so it stays.
    InUse,
}

/// Something that the user can act on.
#[derive(Interface)]
#[graphql(
    field(name = "code", ty = "UserErrorCode", desc = "Which kind of error."),
    field(name = "message", ty = "String", desc = "A sentence for the person at the screen, in English."),
    field(
        name = "field",
        ty = "Option<Vec<String>>",
        desc = "The path into the input, such as `[\"rules\", \"2\", \"endTime\"]`; null where no field is to blame."
    )
)]
pub enum UserError {
    /// Something is wrong with the input.
    InputError(InputError),
    /// A time that cannot be had.
    SlotUnavailable(SlotUnavailable),
    /// An appointment that has changed meanwhile.
    VersionConflict(VersionConflict),
}

/// Something is wrong with the input, or with its timing.
#[derive(Description, Debug)]
pub struct InputError(Refusal);

#[Object(use_type_description)]
impl InputError {
    /// Which kind of error.
    async fn code(&self) -> UserErrorCode {
        self.0.code.into()
    }

    /// A sentence for the person at the screen, in English.
    async fn message(&self) -> String {
        self.0.message.to_string()
    }

    /// The path into the input, such as `["rules", "2", "endTime"]`; null where no field is to blame.
    async fn field(&self) -> Option<Vec<String>> {
        path(&self.0)
    }
}

/// Somebody else was first, or the doctor does not offer it. What is free instead comes along.
#[derive(Description, Debug)]
pub struct SlotUnavailable {
    refusal: Refusal,
    sought: Sought,
}

/// What somebody was looking for who did not get it.
#[derive(Clone, Copy, Debug)]
pub struct Sought {
    /// With whom.
    pub doctor_id: DoctorId,
    /// When.
    pub starts_at: chrono::DateTime<chrono::Utc>,
    /// What for.
    pub visit_type_id: Option<VisitTypeId>,
    /// How long.
    pub duration_minutes: Option<i32>,
}

#[Object(use_type_description)]
impl SlotUnavailable {
    /// Which kind of error.
    async fn code(&self) -> UserErrorCode {
        self.refusal.code.into()
    }

    /// A sentence for the person at the screen, in English.
    async fn message(&self) -> String {
        self.refusal.message.to_string()
    }

    /// The path into the input; null where no field is to blame.
    async fn field(&self) -> Option<Vec<String>> {
        path(&self.refusal)
    }

    /// What is open instead, at most 5: the doctor's next slots for the same kind of visit, then those of doctors of the same specialty in
    /// the same clinic. For `SLOT_BUSY` those that the server knows by heart, perhaps none.
    #[graphql(complexity = "page::times(5, child_complexity)")]
    async fn alternatives(&self, context: &Context<'_>) -> Result<Vec<Slot>, Failure> {
        let Sought { doctor_id, starts_at, visit_type_id, duration_minutes } = self.sought;
        let availability = &context.services().availability;
        if self.refusal.code == rejection::Code::SlotBusy {
            let known = availability.known_next_slots(doctor_id, visit_type_id, duration_minutes, ALTERNATIVES + 1);
            let others = known.into_iter().filter(|slot| slot.key.starts_at != starts_at);
            return Ok(others.take(ALTERNATIVES).map(Slot).collect());
        }
        let found = availability.alternatives(doctor_id, visit_type_id, duration_minutes, ALTERNATIVES).await?;
        Ok(found.into_iter().map(Slot).collect())
    }
}

fn path(refusal: &Refusal) -> Option<Vec<String>> {
    (!refusal.field.is_empty()).then(|| refusal.field.clone())
}

/// The appointment has changed since the version that you saw.
#[derive(Debug, Description)]
pub struct VersionConflict {
    refusal: Refusal,
    appointment_id: AppointmentId,
}

#[Object(use_type_description)]
impl VersionConflict {
    /// Which kind of error.
    async fn code(&self) -> UserErrorCode {
        self.refusal.code.into()
    }

    /// A sentence for the person at the screen, in English.
    async fn message(&self) -> String {
        self.refusal.message.to_string()
    }

    /// The path into the input; null where no field is to blame.
    async fn field(&self) -> Option<Vec<String>> {
        path(&self.refusal)
    }

    /// The appointment as it is now.
    async fn current(&self, context: &Context<'_>) -> Result<Appointment, Failure> {
        let current = context.loaders().appointments.load_known(self.appointment_id).await?;
        Ok(Appointment::shown(context, current))
    }
}

/// What a mutation came to: what the user can act on goes into the payload, everything else is a failure.
pub fn outcome<T>(result: Result<T, Rejection>) -> Result<(Option<T>, Vec<UserError>), Failure> {
    outcome_by(result, |refusal| UserError::InputError(InputError(refusal)))
}

/// What a mutation of appointments is about, for those whom it refuses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject {
    /// The time that was sought.
    pub sought: Option<Sought>,
    /// The appointment to change.
    pub appointment_id: Option<AppointmentId>,
    /// The other one, of two.
    pub second_id: Option<AppointmentId>,
}

impl Subject {
    /// The appointment whose version the client saw is not the present one.
    fn conflicting(&self, refusal: &Refusal) -> Option<AppointmentId> {
        let is_second = refusal.field.first().is_some_and(|field| field == "secondVersion");
        if is_second { self.second_id } else { self.appointment_id }
    }
}

/// The same for a mutation of appointments.
pub fn outcome_about<T>(
    result: Result<T, Rejection>,
    subject: Subject,
) -> Result<(Option<T>, Vec<UserError>), Failure> {
    use rejection::Code::{
        SlotBusy, SlotTaken, SlotUnavailable as Unavailable, TooFarAhead, TooLate, VersionConflict as Conflict,
    };
    outcome_by(result, |refusal| match refusal.code {
        SlotBusy | SlotTaken | Unavailable | TooFarAhead | TooLate => match subject.sought {
            Some(sought) => UserError::SlotUnavailable(SlotUnavailable { refusal, sought }),
            None => UserError::InputError(InputError(refusal)),
        },
        Conflict => match subject.conflicting(&refusal) {
            Some(appointment_id) => UserError::VersionConflict(VersionConflict { refusal, appointment_id }),
            None => UserError::InputError(InputError(refusal)),
        },
        _ => UserError::InputError(InputError(refusal)),
    })
}

/// Whoever tries to come in where they do not belong is to be found in the log.
fn log(refusal: &Refusal) {
    use rejection::Code::{EmailTaken, InvalidCredentials, InvalidToken};
    if matches!(refusal.code, EmailTaken | InvalidCredentials | InvalidToken) {
        tracing::info!(code = ?refusal.code, field = refusal.field.join("."), "refused");
    }
}

fn outcome_by<T>(
    result: Result<T, Rejection>,
    error: impl FnMut(Refusal) -> UserError,
) -> Result<(Option<T>, Vec<UserError>), Failure> {
    match result {
        Ok(value) => Ok((Some(value), Vec::new())),
        Err(Rejection::Refused(refusals)) => Ok((None, refusals.into_iter().inspect(log).map(error).collect())),
        Err(rejection) => Err(rejection.into()),
    }
}
