//! What somebody says who wants something of an appointment.

use super::model::AppointmentStatus;
use crate::kernel::id::{AppointmentId, DoctorId, UserId, VisitTypeId};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;

/// The time that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Wanted {
    /// Whose.
    pub doctor_id: DoctorId,
    /// From when on.
    pub starts_at: DateTime<Utc>,
    /// What for.
    pub visit_type_id: Option<VisitTypeId>,
    /// How long; as long as the visit type says, or else the slots of the hours, where there is none.
    pub duration_minutes: Option<i32>,
}

/// What shall become a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Target {
    /// A time.
    Time(Wanted),
    /// The patient's own hold.
    Hold(AppointmentId),
}

impl Target {
    /// The time, where it is one.
    #[must_use]
    pub fn time(&self) -> Option<&Wanted> {
        if let Self::Time(wanted) = self { Some(wanted) } else { None }
    }
}

/// What somebody says who wants to book.
#[derive(Clone, Debug, Serialize)]
pub struct BookingRequest {
    /// What.
    pub target: Target,
    /// Where the input names it.
    pub field: &'static str,
    /// Why an admin books whatever the hours say.
    pub override_reason: Option<String>,
    /// For whom; for oneself where nobody is named.
    pub patient_id: Option<UserId>,
    /// What the patient wants the doctor to know.
    pub notes: Option<String>,
    /// The patient's time zone; the user's where there is none.
    pub time_zone: Option<Tz>,
    /// The same for the same wish, however often it is sent.
    pub idempotency_key: Option<String>,
}

/// What a patient says who wants to hold a time.
#[derive(Clone, Debug, Serialize)]
pub struct HoldRequest {
    /// Which.
    pub wanted: Wanted,
    /// The same for the same wish, however often it is sent.
    pub idempotency_key: Option<String>,
}

/// What somebody says who wants another time for a visit.
#[derive(Clone, Debug, Serialize)]
pub struct RescheduleRequest {
    /// Which appointment.
    pub appointment_id: AppointmentId,
    /// The new time.
    pub wanted: Wanted,
    /// The version that the client saw.
    pub version: Option<i32>,
    /// The same for the same wish, however often it is sent.
    pub idempotency_key: Option<String>,
}

/// What somebody says who wants two visits to change places.
#[derive(Clone, Debug, Serialize)]
pub struct SwapRequest {
    /// One appointment.
    pub first_id: AppointmentId,
    /// The other.
    pub second_id: AppointmentId,
    /// Why.
    pub reason: String,
    /// The version of the one that the client saw.
    pub first_version: Option<i32>,
    /// The version of the other that the client saw.
    pub second_version: Option<i32>,
    /// The same for the same wish, however often it is sent.
    pub idempotency_key: Option<String>,
}

/// What somebody says who wants to cancel.
#[derive(Clone, Debug, Serialize)]
pub struct CancelRequest {
    /// Which appointment.
    pub appointment_id: AppointmentId,
    /// Why.
    pub reason: Option<String>,
    /// The version that the client saw.
    pub version: Option<i32>,
    /// The same for the same wish, however often it is sent.
    pub idempotency_key: Option<String>,
}

/// How a visit came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took place.
    Completed,
    /// The patient did not come.
    NoShow,
}

/// Which appointments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AppointmentFilter {
    /// In these states; in all where none is named.
    pub statuses: Vec<AppointmentStatus>,
    /// That begin at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// That begin before this instant.
    pub to: Option<DateTime<Utc>>,
    /// With this doctor.
    pub doctor_id: Option<DoctorId>,
    /// Of this patient.
    pub patient_id: Option<UserId>,
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AppointmentOrder {
    /// The earliest visit first.
    StartsAtAsc,
    /// The latest visit first.
    StartsAtDesc,
    /// What was booked last first.
    CreatedAtDesc,
}
