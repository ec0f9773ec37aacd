//! Third parties that a user has unlinked: what is not remembered would be linked again.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let unlinked = timestamp_with_time_zone_null("unlinked_at");
        manager.alter_table(Table::alter().table("identity").add_column(unlinked).to_owned()).await
    }
}
