//! Reading the log of changes by position, and cutting it.

use super::to_event;
use crate::{
    calendar::{
        cursor::Kind,
        feed::{Audience, Place},
        model::{AppointmentStep, CalendarEvent},
        position::Position,
        state::Moves,
    },
    infra::db::Database,
    kernel::{
        id::DoctorId,
        rejection::{Internal, Rejection},
    },
};
use ::entity::{appointment, appointment_transition, calendar_event, calendar_log, calendar_move};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationDef, Select, Statement, Value,
    sea_query::{Expr, SimpleExpr},
};

/// A part of the log: what was committed at `to`, or is by now, and not at `from`, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Between<'a> {
    /// Where it begins.
    pub from: &'a Position,
    /// Where it ends; nothing where that is now.
    pub to: Option<&'a Position>,
    /// What was seen of it before: rows up to this one, of those that were committed at that position.
    pub but: &'a [(&'a Position, i64)],
    /// Only rows behind this one.
    pub behind: i64,
    /// At most so many rows.
    pub limit: u64,
}

impl Between<'_> {
    fn condition(&self, kind: Kind, table: &str) -> SimpleExpr {
        let mut sql = format!("{table}.id > ?");
        let mut values: Vec<Value> = vec![self.behind.into()];
        let mut add = |condition: &str, of: Vec<Value>| {
            sql.push_str(" AND ");
            sql.push_str(&condition.replace("{}", table));
            values.extend(of);
        };
        match self.from {
            Position::Snapshot(from) => {
                // The first condition is for the index, the second is what is meant.
                add("{}.transaction_id >= pg_snapshot_xmin(?::text::pg_snapshot)", vec![from.to_string().into()]);
                add(
                    "NOT pg_visible_in_snapshot({}.transaction_id, ?::text::pg_snapshot)",
                    vec![from.to_string().into()],
                );
            }
            Position::Rows { .. } => add("{}.id >= ?", vec![next_row(kind, self.from).into()]),
        }
        match self.to {
            Some(Position::Snapshot(to)) => {
                add("pg_visible_in_snapshot({}.transaction_id, ?::text::pg_snapshot)", vec![to.to_string().into()]);
            }
            Some(to @ Position::Rows { .. }) => add("{}.id < ?", vec![next_row(kind, to).into()]),
            None => {}
        }
        for &(position, row) in self.but {
            match position {
                Position::Snapshot(seen) => {
                    let condition =
                        "NOT ({}.id <= ? AND pg_visible_in_snapshot({}.transaction_id, ?::text::pg_snapshot))";
                    add(condition, vec![row.into(), seen.to_string().into()]);
                }
                Position::Rows { .. } => add("{}.id > ?", vec![row.min(next_row(kind, position) - 1).into()]),
            }
        }
        Expr::cust_with_values(numbered(&sql, matches!(self.from, Position::Snapshot(_))), values)
    }
}

/// PostgreSQL numbers the places of values.
fn numbered(sql: &str, is_postgres: bool) -> String {
    if !is_postgres {
        return sql.to_owned();
    }
    let mut parts = sql.split('?');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.enumerate().fold(first, |sql, (place, part)| format!("{sql}${}{part}", place + 1))
}

fn next_row(kind: Kind, position: &Position) -> i64 {
    match (position, kind) {
        (Position::Rows { events, .. }, Kind::Events) => *events,
        (Position::Rows { steps, .. }, Kind::Steps) => *steps,
        (Position::Snapshot(_), _) => 0,
    }
}

/// The present place in the log, short enough for a cursor.
///
/// # Errors
/// Where the database does not answer; or at a moment at which it runs more transactions than a cursor can name: what they change waits.
pub async fn position(database: &Database) -> Result<Position, Rejection> {
    let connection = database.reader();
    let backend = connection.get_database_backend();
    let unknown = || Internal::new("the log has no position");
    if database.is_postgres() {
        let statement = Statement::from_string(backend, "SELECT pg_current_snapshot()::text AS position");
        let row = connection.query_one_raw(statement).await?.ok_or_else(unknown)?;
        let text: String = row.try_get("", "position")?;
        let position = Position::Snapshot(text.parse().map_err(|()| unknown())?);
        let too_many = || Internal::new("more transactions are running than a cursor can name");
        return if position.fits() { Ok(position) } else { Err(Rejection::Unavailable(too_many())) };
    }
    // Not the greatest row: the log may have been cut down to nothing.
    let next = |table| format!("(SELECT COALESCE(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = '{table}')");
    let (events, steps) = (next("calendar_event"), next("appointment_transition"));
    let statement = Statement::from_string(backend, format!("SELECT {events} AS events, {steps} AS steps"));
    let row = connection.query_one_raw(statement).await?.ok_or_else(unknown)?;
    Ok(Position::Rows { events: row.try_get("", "events")?, steps: row.try_get("", "steps")? })
}

/// Changes of calendars in a part of the log, those of these doctors where some are named, by row: so each doctor's come in order.
///
/// # Errors
/// Where the database does not answer.
pub async fn events(
    database: &Database,
    between: &Between<'_>,
    doctors: Option<&[DoctorId]>,
) -> Result<Vec<CalendarEvent>, Rejection> {
    let mut select = calendar_event::Entity::find().filter(between.condition(Kind::Events, "calendar_event"));
    if let Some(doctors) = doctors {
        select = select.filter(calendar_event::Column::DoctorId.is_in(doctors.iter().copied()));
    }
    let select = select.order_by_asc(calendar_event::Column::Id).limit(between.limit);
    select.all(database.reader()).await?.iter().map(to_event).collect()
}

