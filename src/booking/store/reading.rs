//! What a claim is judged by, beside the hours, in one statement: which version of the hours counts, and the claims around a start.

use crate::{
    booking::{guard::Occupant, model::AppointmentStatus},
    kernel::{
        id::{AppointmentId, DoctorId, UserId, VisitTypeId},
        interval::Interval,
        rejection::Rejection,
    },
};
use ::entity::{appointment, calendar};
use sea_orm::{
    ConnectionTrait, DbErr, QueryResult,
    sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement},
};

/// A calendar at one of its versions.
#[derive(Debug)]
pub struct Reading {
    /// The version that the last change of the hours made.
    pub schedule_version: i32,
    /// The claims, alive or overdue, that keep any of the time that was asked for.
    pub occupants: Vec<Occupant>,
}

/// Reads the calendar of a doctor around `range`; nothing where there is no such doctor.
///
/// # Errors
/// Where the database does not answer.
pub async fn read(
    connection: &impl ConnectionTrait,
    doctor_id: DoctorId,
    range: Interval,
) -> Result<Option<Reading>, Rejection> {
    let rows = connection.query_all(&statement(doctor_id, range)).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    Ok(Some(Reading {
        schedule_version: first.try_get("", "schedule_version")?,
        occupants: rows.iter().filter_map(|row| occupant(row).transpose()).collect::<Result<_, DbErr>>()?,
    }))
}

fn statement(doctor_id: DoctorId, range: Interval) -> SelectStatement {
    use appointment::Column::{DoctorId as Doctor, OccupiedFrom, OccupiedUntil};
    let mut select = Query::select();
    select
        .from(calendar::Entity)
        .column((calendar::Entity, calendar::Column::ScheduleVersion))
        .columns(OCCUPANT.map(|column| (appointment::Entity, column)))
        .and_where(Expr::col((calendar::Entity, calendar::Column::DoctorId)).eq(doctor_id))
        .left_join(
            appointment::Entity,
            Condition::all()
                .add(Expr::col((appointment::Entity, Doctor)).equals((calendar::Entity, calendar::Column::DoctorId)))
                .add(Expr::cust(crate::availability::IS_CLAIM))
                .add(Expr::col((appointment::Entity, OccupiedFrom)).lt(range.end))
                .add(Expr::col((appointment::Entity, OccupiedUntil)).gt(range.start)),
        );
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
