//! Which change of a calendar made a doctor join or leave a place.

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
        let mut event = crate::reference("calendar_move", "event_id", "calendar_event");
        let moves = Table::create()
            .table("calendar_move")
            .col(big_integer("event_id"))
            .col(uuid("place_id"))
            .col(boolean("joins"))
            .primary_key(Index::create().col("place_id").col("event_id"))
            // What is cut off the log takes them along.
            .foreign_key(event.on_delete(ForeignKeyAction::Cascade))
            .to_owned();
        manager.create_table(moves).await?;
        manager.create_index(index("ix_calendar_move_event", "calendar_move", &["event_id"])).await
    }
}
