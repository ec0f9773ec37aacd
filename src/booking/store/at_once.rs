//! Bookings written together, where nobody contends. PostgreSQL takes them in one statement: one way to the database and back instead of
//! seven; everything in it selects from the calendars' rows, so nothing is written of a booking whose calendar has moved on. SQLite writes to
//! one table a statement, and a statement costs it a way to another thread and back: there it is one transaction, a statement a table.

use super::{
    super::{at_once::Ready, idempotency::Attempt, jobs::CONFIRM},
    insert_in, is_key_used, is_taken,
    keys::{insert_keys_in, used_keys_in},
    record_in,
};
use crate::{
    calendar::{self, Change},
    infra::{
        db::{Database, in_time, is_refused},
        outbox,
    },
    kernel::{
        id::{AppointmentId, ClinicId, DoctorId, UserId, VisitTypeId},
        rejection::{Internal, Rejection},
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};
use serde::Serialize;
use std::{collections::HashMap, slice};

/// A calendar that somebody else is writing to is as good as moved on: nobody here waits for it. Keys are written in their order, so that two
/// such statements do not wait for each other.
const WRITE: &str = "WITH ready AS (
    SELECT * FROM json_to_recordset($1::json) AS ready (doctor_id uuid, known_version integer, id uuid, reference text,
        clinic_id uuid, patient_id uuid, visit_type_id uuid, starts_at timestamptz, ends_at timestamptz, occupied_from timestamptz,
        occupied_until timestamptz, time_zone text, notes text, created_at timestamptz, actor_id uuid, reason text,
        key text, mutation text, input_digest text)
), unmoved AS (
    SELECT calendar.doctor_id FROM calendar JOIN ready ON calendar.doctor_id = ready.doctor_id AND calendar.version = ready.known_version
    WHERE NOT EXISTS (SELECT FROM idempotency_key AS used WHERE used.user_id = ready.actor_id AND used.key = ready.key)
    FOR NO KEY UPDATE OF calendar SKIP LOCKED
), turn AS (
    UPDATE calendar SET version = version + 1 FROM unmoved JOIN ready USING (doctor_id)
    WHERE calendar.doctor_id = unmoved.doctor_id RETURNING ready.*, calendar.version
), claim AS (
    INSERT INTO appointment (id, reference, doctor_id, clinic_id, patient_id, visit_type_id, starts_at, ends_at, occupied_from,
        occupied_until, time_zone, status, notes, version, created_at)
    SELECT id, reference, doctor_id, clinic_id, patient_id, visit_type_id, starts_at, ends_at, occupied_from,
        occupied_until, time_zone, 'PENDING', notes, 1, created_at FROM turn
), step AS (
    INSERT INTO appointment_transition (appointment_id, to_status, actor_id, reason, at)
    SELECT id, 'PENDING', actor_id, reason, created_at FROM turn
), promise AS (
    INSERT INTO outbox (kind, subject_id, due_at) SELECT $2, id, created_at FROM turn
), record AS (
    INSERT INTO idempotency_key (user_id, key, mutation, input_digest, appointment_id, created_at)
    SELECT actor_id, key, mutation, decode(input_digest, 'base64'), id, created_at FROM turn WHERE key IS NOT NULL
    ORDER BY actor_id, key
)
INSERT INTO calendar_event (doctor_id, version, kind, starts_at, ends_at, occurred_at, published)
SELECT doctor_id, version, 'SLOT_TAKEN', starts_at, ends_at, created_at, FALSE FROM turn RETURNING doctor_id, id";

/// Why bookings are not written.
#[derive(Debug)]
pub enum Unwritten {
    /// Something is in the way of one of them, or its key was used meanwhile: none was.
    InTheWay,
    /// The database does not take one of them: none was.
    Refused(Rejection),
    /// The database does not answer: they may have been.
    Unknown(Rejection),
}

impl From<DbErr> for Unwritten {
    fn from(error: DbErr) -> Self {
        match error {
            error if is_taken(&error) || is_key_used(&error) => Self::InTheWay,
            error if is_refused(&error) => Self::Refused(error.into()),
            error => Self::Unknown(error.into()),
        }
    }
}

/// A booking, as the statement reads it.
#[derive(Serialize)]
struct Row<'a> {
    doctor_id: DoctorId,
    known_version: i32,
    id: AppointmentId,
    reference: &'a str,
    clinic_id: ClinicId,
    patient_id: UserId,
    visit_type_id: Option<VisitTypeId>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    occupied_from: DateTime<Utc>,
    occupied_until: DateTime<Utc>,
    time_zone: &'static str,
    notes: Option<&'a str>,
    created_at: DateTime<Utc>,
    actor_id: UserId,
    reason: Option<&'a str>,
    key: Option<&'a str>,
    mutation: Option<&'static str>,
    input_digest: Option<String>,
}

