//! What the user can act on, in the payloads of mutations.

use super::{context::Reach, failure::Failure, page, slot::Slot};
use crate::kernel::{
    id::{DoctorId, VisitTypeId},
    rejection::{self, Refusal, Rejection},
};
use async_graphql::{Context, Description, Enum, Interface, Object};

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
    /// Wrong passwords came too often: wait before the next one.
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
    /// The appointment is not in a state for this.
    InvalidTransition,
    /// It is too late to cancel.
    CancellationWindowPassed,
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

    /// The doctor's next open slots for the same kind of visit, at most 5. Empty for `SLOT_BUSY`: who is turned away at the door costs
    /// nothing.
    #[graphql(complexity = "page::times(5, child_complexity)")]
    async fn alternatives(&self, context: &Context<'_>) -> Result<Vec<Slot>, Failure> {
        if self.refusal.code == rejection::Code::SlotBusy {
            return Ok(Vec::new());
        }
        let Sought { doctor_id, visit_type_id, duration_minutes } = self.sought;
        let availability = &context.services().availability;
        let mut found = availability.next_slots_of(&[doctor_id], visit_type_id, duration_minutes, 5).await?;
        Ok(found.remove(&doctor_id).unwrap_or_default().into_iter().map(Slot).collect())
    }
}

fn path(refusal: &Refusal) -> Option<Vec<String>> {
    (!refusal.field.is_empty()).then(|| refusal.field.clone())
}

/// What a mutation came to: what the user can act on goes into the payload, everything else is a failure.
pub fn outcome<T>(result: Result<T, Rejection>) -> Result<(Option<T>, Vec<UserError>), Failure> {
    match result {
        Ok(value) => Ok((Some(value), Vec::new())),
        Err(Rejection::Refused(refusals)) => {
            Ok((None, refusals.into_iter().map(|refusal| UserError::InputError(InputError(refusal))).collect()))
        }
        Err(rejection) => Err(rejection.into()),
    }
}

/// The same for a mutation that sought a time.
pub fn outcome_of_seeking<T>(
    result: Result<T, Rejection>,
    sought: Option<Sought>,
) -> Result<(Option<T>, Vec<UserError>), Failure> {
    use rejection::Code::{SlotBusy, SlotTaken, SlotUnavailable as Unavailable, TooFarAhead, TooLate};
    let (Some(sought), Err(Rejection::Refused(refusals))) = (sought, &result) else { return outcome(result) };
    let errors = refusals.iter().cloned().map(|refusal| match refusal.code {
        SlotBusy | SlotTaken | Unavailable | TooFarAhead | TooLate => {
            UserError::SlotUnavailable(SlotUnavailable { refusal, sought })
        }
        _ => UserError::InputError(InputError(refusal)),
    });
    Ok((None, errors.collect()))
}
