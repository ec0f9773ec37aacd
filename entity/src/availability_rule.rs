//! Weekly working hours.

use crate::id::{AvailabilityRuleId, DoctorId};
use sea_orm::entity::prelude::*;

/// Weekly working hours of a doctor.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "availability_rule")]
pub struct Model {
    /// The rule.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AvailabilityRuleId,
    /// Whose hours.
    pub doctor_id: DoctorId,
    /// The day of the week, 1 for Monday to 7 for Sunday (ISO 8601).
    pub weekday: i16,
    /// When the hours begin, in minutes from local midnight.
    pub start_minute: i16,
    /// When they end, in minutes from local midnight; on the next day where that is not after the start.
    pub end_minute: i16,
    /// The slot length, in minutes.
    pub slot_minutes: i32,
    /// The first date on which the rule holds.
    pub effective_from: Option<Date>,
    /// The last date on which the rule holds.
    pub effective_until: Option<Date>,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
