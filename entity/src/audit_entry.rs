//! Who saw or changed what.

use crate::id::{AuditEntryId, ClinicId, UserId};
use sea_orm::entity::prelude::*;

/// Somebody has seen or changed something of somebody's. The database refuses to change or to remove it. Steps of appointments are in their
/// own history.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
pub struct Model {
    /// The entry.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEntryId,
    /// When.
    pub at: DateTimeUtc,
    /// Who did it.
    pub actor_id: Option<UserId>,
    /// Whose data; nobody's where staff is concerned.
    pub patient_id: Option<UserId>,
    /// In which clinic; none where only the platform is concerned.
    pub clinic_id: Option<ClinicId>,
    /// What was done, such as `appointment.read`.
    pub action: String,
    /// What it was done to, as its ID is written.
    pub subject_id: Option<String>,
}

/// No relation is declared: the entry stays whatever becomes of what it names.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
