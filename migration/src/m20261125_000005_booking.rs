//! Appointments, the two constraints behind every booking, their history, and what was promised with them.

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
        manager.create_table(appointment()).await?;
        let transition = Table::create()
            .table("appointment_transition")
            .col(big_pk_auto("id"))
            .col(uuid("appointment_id"))
            .col(text_null("from_status"))
            .col(text("to_status"))
            .col(uuid_null("actor_id"))
            .col(text_null("reason"))
            .col(timestamp_with_time_zone("at"))
            .foreign_key(&mut reference("appointment_transition", "appointment_id", "appointment"))
            .foreign_key(&mut reference("appointment_transition", "actor_id", "user"))
            .to_owned();
        let outbox = Table::create()
            .table("outbox")
            .col(big_pk_auto("id"))
            .col(text("kind"))
            .col(uuid("subject_id"))
            .col(timestamp_with_time_zone("due_at"))
            .to_owned();
        manager.create_table(transition).await?;
        manager.create_table(outbox).await?;
        // Everybody's lists: a patient's, a doctor's, a clinic's and the platform's, by start and by booking.
        for (name, columns) in [
            ("ix_appointment_patient_start", &["patient_id", "starts_at", "id"][..]),
            ("ix_appointment_patient_created", &["patient_id", "created_at", "id"]),
            ("ix_appointment_doctor_start", &["doctor_id", "starts_at", "id"]),
            ("ix_appointment_doctor_created", &["doctor_id", "created_at", "id"]),
            ("ix_appointment_clinic_start", &["clinic_id", "starts_at", "id"]),
            ("ix_appointment_clinic_created", &["clinic_id", "created_at", "id"]),
            ("ix_appointment_start", &["starts_at", "id"]),
            ("ix_appointment_created", &["created_at", "id"]),
        ] {
            manager.create_index(index(name, "appointment", columns)).await?;
        }
        manager
            .create_index(
                index("ix_appointment_occupied", "appointment", &["doctor_id", "occupied_until"])
                    .and_where(is_claim())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(index("ix_transition_appointment", "appointment_transition", &["appointment_id", "id"]))
            .await?;
        manager.create_index(index("ix_outbox_due", "outbox", &["kind", "due_at", "id"])).await?;
        manager
            .create_index(
                index("ux_appointment_start", "appointment", &["doctor_id", "starts_at"])
                    .unique()
                    .and_where(is_claim())
                    .to_owned(),
            )
            .await?;
        let connection = manager.get_connection();
        let statements = match connection.get_database_backend() {
            DbBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        connection.execute_unprepared(statements).await?;
        Ok(())
    }
}

fn appointment() -> TableCreateStatement {
    Table::create()
        .table("appointment")
        .col(pk_uuid("id"))
        .col(text_uniq("reference"))
        .col(uuid("doctor_id"))
        .col(uuid("clinic_id"))
        .col(uuid("patient_id"))
        .col(uuid_null("visit_type_id"))
        .col(timestamp_with_time_zone("starts_at"))
        .col(timestamp_with_time_zone("ends_at"))
        .col(timestamp_with_time_zone("occupied_from"))
        .col(timestamp_with_time_zone("occupied_until"))
        .col(text("time_zone"))
        .col(text("status"))
        .col(text_null("notes"))
        .col(timestamp_with_time_zone_null("expires_at"))
        .col(integer("version"))
        .col(timestamp_with_time_zone("created_at"))
        .foreign_key(&mut reference("appointment", "doctor_id", "doctor"))
        .foreign_key(&mut reference("appointment", "clinic_id", "clinic"))
        .foreign_key(&mut reference("appointment", "patient_id", "user"))
        .foreign_key(&mut reference("appointment", "visit_type_id", "visit_type"))
        .check(Expr::cust("occupied_from <= starts_at AND starts_at < ends_at AND ends_at <= occupied_until"))
        .to_owned()
}

/// Only a cancelled or expired appointment gives its time back.
fn is_claim() -> Expr {
    Expr::col("status").is_in(["HELD", "PENDING", "CONFIRMED", "COMPLETED", "NO_SHOW"])
}

const POSTGRES: &str = "
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER TABLE appointment ADD CONSTRAINT ex_appointment_overlap
    EXCLUDE USING gist (doctor_id WITH =, tstzrange(occupied_from, occupied_until, '[)') WITH &&)
    WHERE (status IN ('HELD', 'PENDING', 'CONFIRMED', 'COMPLETED', 'NO_SHOW'));
ALTER TABLE appointment_transition ADD COLUMN transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX ix_appointment_transition_transaction ON appointment_transition (transaction_id);
";

// SQLite has no exclusion constraint: two triggers refuse what it would refuse. Instants are RFC 3339 in UTC, so text compares as time does.
const SQLITE: &str = "
CREATE TRIGGER ex_appointment_overlap_insert BEFORE INSERT ON appointment
WHEN NEW.status IN ('HELD', 'PENDING', 'CONFIRMED', 'COMPLETED', 'NO_SHOW') AND EXISTS (
    SELECT 1 FROM appointment a
    WHERE a.doctor_id = NEW.doctor_id AND a.id <> NEW.id
      AND a.status IN ('HELD', 'PENDING', 'CONFIRMED', 'COMPLETED', 'NO_SHOW')
      AND a.occupied_from < NEW.occupied_until AND a.occupied_until > NEW.occupied_from)
BEGIN SELECT RAISE(ABORT, 'ex_appointment_overlap'); END;
CREATE TRIGGER ex_appointment_overlap_update BEFORE UPDATE OF doctor_id, occupied_from, occupied_until, status ON appointment
WHEN NEW.status IN ('HELD', 'PENDING', 'CONFIRMED', 'COMPLETED', 'NO_SHOW') AND EXISTS (
    SELECT 1 FROM appointment a
    WHERE a.doctor_id = NEW.doctor_id AND a.id <> NEW.id
      AND a.status IN ('HELD', 'PENDING', 'CONFIRMED', 'COMPLETED', 'NO_SHOW')
      AND a.occupied_from < NEW.occupied_until AND a.occupied_until > NEW.occupied_from)
BEGIN SELECT RAISE(ABORT, 'ex_appointment_overlap'); END;
";
