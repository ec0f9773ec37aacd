//! What links and codes of letters prove.

use crate::id::UserId;
use sea_orm::entity::prelude::*;

/// What a ticket is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Purpose {
    /// A link: makes the address the user's own, proven.
    Email,
    /// A link: sets a new password.
    Password,
    /// A link: sets the first password of somebody who was invited.
    Invitation,
    /// A link: a patient accepts the clinic that is its subject.
    Joining,
    /// A code: signs in, or stands for a password.
    Login,
    /// A code: makes the telephone number the user's own, proven.
    Phone,
    /// A third party's sign-in comes back with it.
    ThirdParty,
}

/// Proves, once, that somebody reads what is sent to an address. The secret is made when the letter is sent, and known only by its hash.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ticket")]
pub struct Model {
    /// The ticket.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What it is good for.
    pub purpose: Purpose,
    /// Whom it concerns; nobody where the address is unknown: then it is never sent.
    pub user_id: Option<UserId>,
    /// The e-mail address or telephone number that it is sent to.
    pub address: String,
    /// What else it is about.
    pub subject_id: Option<Uuid>,
    /// The SHA-256 hash of the secret (a code: together with the id), in URL-safe base64; none before it is sent.
    pub hash: Option<String>,
    /// How often a code was tried.
    pub tries: i32,
    /// When it was asked for.
    pub created_at: DateTimeUtc,
    /// From when on it is worth nothing.
    pub expires_at: DateTimeUtc,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
