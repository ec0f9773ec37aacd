//! The rows of calendars and of their log.

mod log;

pub use log::{Between, cut, cut_before, events, moves, moves_with, position, steps};

use super::{
    feed::Move,
    model::{CalendarEvent, Change},
};
use crate::{
    infra::{
        among::is_among,
        db::{Database, Transaction},
    },
    kernel::{
        clock::Clock,
        id::DoctorId,
        interval::Interval,
        rejection::{Internal, Rejection},
    },
};
use ::entity::{calendar, calendar_event, calendar_event::CalendarEventKind, calendar_log, calendar_move};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};
use std::collections::HashMap;
use uuid::Uuid;

/// The identity of this database's log: another once it was restored from a backup.
///
/// # Errors
/// Where the database does not answer.
pub async fn log_id(database: &Database) -> Result<Uuid, Rejection> {
    let row = calendar_log::Entity::find().one(database.reader()).await?;
    Ok(row.ok_or_else(|| Internal::new("the calendar log has no identity"))?.id)
}

/// Makes this another log: whoever remembers the one before, be it a client with a cursor or Redis with calendars, begins anew.
///
/// # Errors
/// Where the database refuses.
pub async fn renew_log(database: &Database) -> Result<(), Rejection> {
    let transaction = database.begin().await?;
    let renewed = calendar_log::Entity::update_many().col_expr(calendar_log::Column::Id, Expr::value(Uuid::new_v4()));
    renewed.exec(&*transaction).await?;
    transaction.commit().await
}

/// Gives a new doctor a calendar.
///
/// # Errors
/// Where the database refuses.
pub async fn open_in(transaction: &Transaction, doctor_id: DoctorId) -> Result<(), Rejection> {
    let row = calendar::ActiveModel { doctor_id: Set(doctor_id), version: Set(0), schedule_version: Set(0) };
    calendar::Entity::insert(row).exec_without_returning(&**transaction).await?;
    Ok(())
}

/// The right to change one calendar: its row is locked until the transaction ends.
#[derive(Debug)]
pub struct Turn {
    doctor_id: DoctorId,
    /// The version that the first change makes.
    version: i32,
    /// What the database's clock said when the row was free, where it has one.
    database_time: Option<DateTime<Utc>>,
}

impl Turn {
    /// Whose calendar.
    #[must_use]
    pub fn doctor_id(&self) -> DoctorId {
        self.doctor_id
    }

    /// The time by which to decide: one clock for all processes, read when it was this one's turn.
    #[must_use]
    pub fn now(&self, clock: &dyn Clock) -> DateTime<Utc> {
        clock.settle(self.database_time)
    }
}

/// Takes the row of a doctor's calendar, for one change at least; nothing where there is no such doctor. Everybody else who would
/// change this calendar waits.
///
/// # Errors
/// Where the database refuses.
pub async fn try_turn_in(transaction: &Transaction, doctor_id: DoctorId) -> Result<Option<Turn>, Rejection> {
    let mut update = Query::update();
    update
        .table(calendar::Entity)
        .value(calendar::Column::Version, Expr::col(calendar::Column::Version).add(1))
        .and_where(Expr::col(calendar::Column::DoctorId).eq(doctor_id))
        .returning(Query::returning().exprs([
            Expr::col(calendar::Column::Version),
            // Asked after the wait for the row.
            transaction.time(),
        ]));
    let row = transaction.query_one(&update).await?;
    let turn = |row: QueryResult| {
        Ok(Turn { doctor_id, version: row.try_get_by_index(0)?, database_time: row.try_get_by_index(1)? })
    };
    Ok(row.map(turn).transpose().map_err(|error: DbErr| error)?)
}

/// The same for a doctor who is known to be there.
///
/// # Errors
/// Where the database refuses.
pub async fn take_turn_in(transaction: &Transaction, doctor_id: DoctorId) -> Result<Turn, Rejection> {
    let turn = try_turn_in(transaction, doctor_id).await?;
    Ok(turn.ok_or_else(|| Internal::new("a doctor without a calendar"))?)
}

