//! What a claim is judged by, read in one statement: the calendar's version and time, the claims around a start, and the caller's key.

use super::keys::to_record;
use crate::{
    booking::{
        guard::Occupant,
        idempotency::{Attempt, Record},
        model::AppointmentStatus,
    },
    kernel::{
        id::{AppointmentId, DoctorId, UserId, VisitTypeId},
        interval::Interval,
        rejection::Rejection,
    },
};
use ::entity::{appointment, calendar, idempotency_key};
use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DbErr, FromQueryResult, QueryResult,
    sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement},
};

/// A calendar at one of its versions.
#[derive(Debug)]
pub struct Reading {
    /// The version.
    pub version: i32,
    /// The version that the last change of the hours made.
    pub schedule_version: i32,
    /// What the database's clock said, where it has one.
    pub database_time: Option<DateTime<Utc>>,
    /// The claims, alive or overdue, that keep any of the time that was asked for.
    pub occupants: Vec<Occupant>,
    /// What the caller's key was used for.
    pub record: Option<Record>,
}

/// Reads the calendar of a doctor around `range`; nothing where there is no such doctor.
///
/// # Errors
/// Where the database does not answer.
pub async fn read(
    connection: &impl ConnectionTrait,
    doctor_id: DoctorId,
    range: Interval,
    attempt: Option<&Attempt>,
) -> Result<Option<Reading>, Rejection> {
    let rows = connection.query_all(&statement(connection, doctor_id, range, attempt)).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let record = if attempt.is_some() {
        idempotency_key::Model::from_query_result_optional(first, "key_")?.map(to_record)
    } else {
        None
    };
    Ok(Some(Reading {
        version: first.try_get("", "calendar_version")?,
        schedule_version: first.try_get("", "schedule_version")?,
        database_time: first.try_get("", "database_time")?,
        occupants: rows.iter().filter_map(|row| occupant(row).transpose()).collect::<Result<_, DbErr>>()?,
        record,
    }))
}

fn statement(
    connection: &impl ConnectionTrait,
    doctor_id: DoctorId,
    range: Interval,
    attempt: Option<&Attempt>,
) -> SelectStatement {
    use appointment::Column::{DoctorId as Doctor, OccupiedFrom, OccupiedUntil};
    let mut select = Query::select();
    select
        .from(calendar::Entity)
        .expr_as(Expr::col((calendar::Entity, calendar::Column::Version)), "calendar_version")
        .expr_as(Expr::col((calendar::Entity, calendar::Column::ScheduleVersion)), "schedule_version")
        .expr_as(crate::infra::db::time(connection.get_database_backend()), "database_time")
        .and_where(Expr::col((calendar::Entity, calendar::Column::DoctorId)).eq(doctor_id));
    select.left_join(
        appointment::Entity,
        Condition::all()
            .add(Expr::col((appointment::Entity, Doctor)).equals((calendar::Entity, calendar::Column::DoctorId)))
            .add(Expr::cust(crate::availability::IS_CLAIM))
            .add(Expr::col((appointment::Entity, OccupiedFrom)).lt(range.end))
            .add(Expr::col((appointment::Entity, OccupiedUntil)).gt(range.start)),
    );
    select.columns(OCCUPANT.map(|column| (appointment::Entity, column)));
    if let Some(attempt) = attempt {
        use idempotency_key::Column::{Key, UserId};
        select.left_join(
            idempotency_key::Entity,
            Condition::all()
                .add(Expr::col((idempotency_key::Entity, UserId)).eq(attempt.user_id))
                .add(Expr::col((idempotency_key::Entity, Key)).eq(attempt.key.clone())),
        );
        super::keys::select_all(&mut select, "key_");
    }
    select
}

const OCCUPANT: [appointment::Column; 9] = [
    appointment::Column::Id,
    appointment::Column::PatientId,
    appointment::Column::VisitTypeId,
    appointment::Column::StartsAt,
    appointment::Column::EndsAt,
    appointment::Column::OccupiedFrom,
    appointment::Column::OccupiedUntil,
    appointment::Column::Status,
    appointment::Column::ExpiresAt,
];

fn occupant(row: &QueryResult) -> Result<Option<Occupant>, DbErr> {
    let Some(id) = row.try_get::<Option<AppointmentId>>("", "id")? else { return Ok(None) };
    Ok(Some(Occupant {
        id,
        patient_id: row.try_get::<UserId>("", "patient_id")?,
        visit_type_id: row.try_get::<Option<VisitTypeId>>("", "visit_type_id")?,
        visit: Interval { start: row.try_get("", "starts_at")?, end: row.try_get("", "ends_at")? },
        occupied: Interval { start: row.try_get("", "occupied_from")?, end: row.try_get("", "occupied_until")? },
        is_hold: row.try_get::<AppointmentStatus>("", "status")? == AppointmentStatus::Held,
        expires_at: row.try_get("", "expires_at")?,
    }))
}
