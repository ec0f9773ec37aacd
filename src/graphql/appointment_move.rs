//! Moving appointments.

use super::{
    appointment::Appointment,
    appointment_mutation::{AppointmentPayload, sought, wanted_slot},
    context::Reach,
    failure::Failure,
    guard::For,
    input,
    user_error::{Subject, UserError, outcome_about},
};
use crate::booking::{RescheduleRequest, SwapRequest};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

/// What shall be moved, and where to.
#[derive(InputObject)]
pub struct RescheduleAppointmentInput {
    /// Which appointment.
    appointment_id: ID,
    /// The ID of the slot that it shall have, also of one that you hold, and also of another doctor.
    slot_id: ID,
    /// The version that you saw: where it is another by now, nothing is done.
    version: Option<i32>,
    /// A key of your own, at most 255 characters, the same each time that you send this: however often it arrives, it is done once.
    idempotency_key: Option<String>,
}

/// Which two appointments shall change places.
#[derive(InputObject)]
pub struct SwapAppointmentsInput {
    /// One appointment.
    first_id: ID,
    /// The other.
    second_id: ID,
    /// Why, at most 1,000 characters. Patients see it.
    reason: String,
    /// The version of the one that you saw: where it is another by now, nothing is done.
    first_version: Option<i32>,
    /// The version of the other that you saw: where it is another by now, nothing is done.
    second_version: Option<i32>,
    /// A key of your own, at most 255 characters, the same each time that you send this: however often it arrives, it is done once.
    idempotency_key: Option<String>,
}

/// What became of two appointments.
#[derive(SimpleObject)]
pub struct SwapAppointmentsPayload {
    /// What replaces the first one: its patient, in the place of the other; null where something was refused.
    first: Option<Appointment>,
    /// What replaces the second one: its patient, in the place of the other; null where something was refused.
    second: Option<Appointment>,
    /// What was refused, and why; nothing was written then.
    user_errors: Vec<UserError>,
}

/// Mutations that move appointments.
#[derive(Default)]
pub struct AppointmentMoveMutation;

#[Object]
impl AppointmentMoveMutation {
    /// Move a visit to another time, also of another doctor: the old appointment is cancelled and a new one made, both or neither. The terms
    /// are those of cancelling.
    #[graphql(guard = "For::SignedIn")]
    async fn reschedule_appointment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What shall be moved, and where to.")] input: RescheduleAppointmentInput,
    ) -> Result<AppointmentPayload, Failure> {
        let id = input::id(&input.appointment_id, "appointmentId");
        let wanted = input::id(&input.slot_id, "slotId").map(wanted_slot);
        let subject = Subject {
            sought: wanted.as_ref().ok().map(sought),
            appointment_id: id.as_ref().ok().copied(),
            second_id: None,
        };
        let reschedule = async {
            let request = RescheduleRequest {
                appointment_id: id?,
                wanted: wanted?,
                version: input.version,
                idempotency_key: input.idempotency_key,
            };
            context.services().booking.reschedule(context.signed_in()?, request).await
        };
        AppointmentPayload::from_outcome(context, reschedule.await, subject)
    }

    /// Let two appointments change places: each gets the other's doctor, time and visit type, both or neither. For doctors and admins.
    #[graphql(guard = "For::Staff")]
    async fn swap_appointments(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which two.")] input: SwapAppointmentsInput,
    ) -> Result<SwapAppointmentsPayload, Failure> {
        let first_id = input::id(&input.first_id, "firstId");
        let second_id = input::id(&input.second_id, "secondId");
        let subject = Subject {
            sought: None,
            appointment_id: first_id.as_ref().ok().copied(),
            second_id: second_id.as_ref().ok().copied(),
        };
        let swap = async {
            let request = SwapRequest {
                first_id: first_id?,
                second_id: second_id?,
                reason: input.reason,
                first_version: input.first_version,
                second_version: input.second_version,
                idempotency_key: input.idempotency_key,
            };
            context.services().booking.swap(context.signed_in()?, request).await
        };
        let (swapped, user_errors) = outcome_about(swap.await, subject)?;
        let (first, second) = swapped.unzip();
        let shown = |moved: Option<_>| moved.map(|moved| Appointment::shown(context, moved));
        Ok(SwapAppointmentsPayload { first: shown(first), second: shown(second), user_errors })
    }
}
