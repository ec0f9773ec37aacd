//! Booking and cancelling.

use super::{
    appointment::Appointment,
    context::Reach,
    failure::Failure,
    guard::For,
    input,
    scalars::{DateTime, TimeZone},
    user_error::{Sought, UserError, outcome_of_changing, outcome_of_seeking},
};
use crate::{
    availability::SlotKey,
    booking::{self, BookingRequest, CancelRequest, Outcome, Wanted},
    kernel::{
        id::AppointmentId,
        rejection::{Code, Refusal, Rejection},
    },
};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

/// What shall be booked, and for whom.
#[derive(InputObject)]
pub struct BookAppointmentInput {
    /// A slot's ID. Exactly one of `slotId` and `time`.
    slot_id: Option<ID>,
    /// A time, for clients that know only that.
    time: Option<SlotTimeInput>,
    /// For whom, for doctors and admins, who book for a patient that they know.
    patient_id: Option<ID>,
    /// What the patient wants the doctor to know, at most 4,000 characters.
    notes: Option<String>,
    /// The patient's time zone; the one of the patient's account where nothing is said.
    time_zone: Option<TimeZone>,
}

/// A time of a doctor's.
#[derive(InputObject)]
pub struct SlotTimeInput {
    /// With whom.
    doctor_id: ID,
    /// When it begins.
    starts_at: DateTime,
    /// What for.
    visit_type_id: Option<ID>,
    /// How long, in minutes; not together with a visit type. As long as the doctor's hours say where nothing is said.
    duration_minutes: Option<i32>,
}

impl BookAppointmentInput {
    fn parse(self) -> Result<BookingRequest, Rejection> {
        let (wanted, field) = match (self.slot_id, self.time) {
            (Some(id), None) => (wanted_slot(input::id(&id, "slotId")?), "slotId"),
            (None, Some(time)) => (time.parse()?, "time"),
            _ => {
                let message = "Give either `slotId` or `time`.";
                return Err(Refusal::of("slotId", Code::Invalid, message).into());
            }
        };
        Ok(BookingRequest {
            wanted,
            field,
            patient_id: self.patient_id.map(|id| input::id(&id, "patientId")).transpose()?,
            notes: self.notes,
            time_zone: self.time_zone.map(Into::into),
        })
    }
}

fn wanted_slot(key: SlotKey) -> Wanted {
    Wanted {
        doctor_id: key.doctor_id,
        starts_at: key.starts_at,
        visit_type_id: key.visit_type_id,
        duration_minutes: Some(key.duration_minutes),
    }
}

impl SlotTimeInput {
    fn parse(self) -> Result<Wanted, Rejection> {
        if self.visit_type_id.is_some() && self.duration_minutes.is_some() {
            let message = "Give either `visitTypeId` or `durationMinutes`.";
            return Err(Refusal::of("time.durationMinutes", Code::Invalid, message).into());
        }
        if self.duration_minutes.is_some_and(|minutes| !(5..=480).contains(&minutes)) {
            return Err(Refusal::of("time.durationMinutes", Code::Invalid, "Between 5 and 480.").into());
        }
        Ok(Wanted {
            doctor_id: input::id(&self.doctor_id, "time.doctorId")?,
            starts_at: self.starts_at.into(),
            visit_type_id: self.visit_type_id.map(|id| input::id(&id, "time.visitTypeId")).transpose()?,
            duration_minutes: self.duration_minutes,
        })
    }
}

/// What shall be cancelled.
#[derive(InputObject)]
pub struct CancelAppointmentInput {
    /// Which appointment.
    appointment_id: ID,
    /// Why, at most 1,000 characters.
    reason: Option<String>,
    /// The version that you saw: where it is another by now, nothing is done.
    version: Option<i32>,
}

/// Which appointment.
#[derive(InputObject)]
pub struct AppointmentActionInput {
    /// Which appointment.
    appointment_id: ID,
    /// The version that you saw: where it is another by now, nothing is done.
    version: Option<i32>,
}

/// What became of an appointment.
#[derive(SimpleObject)]
pub struct AppointmentPayload {
    /// The appointment as it is now; null where something was refused.
    appointment: Option<Appointment>,
    /// What was refused, and why; nothing was written then.
    user_errors: Vec<UserError>,
}

impl AppointmentPayload {
    fn from_change(
        result: Result<booking::Appointment, Rejection>,
        appointment_id: Option<AppointmentId>,
    ) -> Result<Self, Failure> {
        let (appointment, user_errors) = outcome_of_changing(result, appointment_id)?;
        Ok(Self { appointment: appointment.map(Appointment), user_errors })
    }
}

/// Mutations of appointments.
#[derive(Default)]
pub struct AppointmentMutation;

#[Object]
impl AppointmentMutation {
    /// Book a time. Of any number who want it at once, exactly one gets it; the others learn so at once, and what is free instead.
    #[graphql(guard = "For::SignedIn")]
    async fn book_appointment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What shall be booked, and for whom.")] input: BookAppointmentInput,
    ) -> Result<AppointmentPayload, Failure> {
        let request = input.parse();
        let sought = request.as_ref().ok().map(|request| Sought {
            doctor_id: request.wanted.doctor_id,
            visit_type_id: request.wanted.visit_type_id,
            duration_minutes: request.wanted.duration_minutes.filter(|_| request.wanted.visit_type_id.is_none()),
        });
        let book = async { context.services().booking.book(context.signed_in()?, request?).await };
        let (appointment, user_errors) = outcome_of_seeking(book.await, sought)?;
        Ok(AppointmentPayload { appointment: appointment.map(Appointment), user_errors })
    }

    /// Call a visit off. Patients may until `cancellableUntil`, doctors and admins always.
    #[graphql(guard = "For::SignedIn")]
    async fn cancel_appointment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What shall be cancelled.")] input: CancelAppointmentInput,
    ) -> Result<AppointmentPayload, Failure> {
        let id = input::id(&input.appointment_id, "appointmentId");
        let known = id.as_ref().ok().copied();
        let cancel = async {
            let request = CancelRequest { appointment_id: id?, reason: input.reason, version: input.version };
            context.services().booking.cancel(context.signed_in()?, request).await
        };
        AppointmentPayload::from_change(cancel.await, known)
    }

    /// Say that the visit took place, from its start on. For the doctor concerned and admins.
    #[graphql(guard = "For::Staff")]
    async fn complete_appointment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: AppointmentActionInput,
    ) -> Result<AppointmentPayload, Failure> {
        conclude(context, &input, Outcome::Completed).await
    }

    /// Say that the patient did not come, from the visit's start on. For the doctor concerned and admins.
    #[graphql(guard = "For::Staff")]
    async fn mark_no_show(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: AppointmentActionInput,
    ) -> Result<AppointmentPayload, Failure> {
        conclude(context, &input, Outcome::NoShow).await
    }
}

async fn conclude(
    context: &Context<'_>,
    input: &AppointmentActionInput,
    outcome: Outcome,
) -> Result<AppointmentPayload, Failure> {
    let id = input::id(&input.appointment_id, "appointmentId");
    let known = id.as_ref().ok().copied();
    let conclude =
        async { context.services().booking.conclude(context.signed_in()?, id?, outcome, input.version).await };
    AppointmentPayload::from_change(conclude.await, known)
}
