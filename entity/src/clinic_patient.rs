//! Patients who are a clinic's.

use crate::id::{ClinicId, UserId};
use sea_orm::entity::prelude::*;

/// A patient lets the staff of a clinic book for them: the clinic made their account, or asked, and they said yes.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clinic_patient")]
pub struct Model {
    /// Whose staff.
    #[sea_orm(primary_key, auto_increment = false)]
    pub clinic_id: ClinicId,
    /// Who.
    #[sea_orm(primary_key, auto_increment = false)]
    pub patient_id: UserId,
    /// Since when.
    pub since: DateTimeUtc,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
