//! Exceptions to the weekly hours.

use crate::id::{AvailabilityOverrideId, DoctorId};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// What an override does to its date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OverrideKind {
    /// Closes part of the date, or all of it.
    Block,
    /// Adds hours.
    Extend,
    /// These hours instead of the weekly ones.
    Replace,
}

/// An exception to the weekly hours, on one date.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "availability_override")]
pub struct Model {
    /// The override.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AvailabilityOverrideId,
    /// Whose hours.
    pub doctor_id: DoctorId,
    /// The date, in the time zone of the doctor.
    pub date: Date,
    /// What it does.
    pub kind: OverrideKind,
    /// When it begins, in minutes from local midnight; the whole day where there is none.
    pub start_minute: Option<i16>,
    /// When it ends, in minutes from local midnight; on the next day where that is not after the start.
    pub end_minute: Option<i16>,
    /// The slot length, in minutes; the doctor decides where there is none.
    pub slot_minutes: Option<i32>,
    /// Why, for staff alone.
    pub reason: Option<String>,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
