//! The rows of holds.

use crate::{
    booking::model::Appointment,
    infra::db::{Database, Transaction},
    kernel::{
        id::{AppointmentId, DoctorId, UserId},
        rejection::Rejection,
    },
};
use ::entity::appointment;
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, LockType},
};

/// Said as the partial indexes say it, or they would not be used.
fn holds() -> Select<appointment::Entity> {
    appointment::Entity::find().filter(Expr::cust("is_held"))
}

/// How many holds of a patient are alive.
pub async fn count_holds_in(
    transaction: &Transaction,
    patient_id: UserId,
    now: DateTime<Utc>,
) -> Result<u64, Rejection> {
    let alive =
        holds().filter(appointment::Column::PatientId.eq(patient_id)).filter(appointment::Column::ExpiresAt.gt(now));
    Ok(alive.count(&**transaction).await?)
}

/// Doctors with holds that are overdue, those that have waited longest first.
///
/// # Errors
/// Where the database does not answer.
pub async fn doctors_with_overdue(
    database: &Database,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<DoctorId>, Rejection> {
    let overdue = holds()
        .select_only()
        .column(appointment::Column::DoctorId)
        .filter(appointment::Column::ExpiresAt.lte(now))
        .order_by_asc(appointment::Column::ExpiresAt)
        .limit(limit);
    let mut doctors: Vec<DoctorId> = overdue.into_tuple().all(database.reader()).await?;
    doctors.sort_unstable();
    doctors.dedup();
    Ok(doctors)
}

/// The holds of a doctor that are overdue, all of them or those of `among`, as they are now and stay until this transaction ends.
pub async fn overdue_in(
    transaction: &Transaction,
    doctor_id: DoctorId,
    among: Option<&[AppointmentId]>,
    now: DateTime<Utc>,
) -> Result<Vec<Appointment>, Rejection> {
    let mut overdue = holds()
        .filter(appointment::Column::DoctorId.eq(doctor_id))
        .filter(appointment::Column::ExpiresAt.lte(now))
        .order_by_asc(appointment::Column::Id)
        .lock(LockType::NoKeyUpdate);
    if let Some(ids) = among {
        overdue = overdue.filter(appointment::Column::Id.is_in(ids.iter().copied()));
    }
    overdue.all(&**transaction).await?.into_iter().map(Appointment::try_from).collect()
}
