//! The key that a development installation signs its tokens with.

use sea_orm::entity::prelude::*;

/// A private key, made once and shared by every process of the installation.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_key")]
pub struct Model {
    /// The name of the key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The private key in PKCS#8, DER.
    pub private_key: Vec<u8>,
    /// When it was made.
    pub created_at: DateTimeUtc,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
