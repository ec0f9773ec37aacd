//! A booking in one statement, where nobody contends: one way to the database and back instead of seven. Everything in it selects from the
//! calendar's row, so nothing is written where that has moved on.

use super::super::{guard::Permitted, idempotency::Attempt};
use crate::{
    calendar::{CalendarEvent, Change},
    infra::db::Database,
    kernel::id::UserId,
};
use sea_orm::{DbBackend, DbErr, Statement, Value};

const TURN: &str = "WITH turn AS (
    UPDATE calendar SET version = version + 1 WHERE doctor_id = $1 AND version = $2 RETURNING doctor_id, version
), claim AS (
    INSERT INTO appointment (id, reference, doctor_id, clinic_id, patient_id, visit_type_id, starts_at, ends_at, occupied_from,
        occupied_until, time_zone, status, notes, version, created_at)
    SELECT $3, $4, doctor_id, $5, $6, $7, $8, $9, $10, $11, $12, 'PENDING', $13, 1, $14 FROM turn
), step AS (
    INSERT INTO appointment_transition (appointment_id, to_status, actor_id, reason, at)
    SELECT $3, 'PENDING', $15, $16, $14 FROM turn
), promise AS (
    INSERT INTO outbox (kind, subject_id, due_at) SELECT $17, $3, $14 FROM turn
)";

const RECORD: &str = ", record AS (
    INSERT INTO idempotency_key (user_id, key, mutation, input_digest, appointment_id, created_at)
    SELECT $15, $18, $19, $20, $3, $14 FROM turn
)";

const EVENT: &str = "
INSERT INTO calendar_event (doctor_id, version, kind, starts_at, ends_at, occurred_at, published)
SELECT doctor_id, version, 'SLOT_TAKEN', $8, $9, $14, FALSE FROM turn RETURNING id";

/// Books what the guard let through at `version` of the doctor's calendar, on the condition that it still has that version; nothing where
/// it has not. For PostgreSQL: SQLite writes to one table a statement, and has no way to save.
///
/// # Errors
/// Where the database refuses; [`super::is_taken`] and [`super::is_key_used`] say why.
pub async fn write_at_once(
    database: &Database,
    permitted: &Permitted,
    version: i32,
    (actor_id, promise): (UserId, &str),
    attempt: Option<&Attempt>,
) -> Result<Option<CalendarEvent>, DbErr> {
    let appointment = permitted.appointment();
    let mut values: Vec<Value> = vec![
        appointment.doctor_id.0.into(),
        version.into(),
        appointment.id.0.into(),
        appointment.reference.clone().into(),
        appointment.clinic_id.0.into(),
        appointment.patient_id.0.into(),
        appointment.visit_type_id.map(|id| id.0).into(),
        appointment.visit.start.into(),
        appointment.visit.end.into(),
        appointment.occupied.start.into(),
        appointment.occupied.end.into(),
        appointment.time_zone.name().into(),
        appointment.notes.clone().into(),
        appointment.created_at.into(),
        actor_id.0.into(),
        permitted.reason().map(str::to_owned).into(),
        promise.into(),
    ];
    let record = if let Some(attempt) = attempt {
        values.extend([attempt.key.clone().into(), attempt.mutation.into(), attempt.input_digest.to_vec().into()]);
        RECORD
    } else {
        ""
    };
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, format!("{TURN}{record}{EVENT}"), values);
    let row = database.write_at_once(statement).await?;
    let event = |id| CalendarEvent {
        id,
        doctor_id: appointment.doctor_id,
        version: version + 1,
        change: Change::Taken(appointment.visit),
        occurred_at: appointment.created_at,
    };
    row.map(|row| row.try_get_by_index(0).map(event)).transpose()
}
