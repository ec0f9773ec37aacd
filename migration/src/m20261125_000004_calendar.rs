//! Calendars and the log of their changes.

use crate::{index, reference};
use sea_orm_migration::{
    prelude::*,
    schema::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // SQLite would not wrap a migration by itself, and half of one cannot be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let log = Table::create().table("calendar_log").col(pk_uuid("id")).to_owned();
        let calendar = Table::create()
            .table("calendar")
            .col(uuid("doctor_id").primary_key())
            .col(integer("version"))
            .foreign_key(&mut reference("calendar", "doctor_id", "doctor"))
            .to_owned();
        let event = Table::create()
            .table("calendar_event")
            .col(big_pk_auto("id"))
            .col(uuid("doctor_id"))
            .col(integer("version"))
            .col(text("kind"))
            .col(timestamp_with_time_zone_null("starts_at"))
            .col(timestamp_with_time_zone_null("ends_at"))
            .col(timestamp_with_time_zone("occurred_at"))
            .col(boolean("published"))
            .foreign_key(&mut reference("calendar_event", "doctor_id", "doctor"))
            .to_owned();
        for table in [log, calendar, event] {
            manager.create_table(table).await?;
        }
        manager
            .create_index(
                index("ux_calendar_event_version", "calendar_event", &["doctor_id", "version"]).unique().to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("ix_calendar_event_unpublished", "calendar_event", &["id"])
                    .and_where(Expr::col("published").eq(false))
                    .to_owned(),
            )
            .await?;
        let connection = manager.get_connection();
        match connection.get_database_backend() {
            DbBackend::Postgres => {
                // Transactions commit out of the order of their rows' numbers; with its transaction's number a row can be
                // found by whoever knows below which transaction everything is settled.
                connection
                    .execute_unprepared(
                        "ALTER TABLE calendar_event ADD COLUMN transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id();
                         CREATE INDEX ix_calendar_event_transaction ON calendar_event (transaction_id);
                         INSERT INTO calendar_log (id) VALUES (gen_random_uuid());",
                    )
                    .await?;
            }
            _ => {
                connection.execute_unprepared("INSERT INTO calendar_log (id) VALUES (randomblob(16));").await?;
            }
        }
        Ok(())
    }
}