/// Takes the rows of those of these calendars that still have the version named with them, for one change each. Their clock is not asked.
///
/// # Errors
/// Where the database refuses.
pub async fn take_turns_at_in(
    transaction: &Transaction,
    versions: impl Iterator<Item = (DoctorId, i32)>,
) -> Result<Vec<Turn>, DbErr> {
    let at = |(doctor, version): (DoctorId, i32)| {
        let of_doctor = Condition::all().add(calendar::Column::DoctorId.eq(doctor));
        of_doctor.add(calendar::Column::Version.eq(version))
    };
    let any = versions.map(at).fold(Condition::any(), Condition::add);
    if any.is_empty() {
        return Ok(Vec::new());
    }
    let taken = calendar::Entity::update_many()
        .col_expr(calendar::Column::Version, Expr::col(calendar::Column::Version).add(1))
        .filter(any)
        .exec_with_returning(&**transaction)
        .await?;
    let turn = |row: calendar::Model| Turn { doctor_id: row.doctor_id, version: row.version, database_time: None };
    Ok(taken.into_iter().map(turn).collect())
}

/// Writes the changes that the turn was taken for, in order, each with a version of its own: one at least.
///
/// # Errors
/// Where the database refuses.
pub async fn record_in(
    transaction: &Transaction,
    turn: Turn,
    changes: &[Change],
    at: DateTime<Utc>,
) -> Result<Vec<CalendarEvent>, Rejection> {
    if changes.is_empty() {
        // The turn has counted a version that no event would have.
        return Err(Internal::new("a turn without a change").into());
    }
    let version_of = |place: usize| turn.version.saturating_add(i32::try_from(place).unwrap_or(i32::MAX));
    let row = |(place, change): (usize, &Change)| event_row(turn.doctor_id, version_of(place), change, at);
    let rows = changes.iter().enumerate().map(row);
    let written = calendar_event::Entity::insert_many(rows).exec_with_returning(&**transaction).await?;
    let schedule_change = changes.iter().rposition(|change| *change == Change::ScheduleChanged);
    let mut update = calendar::Entity::update_many().filter(calendar::Column::DoctorId.eq(turn.doctor_id));
    if let Some(place) = schedule_change {
        update = update.col_expr(calendar::Column::ScheduleVersion, Expr::value(version_of(place)));
    }
    if schedule_change.is_some() || changes.len() > 1 {
        let last = Expr::value(version_of(changes.len().saturating_sub(1)));
        update.col_expr(calendar::Column::Version, last).exec(&**transaction).await?;
    }
    written.iter().map(to_event).collect()
}

/// Writes the one change that each of these turns was taken for, and when it was made.
///
/// # Errors
/// Where the database refuses.
pub async fn record_each_in(
    transaction: &Transaction,
    changes: impl Iterator<Item = (Turn, Change, DateTime<Utc>)>,
) -> Result<Vec<CalendarEvent>, Rejection> {
    let rows = changes.map(|(turn, change, at)| event_row(turn.doctor_id, turn.version, &change, at));
    let written = calendar_event::Entity::insert_many(rows).exec_with_returning(&**transaction).await?;
    written.iter().map(to_event).collect()
}

/// Writes which places the doctor joins and leaves with a change.
///
/// # Errors
/// Where the database refuses.
pub async fn record_moves_in(
    transaction: &Transaction,
    event: &CalendarEvent,
    moves: &[Move],
) -> Result<(), Rejection> {
    if moves.is_empty() {
        return Ok(());
    }
    let row = |moved: &Move| calendar_move::ActiveModel {
        place_id: Set(moved.place.id()),
        event_id: Set(event.id),
        joins: Set(moved.joins),
    };
    calendar_move::Entity::insert_many(moves.iter().map(row)).exec_without_returning(&**transaction).await?;
    Ok(())
}

pub(super) fn event_row(
    doctor_id: DoctorId,
    version: i32,
    change: &Change,
    at: DateTime<Utc>,
) -> calendar_event::ActiveModel {
    let interval = change.interval();
    calendar_event::ActiveModel {
        doctor_id: Set(doctor_id),
        version: Set(version),
        kind: Set(kind(change)),
        starts_at: Set(interval.map(|interval| interval.start)),
        ends_at: Set(interval.map(|interval| interval.end)),
        held_until: Set(change.held_until()),
        occurred_at: Set(at),
        published: Set(false),
        ..Default::default()
    }
}

