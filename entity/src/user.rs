//! People who sign in.

use crate::id::{ClinicId, UserId};
use sea_orm::entity::prelude::*;

/// What a user may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Books for themselves.
    Patient,
    /// Has a profile and a calendar in one clinic.
    Doctor,
    /// Rules a clinic, or the platform.
    Admin,
}

/// A person who signs in.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// The user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// The address in lower case, unique.
    #[sea_orm(unique)]
    pub email: String,
    /// The Argon2id hash of the password, as a PHC string.
    pub password_hash: String,
    /// How the person is called.
    pub name: String,
    /// A telephone number, as given.
    pub phone: Option<String>,
    /// What the user may be.
    pub role: Role,
    /// The clinic that an admin rules; none for an admin of the platform.
    pub clinic_id: Option<ClinicId>,
    /// The IANA name of the time zone.
    pub time_zone: String,
    /// A language tag (BCP 47).
    pub locale: String,
    /// Whether the user may sign in.
    pub active: bool,
    /// When the account was made.
    pub created_at: DateTimeUtc,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
