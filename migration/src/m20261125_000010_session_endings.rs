//! An index for those who ask which sessions have just ended.

use crate::index;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ended = Expr::col("ended_at").is_not_null();
        manager.create_index(index("ix_session_ended", "session", &["ended_at"]).and_where(ended).to_owned()).await
    }
}
