//! Documents that clients may ask for by their id.

use sea_orm::entity::prelude::*;

/// A document that is known to be a frontend's.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "document")]
pub struct Model {
    /// What clients call it: `sha256:` and the digest of its text, or a name of their own.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Its text.
    pub text: String,
    /// When it was registered.
    pub created_at: DateTimeUtc,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
