//! The identity of this database's log of changes.

use sea_orm::entity::prelude::*;

/// The one row that names the log.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "calendar_log")]
pub struct Model {
    /// A random id: a database restored from elsewhere has another log.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Up to where it was cut: a transaction, or a row on SQLite; 0 where it never was.
    pub cut: i64,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
