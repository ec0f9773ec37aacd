//! The refresh tokens of sessions, each good for one use.

use crate::id::SessionId;
use sea_orm::entity::prelude::*;

/// A refresh token, known only by its hash.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_token")]
pub struct Model {
    /// The SHA-256 hash of the token, in URL-safe base64.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: String,
    /// The session that it continues.
    pub session_id: SessionId,
    /// When it was used: using it again ends the session.
    pub spent_at: Option<DateTimeUtc>,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
