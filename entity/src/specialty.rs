//! Fields of medicine, shared by all clinics.

use crate::id::SpecialtyId;
use sea_orm::entity::prelude::*;

/// A field of medicine.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "specialty")]
pub struct Model {
    /// The specialty.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SpecialtyId,
    /// Its name.
    pub name: String,
    /// Its name in addresses, unique.
    #[sea_orm(unique)]
    pub slug: String,
    /// What it is about.
    pub description: Option<String>,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
