//! Where the log of changes was cut, and the documents that may be asked for by their id.

use crate::index;
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // SQLite would not wrap a migration by itself, and half of one cannot be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let cut = big_integer("cut").default(0).to_owned();
        manager.alter_table(Table::alter().table("calendar_log").add_column(cut).to_owned()).await?;
        manager.create_index(index("ix_calendar_event_occurred", "calendar_event", &["occurred_at"])).await?;
        let document = Table::create()
            .table("document")
            .col(text("id").primary_key())
            .col(text("text"))
            .col(timestamp_with_time_zone("created_at"))
            .to_owned();
        manager.create_table(document).await
    }
}
