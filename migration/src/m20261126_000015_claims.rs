//! Whether an appointment keeps its time, and whether it is held, as columns of their own. Indexes that ask them instead of the status have
//! nothing to write when a booking is confirmed, and PostgreSQL then writes nothing but the row.

use crate::index;
use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

const KEEPS_TIME: &str = "status IN ('HELD', 'PENDING', 'CONFIRMED', 'COMPLETED', 'NO_SHOW')";
const IS_HELD: &str = "status = 'HELD'";
/// As before, but for the question about the others, which has to be that of the index.
const REFUSE_OVERLAP: &str = "
    WHEN NEW.status IN ('HELD', 'PENDING', 'CONFIRMED', 'COMPLETED', 'NO_SHOW') AND EXISTS (
        SELECT 1 FROM appointment a
        WHERE a.doctor_id = NEW.doctor_id AND a.id <> NEW.id AND a.keeps_time
          AND a.occupied_from < NEW.occupied_until AND a.occupied_until > NEW.occupied_from)
    BEGIN SELECT RAISE(ABORT, 'ex_appointment_overlap'); END;";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // SQLite would not wrap a migration by itself, and half of one cannot be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let keeps_time = || Expr::cust("keeps_time");
        let is_held = || Expr::cust("is_held");
        let occupied = index("ix_appointment_occupied", "appointment", &["doctor_id", "occupied_until"]);
        let start = index("ux_appointment_start", "appointment", &["doctor_id", "starts_at"]).unique().to_owned();
        let expiring = index("ix_appointment_expiring", "appointment", &["expires_at"]);
        let holds = index("ix_appointment_holds", "appointment", &["patient_id", "expires_at"]);
        let connection = manager.get_connection();
        let is_postgres = connection.get_database_backend() == DbBackend::Postgres;
        if is_postgres {
            connection.execute_unprepared("ALTER TABLE appointment DROP CONSTRAINT ex_appointment_overlap").await?;
        }
        for name in
            ["ix_appointment_occupied", "ux_appointment_start", "ix_appointment_expiring", "ix_appointment_holds"]
        {
            manager.drop_index(Index::drop().name(name).table("appointment").to_owned()).await?;
        }
        let columns = if is_postgres {
            // In one statement, so that the table is written anew once; with room on its pages for what is changed.
            format!(
                "ALTER TABLE appointment SET (fillfactor = 70),
                     ADD COLUMN keeps_time boolean NOT NULL GENERATED ALWAYS AS ({KEEPS_TIME}) STORED,
                     ADD COLUMN is_held boolean NOT NULL GENERATED ALWAYS AS ({IS_HELD}) STORED;
                 ALTER TABLE appointment ADD CONSTRAINT ex_appointment_overlap
                     EXCLUDE USING gist (doctor_id WITH =, tstzrange(occupied_from, occupied_until, '[)') WITH &&)
                     WHERE (keeps_time);"
            )
        } else {
            format!(
                "ALTER TABLE appointment ADD COLUMN keeps_time boolean NOT NULL GENERATED ALWAYS AS ({KEEPS_TIME}) VIRTUAL;
                 ALTER TABLE appointment ADD COLUMN is_held boolean NOT NULL GENERATED ALWAYS AS ({IS_HELD}) VIRTUAL;
                 DROP TRIGGER ex_appointment_overlap_insert;
                 DROP TRIGGER ex_appointment_overlap_update;
                 CREATE TRIGGER ex_appointment_overlap_insert BEFORE INSERT ON appointment {REFUSE_OVERLAP}
                 CREATE TRIGGER ex_appointment_overlap_update
                     BEFORE UPDATE OF doctor_id, occupied_from, occupied_until, status ON appointment {REFUSE_OVERLAP}"
            )
        };
        connection.execute_unprepared(&columns).await?;
        for (mut index, condition) in
            [(occupied, keeps_time()), (start, keeps_time()), (expiring, is_held()), (holds, is_held())]
        {
            manager.create_index(index.and_where(condition).to_owned()).await?;
        }
        Ok(())
    }
}
