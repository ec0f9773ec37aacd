//! Calendars: the row that every change of a doctor'\''s time takes first.

use crate::id::DoctorId;
use sea_orm::entity::prelude::*;

/// One doctor's time.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "calendar")]
pub struct Model {
    /// Whose time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub doctor_id: DoctorId,
    /// Grows by one with each event.
    pub version: i32,
    /// The version that the last change of hours or settings made: what is known of them is right as long as this stays.
    pub schedule_version: i32,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
