//! Where users are signed in.

use crate::id::{SessionId, UserId};
use sea_orm::entity::prelude::*;

/// A sign-in that lasts until it is ended or forgotten.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// The session.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SessionId,
    /// Who is signed in.
    pub user_id: UserId,
    /// What the client calls itself.
    pub device: Option<String>,
    /// When the user signed in.
    pub created_at: DateTimeUtc,
    /// When the session was last refreshed.
    pub last_used_at: DateTimeUtc,
    /// When it ends if it is not refreshed before.
    pub expires_at: DateTimeUtc,
    /// When it was ended, by the user or by a refresh token used twice.
    pub ended_at: Option<DateTimeUtc>,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
