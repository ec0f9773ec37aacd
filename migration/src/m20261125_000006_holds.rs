//! Holds, moves and late cancellations; idempotency keys; what memory of a doctor's hours goes by.

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
        for (table, column) in [
            ("clinic", text("cancellation_policy").default("REFUSE").to_owned()),
            ("clinic", integer_null("cancellation_fee_amount")),
            ("clinic", text_null("cancellation_fee_currency")),
            ("clinic", integer("hold_minutes").default(10).to_owned()),
            ("calendar", integer("schedule_version").default(0).to_owned()),
            ("calendar_event", timestamp_with_time_zone_null("held_until")),
            ("appointment", boolean("hold_renewed").default(false).to_owned()),
            ("appointment", integer_null("cancellation_fee_amount")),
            ("appointment", text_null("cancellation_fee_currency")),
        ] {
            // SQLite adds one column at a time.
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        // Written out, because SQLite takes a reference only together with its column.
        let connection = manager.get_connection();
        let uuid_type = if connection.get_database_backend() == DbBackend::Postgres { "uuid" } else { "uuid_text" };
        connection
            .execute_unprepared(&format!(
                "ALTER TABLE appointment ADD COLUMN rescheduled_from {uuid_type} REFERENCES appointment (id)"
            ))
            .await?;
        manager.create_table(idempotency_key()).await?;
        manager.create_index(index("ix_idempotency_key_created", "idempotency_key", &["created_at"])).await?;
        // An appointment is moved once; where it went is found by this.
        manager
            .create_index(
                index("ux_appointment_rescheduled_from", "appointment", &["rescheduled_from"])
                    .unique()
                    .and_where(Expr::col("rescheduled_from").is_not_null())
                    .to_owned(),
            )
            .await?;
        for (name, columns) in
            [("ix_appointment_expiring", &["expires_at"][..]), ("ix_appointment_holds", &["patient_id", "expires_at"])]
        {
            let expiring = Expr::col("status").eq("HELD");
            manager.create_index(index(name, "appointment", columns).and_where(expiring).to_owned()).await?;
        }
        Ok(())
    }
}

/// What a mutation with a key came to, so that its twin is answered alike.
fn idempotency_key() -> TableCreateStatement {
    Table::create()
        .table("idempotency_key")
        .col(uuid("user_id"))
        .col(text("key"))
        .col(text("mutation"))
        .col(binary("input_digest"))
        .col(uuid("appointment_id"))
        .col(uuid_null("second_appointment_id"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().name("pk_idempotency_key").col("user_id").col("key"))
        .foreign_key(&mut reference("idempotency_key", "user_id", "user"))
        .foreign_key(&mut reference("idempotency_key", "appointment_id", "appointment"))
        .foreign_key(&mut reference("idempotency_key", "second_appointment_id", "appointment"))
        .to_owned()
}
