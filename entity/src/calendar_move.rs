//! Doctors who join a place or leave it.

use sea_orm::entity::prelude::*;

/// What a change of a calendar did to where the doctor belongs.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "calendar_move")]
pub struct Model {
    /// Which clinic or specialty.
    #[sea_orm(primary_key, auto_increment = false)]
    pub place_id: Uuid,
    /// The change, by its row in the log.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: i64,
    /// Whether the doctor belongs there from then on; if not, no more.
    pub joins: bool,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