/// How doctors joined a place and left it in a part of the log: whose change of which version it was, and whether they joined; each doctor's
/// in order.
///
/// # Errors
/// Where the database does not answer.
pub async fn moves(
    database: &Database,
    between: &Between<'_>,
    place: Place,
) -> Result<Vec<(DoctorId, i32, bool)>, Rejection> {
    let link: RelationDef = calendar_move::Entity::belongs_to(calendar_event::Entity)
        .from(calendar_move::Column::EventId)
        .to(calendar_event::Column::Id)
        .into();
    let select = calendar_move::Entity::find()
        .select_only()
        .column(calendar_event::Column::DoctorId)
        .column(calendar_event::Column::Version)
        .column(calendar_move::Column::Joins)
        .join(JoinType::InnerJoin, link)
        .filter(calendar_move::Column::PlaceId.eq(place.id()))
        .filter(between.condition(Kind::Events, "calendar_event"))
        .order_by_asc(calendar_event::Column::DoctorId)
        .order_by_asc(calendar_event::Column::Version)
        .limit(between.limit);
    Ok(select.into_tuple().all(database.reader()).await?)
}

/// Which places doctors joined and left with these changes, by their rows.
///
/// # Errors
/// Where the database does not answer.
pub async fn moves_with(database: &Database, rows: &[i64]) -> Result<Moves, Rejection> {
    let with_them = calendar_move::Column::EventId.is_in(rows.iter().copied());
    let found = calendar_move::Entity::find().filter(with_them).all(database.reader()).await?;
    let mut moves = Moves::new();
    for row in found {
        moves.entry(row.event_id).or_default().push((row.place_id, row.joins));
    }
    Ok(moves)
}

#[derive(FromQueryResult)]
struct StepRow {
    id: i64,
    appointment_id: crate::kernel::id::AppointmentId,
    from_status: Option<appointment::AppointmentStatus>,
    to_status: appointment::AppointmentStatus,
    actor_id: Option<crate::kernel::id::UserId>,
    reason: Option<String>,
    at: DateTime<Utc>,
    patient_id: crate::kernel::id::UserId,
    doctor_id: DoctorId,
    clinic_id: crate::kernel::id::ClinicId,
}

/// Steps of appointments in a part of the log, those that concern an audience, by row.
///
/// # Errors
/// Where the database does not answer.
pub async fn steps(
    database: &Database,
    between: &Between<'_>,
    audience: Audience,
) -> Result<Vec<AppointmentStep>, Rejection> {
    let link: RelationDef = appointment_transition::Entity::belongs_to(appointment::Entity)
        .from(appointment_transition::Column::AppointmentId)
        .to(appointment::Column::Id)
        .into();
    let select: Select<appointment_transition::Entity> = appointment_transition::Entity::find()
        .join(JoinType::InnerJoin, link)
        .columns([appointment::Column::PatientId, appointment::Column::DoctorId, appointment::Column::ClinicId])
        .filter(between.condition(Kind::Steps, "appointment_transition"));
    let select = match audience {
        Audience::Patient(id) => select.filter(appointment::Column::PatientId.eq(id)),
        Audience::Doctor(id) => select.filter(appointment::Column::DoctorId.eq(id)),
        Audience::Clinic(id) => select.filter(appointment::Column::ClinicId.eq(id)),
        Audience::All => select,
    };
    let select = select.order_by_asc(appointment_transition::Column::Id).limit(between.limit);
    let rows = select.into_model::<StepRow>().all(database.reader()).await?;
    let step = |row: StepRow| AppointmentStep {
        id: row.id,
        appointment_id: row.appointment_id,
        patient_id: row.patient_id,
        doctor_id: row.doctor_id,
        clinic_id: row.clinic_id,
        from: row.from_status,
        to: row.to_status,
        actor_id: row.actor_id,
        reason: row.reason,
        at: row.at,
    };
    Ok(rows.into_iter().map(step).collect())
}

/// Up to where the log was cut: a transaction, or a row on SQLite; 0 where it never was.
///
/// # Errors
/// Where the database does not answer.
pub async fn cut(database: &Database) -> Result<i64, Rejection> {
    let row = calendar_log::Entity::find().one(database.reader()).await?;
    Ok(row.ok_or_else(|| Internal::new("the calendar log has no identity"))?.cut)
}

/// Cuts off at most `limit` changes of calendars that happened before `instant`, and notes up to where; tells how many there were.
///
/// # Errors
/// Where the database refuses.
pub async fn cut_before(database: &Database, instant: DateTime<Utc>, limit: u64) -> Result<usize, Rejection> {
    let transaction = database.begin().await?;
    let place = if database.is_postgres() { "transaction_id::text::bigint" } else { "id" };
    let old: Vec<(i64, i64)> = calendar_event::Entity::find()
        .select_only()
        .column(calendar_event::Column::Id)
        .column_as(Expr::cust(place), "place")
        .filter(calendar_event::Column::OccurredAt.lt(instant))
        .filter(calendar_event::Column::Published.eq(true))
        .order_by_asc(calendar_event::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(&*transaction)
        .await?;
    let Some(last) = old.iter().map(|(_, place)| *place).max() else { return Ok(0) };
    // First the note: whoever asks in between is told rather that a cursor is too old than nothing.
    calendar_log::Entity::update_many()
        .col_expr(calendar_log::Column::Cut, Expr::value(last))
        .filter(calendar_log::Column::Cut.lt(last))
        .exec(&*transaction)
        .await?;
    let rows = old.iter().map(|(id, _)| *id);
    calendar_event::Entity::delete_many().filter(calendar_event::Column::Id.is_in(rows)).exec(&*transaction).await?;
    transaction.commit().await?;
    Ok(old.len())
}
