//! The history of appointments.

use crate::id::{AppointmentId, UserId};
use sea_orm::entity::prelude::*;

use crate::appointment::AppointmentStatus;

/// A step in the life of an appointment. Never changed, never removed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "appointment_transition")]
pub struct Model {
    /// The place in the log. Transactions commit out of the order of these numbers.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Which appointment.
    pub appointment_id: AppointmentId,
    /// What it was; nothing before it was booked.
    pub from_status: Option<AppointmentStatus>,
    /// What it became.
    pub to_status: AppointmentStatus,
    /// Who did it; nobody where the system did.
    pub actor_id: Option<UserId>,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: DateTimeUtc,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
