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
    /// The Argon2id hash of the password, as a PHC string; empty where the user has none.
    pub password_hash: String,
    /// How the person is called.
    pub name: String,
    /// A telephone number, in E.164.
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
    /// When the user proved to read what is sent to the address.
    pub email_verified_at: Option<DateTimeUtc>,
    /// When the user proved to read what is sent to the telephone; of those with one number, one has proven it.
    pub phone_verified_at: Option<DateTimeUtc>,
    /// When everything personal was taken out of this row: it remains for the medical history that refers to it.
    pub erased_at: Option<DateTimeUtc>,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
