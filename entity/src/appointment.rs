//! Appointments.

use crate::id::{AppointmentId, ClinicId, DoctorId, UserId, VisitTypeId};
use sea_orm::entity::prelude::*;

/// Where in its life an appointment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AppointmentStatus {
    /// A patient is filling in the form.
    Held,
    /// Booked; the confirmation is under way.
    Pending,
    /// Confirmed.
    Confirmed,
    /// The visit took place.
    Completed,
    /// The patient did not come.
    NoShow,
    /// Called off.
    Cancelled,
    /// Not confirmed in time.
    Expired,
}

/// A patient's claim on a doctor's time.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "appointment")]
pub struct Model {
    /// The appointment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AppointmentId,
    /// What people call it by, unique.
    #[sea_orm(unique)]
    pub reference: String,
    /// Whose time.
    pub doctor_id: DoctorId,
    /// Where.
    pub clinic_id: ClinicId,
    /// Who comes.
    pub patient_id: UserId,
    /// What for.
    pub visit_type_id: Option<VisitTypeId>,
    /// When the visit begins.
    pub starts_at: DateTimeUtc,
    /// When it ends.
    pub ends_at: DateTimeUtc,
    /// The start of the time that is kept for it, the pause before included.
    pub occupied_from: DateTimeUtc,
    /// The end of the time that is kept for it, the pause after included.
    pub occupied_until: DateTimeUtc,
    /// The IANA name of the time zone of the patient, at booking.
    pub time_zone: String,
    /// Where in its life it is.
    pub status: AppointmentStatus,
    /// What the patient wants the doctor to know.
    pub notes: Option<String>,
    /// When a claim that nobody confirms is dead.
    pub expires_at: Option<DateTimeUtc>,
    /// Whether a hold was renewed, which is possible once.
    pub hold_renewed: bool,
    /// What a late cancellation cost, in the smallest unit of its currency.
    pub cancellation_fee_amount: Option<i32>,
    /// ISO 4217.
    pub cancellation_fee_currency: Option<String>,
    /// The appointment that this one replaces.
    pub rescheduled_from: Option<AppointmentId>,
    /// Grows by one with each change.
    pub version: i32,
    /// When it was booked.
    pub created_at: DateTimeUtc,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
