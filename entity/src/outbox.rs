//! Work that was promised in the transaction that made it necessary.

use sea_orm::entity::prelude::*;

/// A piece of work. Removed in the transaction that does it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// The piece of work.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// What is to be done.
    pub kind: String,
    /// What it is to be done to.
    pub subject_id: Uuid,
    /// When it is to be done, or tried again.
    pub due_at: DateTimeUtc,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
