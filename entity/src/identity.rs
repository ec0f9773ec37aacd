//! How third parties call our users.

use crate::id::UserId;
use sea_orm::entity::prelude::*;

/// A third party's name for a user.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identity")]
pub struct Model {
    /// The third party, by its name in the settings.
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: String,
    /// The user, by the third party's own name for them.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Who that is here.
    pub user_id: UserId,
    /// Since when.
    pub created_at: DateTimeUtc,
    /// Since when it lets nobody in, because the user said so.
    pub unlinked_at: Option<DateTimeUtc>,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
