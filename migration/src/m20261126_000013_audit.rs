//! Who saw or changed what, never to be changed; and the history of appointments neither.

use crate::index;
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
        // No references: an entry stays whatever becomes of what it names, and writing it locks nothing.
        let entry = Table::create()
            .table("audit_entry")
            .col(pk_uuid("id"))
            .col(timestamp_with_time_zone("at"))
            .col(uuid_null("actor_id"))
            .col(uuid_null("patient_id"))
            .col(uuid_null("clinic_id"))
            .col(text("action"))
            .col(text_null("subject_id"))
            .to_owned();
        manager.create_table(entry).await?;
        for (name, columns) in [
            ("ix_audit_entry_at", &["at", "id"][..]),
            ("ix_audit_entry_clinic", &["clinic_id", "at", "id"]),
            ("ix_audit_entry_patient", &["patient_id", "at", "id"]),
            ("ix_audit_entry_actor", &["actor_id", "at", "id"]),
        ] {
            manager.create_index(index(name, "audit_entry", columns)).await?;
        }
        manager.create_index(index("ix_transition_at", "appointment_transition", &["at", "id"])).await?;
        let connection = manager.get_connection();
        let statements = match connection.get_database_backend() {
            DbBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        connection.execute_unprepared(statements).await?;
        Ok(())
    }
}

// What somebody wrote as a reason may have to be erased for them; who did what when is not, nor whose appointment it was done to, which is what
// the history says of that.
const POSTGRES: &str = "
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'restrict_violation', MESSAGE = TG_NAME, CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER appointment_transition_append_only
    BEFORE UPDATE OF id, appointment_id, from_status, to_status, actor_id, at, transaction_id OR DELETE OR TRUNCATE ON appointment_transition
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER appointment_whose_append_only BEFORE UPDATE OF id, patient_id, clinic_id ON appointment
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
";

// What is replaced by an insert is deleted without asking the trigger on that.
const SQLITE: &str = "
CREATE TRIGGER audit_entry_insert BEFORE INSERT ON audit_entry WHEN EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'audit_entry_append_only'); END;
CREATE TRIGGER appointment_transition_insert BEFORE INSERT ON appointment_transition
    WHEN EXISTS (SELECT 1 FROM appointment_transition WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'appointment_transition_append_only'); END;
CREATE TRIGGER appointment_whose_insert BEFORE INSERT ON appointment WHEN EXISTS (SELECT 1 FROM appointment WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'appointment_whose_append_only'); END;
CREATE TRIGGER appointment_whose_update BEFORE UPDATE OF id, patient_id, clinic_id ON appointment
BEGIN SELECT RAISE(ABORT, 'appointment_whose_append_only'); END;
CREATE TRIGGER audit_entry_update BEFORE UPDATE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit_entry_append_only'); END;
CREATE TRIGGER audit_entry_delete BEFORE DELETE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit_entry_append_only'); END;
CREATE TRIGGER appointment_transition_update
    BEFORE UPDATE OF id, appointment_id, from_status, to_status, actor_id, at ON appointment_transition
BEGIN SELECT RAISE(ABORT, 'appointment_transition_append_only'); END;
CREATE TRIGGER appointment_transition_delete BEFORE DELETE ON appointment_transition
BEGIN SELECT RAISE(ABORT, 'appointment_transition_append_only'); END;
";
