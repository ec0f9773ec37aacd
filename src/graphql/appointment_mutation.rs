//! Holding, booking and cancelling; how visits came out.

use super::{
    appointment::Appointment,
    context::Reach,
    failure::Failure,
    guard::For,
    input,
    scalars::{DateTime, TimeZone},
    user_error::{Sought, Subject, UserError, outcome_about},
};
use crate::{
    availability::SlotKey,
    booking::{self, BookingRequest, CancelRequest, HoldRequest, Outcome, Target, Wanted},
    kernel::rejection::{Code, Refusal, Rejection},
};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

/// What shall be held.
#[derive(InputObject)]
pub struct HoldSlotInput {
    /// The slot's ID. That of a slot which you hold renews the hold, once.
    slot_id: ID,
    /// A key of your own, at most 255 characters, the same each time that you send this: however often it arrives, it is done once.
    idempotency_key: Option<String>,
}

/// What shall be booked, and for whom.
#[derive(InputObject)]
pub struct BookAppointmentInput {
    /// A slot's ID, also of one that you hold. Exactly one of `slotId`, `holdId` and `time`.
    slot_id: Option<ID>,
    /// The ID of your own hold: sure to succeed while it lives.
    hold_id: Option<ID>,
    /// A time, for clients that know only that, and for admins off the grid.
    time: Option<SlotTimeInput>,
    /// For admins: book outside of hours, grid, notice or horizon, with the reason in `overrideReason`. Never over another claim.
    #[graphql(name = "override", default_with = "Some(false)")]
    overrides: Option<bool>,
    /// Why, at most 1,000 characters; needed for `override`.
    override_reason: Option<String>,
    /// For whom, for doctors and admins, who book for a patient that they know.
    patient_id: Option<ID>,
    /// What the patient wants the doctor to know, at most 4,000 characters.
    notes: Option<String>,
    /// The patient's time zone; the one of the patient's account where nothing is said.
    time_zone: Option<TimeZone>,
    /// A key of your own, at most 255 characters, the same each time that you send this: however often it arrives, it is done once.
    idempotency_key: Option<String>,
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
        let (target, field) = match (self.slot_id, self.hold_id, self.time) {
            (Some(id), None, None) => (Target::Time(wanted_slot(input::id(&id, "slotId")?)), "slotId"),
            (None, Some(id), None) => (Target::Hold(input::id(&id, "holdId")?), "holdId"),
            (None, None, Some(time)) => (Target::Time(time.parse()?), "time"),
            _ => {
                let message = "Give exactly one of `slotId`, `holdId` and `time`.";
                return Err(Refusal::of("slotId", Code::Invalid, message).into());
            }
        };
        let override_reason = match (self.overrides.unwrap_or(false), self.override_reason) {
            (false, None) => None,
            (true, Some(_)) if field == "holdId" => {
                return Err(Refusal::of("override", Code::Invalid, "A hold needs no override.").into());
            }
            (true, reason) => Some(reason.unwrap_or_default()),
            (false, Some(_)) => {
                let message = "A reason is for bookings with `override: true`.";
                return Err(Refusal::of("overrideReason", Code::Invalid, message).into());
            }
        };
        Ok(BookingRequest {
            target,
            field,
            override_reason,
            patient_id: self.patient_id.map(|id| input::id(&id, "patientId")).transpose()?,
            notes: self.notes,
            time_zone: self.time_zone.map(Into::into),
            idempotency_key: self.idempotency_key,
        })
    }
}

/// The time that a slot's ID names.
pub fn wanted_slot(key: SlotKey) -> Wanted {
    Wanted {
        doctor_id: key.doctor_id,
        starts_at: key.starts_at,
        visit_type_id: key.visit_type_id,
        duration_minutes: Some(key.duration_minutes),
    }
}

/// What was sought, for whoever does not get it.
pub fn sought(wanted: &Wanted) -> Sought {
    Sought {
        doctor_id: wanted.doctor_id,
        starts_at: wanted.starts_at,
        visit_type_id: wanted.visit_type_id,
        duration_minutes: wanted.duration_minutes.filter(|_| wanted.visit_type_id.is_none()),
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
    /// A key of your own, at most 255 characters, the same each time that you send this: however often it arrives, it is done once.
    idempotency_key: Option<String>,
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
    pub fn from_outcome(
        context: &Context<'_>,
        result: Result<booking::Appointment, Rejection>,
        subject: Subject,
    ) -> Result<Self, Failure> {
        let (appointment, user_errors) = outcome_about(result, subject)?;
        Ok(Self { appointment: appointment.map(|done| Appointment::shown(context, done)), user_errors })
    }
}

/// Mutations of appointments.
#[derive(Default)]
pub struct AppointmentMutation;

#[Object]
impl AppointmentMutation {
    /// Hold a slot while you fill in the form: nobody else gets it for the clinic's hold time. Holding it again renews the hold, once;
    /// `cancelAppointment` lets go of it. A patient holds 3 slots at most.
    #[graphql(guard = "For::SignedIn")]
    async fn hold_slot(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What shall be held.")] input: HoldSlotInput,
    ) -> Result<AppointmentPayload, Failure> {
        let wanted = input::id(&input.slot_id, "slotId").map(wanted_slot);
        let subject = Subject { sought: wanted.as_ref().ok().map(sought), ..Subject::default() };
        let hold = async {
            let request = HoldRequest { wanted: wanted?, idempotency_key: input.idempotency_key };
            context.services().booking.hold(context.signed_in()?, request).await
        };
        AppointmentPayload::from_outcome(context, hold.await, subject)
    }

    /// Book a time. Of any number who want it at once, exactly one gets it; the others learn so at once, and what is free instead.
    #[graphql(guard = "For::SignedIn")]
    async fn book_appointment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What shall be booked, and for whom.")] input: BookAppointmentInput,
    ) -> Result<AppointmentPayload, Failure> {
        let request = input.parse();
        let wanted = request.as_ref().ok().and_then(|request| request.target.time());
        let subject = Subject { sought: wanted.map(sought), ..Subject::default() };
        let book = async { context.services().booking.book(context.signed_in()?, request?).await };
        AppointmentPayload::from_outcome(context, book.await, subject)
    }

    /// Call a visit off, or let go of a hold. Patients may until `cancellableUntil`, after that by the clinic's policy; doctors and admins may
    /// always.
    #[graphql(guard = "For::SignedIn")]
    async fn cancel_appointment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What shall be cancelled.")] input: CancelAppointmentInput,
    ) -> Result<AppointmentPayload, Failure> {
        let id = input::id(&input.appointment_id, "appointmentId");
        let subject = Subject { appointment_id: id.as_ref().ok().copied(), ..Subject::default() };
        let cancel = async {
            let request = CancelRequest {
                appointment_id: id?,
                reason: input.reason,
                version: input.version,
                idempotency_key: input.idempotency_key,
            };
            context.services().booking.cancel(context.signed_in()?, request).await
        };
        AppointmentPayload::from_outcome(context, cancel.await, subject)
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
    let subject = Subject { appointment_id: id.as_ref().ok().copied(), ..Subject::default() };
    let conclude =
        async { context.services().booking.conclude(context.signed_in()?, id?, outcome, input.version).await };
    AppointmentPayload::from_outcome(context, conclude.await, subject)
}
