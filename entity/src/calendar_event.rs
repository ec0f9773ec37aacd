//! The log of changes of calendars.

use crate::id::DoctorId;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// What happened to a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CalendarEventKind {
    /// A time was booked.
    SlotTaken,
    /// A time was held, or its hold was renewed.
    SlotHeld,
    /// A time became free.
    SlotReleased,
    /// The hours or the settings changed.
    ScheduleChanged,
}

/// One change of one calendar.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "calendar_event")]
pub struct Model {
    /// The place in the log. Transactions commit out of the order of these numbers.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Whose calendar.
    pub doctor_id: DoctorId,
    /// The version of the calendar that this change made.
    pub version: i32,
    /// What happened.
    pub kind: CalendarEventKind,
    /// The start of the time that was taken, held or released.
    pub starts_at: Option<DateTimeUtc>,
    /// Its end.
    pub ends_at: Option<DateTimeUtc>,
    /// Until when it is held.
    pub held_until: Option<DateTimeUtc>,
    /// When it happened.
    pub occurred_at: DateTimeUtc,
    /// Whether the bus is known to have taken it.
    pub published: bool,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