impl<'a> Row<'a> {
    fn of(ready: &'a Ready) -> Self {
        let (appointment, attempt) = (ready.permitted.appointment(), ready.attempt.as_ref());
        Self {
            doctor_id: appointment.doctor_id,
            known_version: ready.version,
            id: appointment.id,
            reference: &appointment.reference,
            clinic_id: appointment.clinic_id,
            patient_id: appointment.patient_id,
            visit_type_id: appointment.visit_type_id,
            starts_at: appointment.visit.start,
            ends_at: appointment.visit.end,
            occupied_from: appointment.occupied.start,
            occupied_until: appointment.occupied.end,
            time_zone: appointment.time_zone.name(),
            notes: appointment.notes.as_deref(),
            created_at: appointment.created_at,
            actor_id: ready.actor_id,
            reason: ready.permitted.reason(),
            key: attempt.map(|attempt| attempt.key.as_str()),
            mutation: attempt.map(|attempt| attempt.mutation),
            input_digest: attempt.map(|attempt| BASE64_STANDARD.encode(attempt.input_digest)),
        }
    }
}

/// Books what the guard let through, each at a version of its doctor's calendar, and on the condition that it still has that version and that
/// the caller's key was not used; at most one for each doctor and each key. The IDs of the events of those that were written; all are, or
/// none, where the database refuses any.
///
/// # Errors
/// Why not.
pub async fn write_at_once(database: &Database, ready: &[&Ready]) -> Result<HashMap<DoctorId, i64>, Unwritten> {
    if ready.is_empty() {
        return Ok(HashMap::new());
    }
    in_time(async {
        if database.is_postgres() {
            in_one_statement(database, ready).await
        } else {
            in_one_transaction(database, ready).await
        }
    })
    .await
}

async fn in_one_statement(database: &Database, ready: &[&Ready]) -> Result<HashMap<DoctorId, i64>, Unwritten> {
    let rows: Vec<_> = ready.iter().copied().map(Row::of).collect();
    let unfit = |_| Unwritten::Refused(Internal::new("a booking that cannot be written").into());
    let rows = serde_json::to_string(&rows).map_err(unfit)?;
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, WRITE, [rows.into(), CONFIRM.into()]);
    let written = database.reader().query_all_raw(statement).await?;
    let event = |row: &QueryResult| Ok::<_, DbErr>((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
    Ok(written.iter().map(event).collect::<Result<_, _>>()?)
}

async fn in_one_transaction(database: &Database, ready: &[&Ready]) -> Result<HashMap<DoctorId, i64>, Unwritten> {
    let transaction = database.begin().await.map_err(Unwritten::Unknown)?;
    let used = used_keys_in(&transaction, ready.iter().filter_map(|each| each.attempt.as_ref())).await?;
    let is_used = |attempt: &Attempt| used.contains(&(attempt.user_id, attempt.key.clone()));
    let new = ready.iter().filter(|each| !each.attempt.as_ref().is_some_and(is_used));
    let turns = calendar::take_turns_at_in(&transaction, new.map(|each| (each.doctor_id(), each.version))).await?;
    if turns.is_empty() {
        return Ok(HashMap::new());
    }
    let mut turns: HashMap<_, _> = turns.into_iter().map(|turn| (turn.doctor_id(), turn)).collect();
    let unmoved = ready.iter().filter_map(|each| Some((*each, turns.remove(&each.doctor_id())?)));
    let (unmoved, turns): (Vec<&Ready>, Vec<_>) = unmoved.unzip();
    let claims = || unmoved.iter().map(|each| each.permitted.appointment());
    insert_in(&transaction, unmoved.iter().map(|each| &each.permitted)).await?;
    record_in(&transaction, unmoved.iter().map(|each| each.step()).collect()).await.map_err(Unwritten::Refused)?;
    let promises = claims().map(|claim| (claim.id.0, claim.created_at));
    outbox::promise_in(&transaction, CONFIRM, promises).await.map_err(Unwritten::Refused)?;
    let keys = unmoved
        .iter()
        .zip(claims())
        .filter_map(|(each, claim)| Some((each.attempt.as_ref()?, slice::from_ref(&claim.id), claim.created_at)));
    insert_keys_in(&transaction, keys).await?;
    let taken = turns.into_iter().zip(claims());
    let taken = taken.map(|(turn, claim)| (turn, Change::Taken(claim.visit), claim.created_at));
    let events = calendar::record_each_in(&transaction, taken).await.map_err(Unwritten::Refused)?;
    transaction.commit().await.map_err(Unwritten::Unknown)?;
    Ok(events.into_iter().map(|event| (event.doctor_id, event.id)).collect())
}
