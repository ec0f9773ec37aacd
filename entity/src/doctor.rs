//! Doctors: profiles and booking settings.

use crate::id::{ClinicId, DoctorId, UserId};
use sea_orm::entity::prelude::*;

/// A user's professional profile in one clinic.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "doctor")]
pub struct Model {
    /// The doctor.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DoctorId,
    /// Who signs in as this doctor.
    #[sea_orm(unique)]
    pub user_id: UserId,
    /// Where the doctor works.
    pub clinic_id: ClinicId,
    /// How patients know the doctor.
    pub name: String,
    /// Such as "Dr. med.".
    pub title: Option<String>,
    /// A few words about the doctor.
    pub bio: Option<String>,
    /// Name, title and biography in lower case, to search in.
    pub search_text: String,
    /// The IANA name of the time zone that working hours are in.
    pub time_zone: String,
    /// The slot length where a rule names none, in minutes.
    pub slot_minutes: i32,
    /// The default pause after a visit, in minutes.
    pub buffer_minutes: i32,
    /// How long before its start a visit must be booked, in minutes.
    pub min_notice_minutes: i32,
    /// How many days ahead a visit may be booked.
    pub max_advance_days: i32,
    /// Until how many hours before a visit patients may cancel it; the clinic decides where there is none.
    pub cancellation_notice_hours: Option<i32>,
    /// Whether the doctor is listed and can be booked.
    pub active: bool,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
