//! How third parties call our users.

use crate::{index, reference};
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let identity = Table::create()
            .table("identity")
            .col(text("provider"))
            .col(text("subject"))
            .col(uuid("user_id"))
            .col(timestamp_with_time_zone("created_at"))
            .primary_key(Index::create().name("pk_identity").col("provider").col("subject"))
            .foreign_key(&mut reference("identity", "user_id", "user"))
            .to_owned();
        manager.create_table(identity).await?;
        manager.create_index(index("ix_identity_user", "identity", &["user_id"])).await
    }
}