/// Events that nobody is known to have published though they are older than `before`.
pub async fn unpublished(
    connection: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<CalendarEvent>, Rejection> {
    let rows = calendar_event::Entity::find()
        // Said as the partial index says it: with a parameter in its place all of the log would be looked at, twice a second.
        .filter(Expr::cust("published = FALSE"))
        .filter(calendar_event::Column::OccurredAt.lt(before))
        .order_by_asc(calendar_event::Column::Id)
        .limit(limit)
        .all(connection)
        .await?;
    rows.iter().map(to_event).collect()
}

/// Notes that the bus has taken these events.
pub async fn mark_published(database: &Database, ids: Vec<i64>) -> Result<(), Rejection> {
    let transaction = database.begin().await?;
    calendar_event::Entity::update_many()
        .col_expr(calendar_event::Column::Published, Expr::value(true))
        .filter(is_among(transaction.get_database_backend(), calendar_event::Column::Id.into_expr(), ids))
        .exec(&*transaction)
        .await?;
    transaction.commit().await
}

pub(super) fn kind(change: &Change) -> CalendarEventKind {
    match change {
        Change::Taken(_) => CalendarEventKind::SlotTaken,
        Change::Held(..) => CalendarEventKind::SlotHeld,
        Change::Released(_) => CalendarEventKind::SlotReleased,
        Change::ScheduleChanged => CalendarEventKind::ScheduleChanged,
    }
}

pub(super) fn to_change(
    kind: CalendarEventKind,
    ends: Option<(DateTime<Utc>, DateTime<Utc>)>,
    held_until: Option<DateTime<Utc>>,
) -> Option<Change> {
    let interval = ends.and_then(|(start, end)| Interval::try_new(start, end));
    match kind {
        CalendarEventKind::SlotTaken => interval.map(Change::Taken),
        CalendarEventKind::SlotHeld => interval.zip(held_until).map(|(interval, until)| Change::Held(interval, until)),
        CalendarEventKind::SlotReleased => interval.map(Change::Released),
        CalendarEventKind::ScheduleChanged => Some(Change::ScheduleChanged),
    }
}

pub(super) fn to_event(row: &calendar_event::Model) -> Result<CalendarEvent, Rejection> {
    let change = to_change(row.kind, row.starts_at.zip(row.ends_at), row.held_until)
        .ok_or_else(|| Internal::new("a calendar event without its time"))?;
    Ok(CalendarEvent {
        id: row.id,
        doctor_id: row.doctor_id,
        version: row.version,
        change,
        occurred_at: row.occurred_at,
    })
}

/// The present version of each of these calendars.
///
/// # Errors
/// Where the database does not answer.
pub async fn versions(
    connection: &impl ConnectionTrait,
    doctors: &[DoctorId],
) -> Result<HashMap<DoctorId, i32>, Rejection> {
    let select = calendar::Entity::find().filter(calendar::Column::DoctorId.is_in(doctors.iter().copied()));
    Ok(select.all(connection).await?.into_iter().map(|row| (row.doctor_id, row.version)).collect())
}

/// What has happened to each of these calendars after the version that is named with it, at most `limit` events, each calendar's in order.
///
/// # Errors
/// Where the database does not answer.
pub async fn events_after(
    connection: &impl ConnectionTrait,
    versions: &[(DoctorId, i32)],
    limit: u64,
) -> Result<Vec<CalendarEvent>, Rejection> {
    if versions.is_empty() {
        return Ok(Vec::new());
    }
    let after = |(doctor, version): &(DoctorId, i32)| {
        let of_doctor = Condition::all().add(calendar_event::Column::DoctorId.eq(*doctor));
        of_doctor.add(calendar_event::Column::Version.gt(*version))
    };
    let rows = calendar_event::Entity::find()
        .filter(versions.iter().map(after).fold(Condition::any(), Condition::add))
        .order_by_asc(calendar_event::Column::DoctorId)
        .order_by_asc(calendar_event::Column::Version)
        .limit(limit)
        .all(connection)
        .await?;
    rows.iter().map(to_event).collect()
}
