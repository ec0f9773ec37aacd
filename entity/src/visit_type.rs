//! What doctors offer.

use crate::id::{DoctorId, VisitTypeId};
use sea_orm::entity::prelude::*;

/// Where a visit takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VisitMode {
    /// At the clinic.
    InPerson,
    /// On the screen.
    Video,
}

/// Something that a doctor offers.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "visit_type")]
pub struct Model {
    /// The visit type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: VisitTypeId,
    /// Who offers it.
    pub doctor_id: DoctorId,
    /// Its name.
    pub name: String,
    /// How long it takes, in minutes.
    pub duration_minutes: i32,
    /// The distance of two starts, in minutes; duration and buffers where there is none.
    pub step_minutes: Option<i32>,
    /// The pause before it, in minutes.
    pub buffer_before_minutes: Option<i32>,
    /// The pause after it, in minutes; the doctor decides where there is none.
    pub buffer_after_minutes: Option<i32>,
    /// What it costs, in the smallest unit of the currency.
    pub price_amount: Option<i32>,
    /// The currency of the price (ISO 4217).
    pub price_currency: Option<String>,
    /// Where it takes place.
    pub mode: VisitMode,
    /// Whether it can be booked.
    pub active: bool,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
