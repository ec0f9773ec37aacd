//! Which doctor practises what.

use crate::id::{DoctorId, SpecialtyId};
use sea_orm::entity::prelude::*;

/// A specialty of a doctor.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "doctor_specialty")]
pub struct Model {
    /// The doctor.
    #[sea_orm(primary_key, auto_increment = false)]
    pub doctor_id: DoctorId,
    /// What the doctor practises.
    #[sea_orm(primary_key, auto_increment = false)]
    pub specialty_id: SpecialtyId,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
