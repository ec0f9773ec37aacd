//! The rows of patients who leave.

use crate::{
    booking::model::{Appointment, AppointmentStatus, Transition},
    infra::db::{Database, Transaction},
    kernel::{
        id::{AppointmentId, UserId},
        rejection::Rejection,
    },
};
use ::entity::{appointment, appointment_transition, idempotency_key, user};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait, RelationDef,
    sea_query::{Expr, ExprTrait},
};
use std::collections::HashMap;

fn is_to_come(now: DateTime<Utc>) -> Condition {
    use AppointmentStatus::{Confirmed, Held, Pending};
    Condition::all()
        .add(appointment::Column::Status.is_in([Held, Pending, Confirmed]))
        .add(appointment::Column::StartsAt.gt(now))
        // An overdue hold is nobody's: it expires.
        .add(appointment::Column::ExpiresAt.is_null().or(appointment::Column::ExpiresAt.gt(now)))
}

/// What a patient has still to come.
pub async fn to_come(
    database: &Database,
    patient_id: UserId,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<AppointmentId>, Rejection> {
    let ids = appointment::Entity::find().select_only().column(appointment::Column::Id).filter(is_to_come(now));
    let ids = ids.filter(appointment::Column::PatientId.eq(patient_id)).limit(limit);
    Ok(ids.into_tuple().all(database.reader()).await?)
}

/// Patients who were erased since `since`, and to whom something is to come or to be erased all the same.
pub async fn left_behind(
    database: &Database,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<UserId>, Rejection> {
    let to_patient: RelationDef =
        appointment::Entity::belongs_to(user::Entity).from(appointment::Column::PatientId).to(user::Column::Id).into();
    let patients = appointment::Entity::find()
        .select_only()
        .column(appointment::Column::PatientId)
        .distinct()
        .join(JoinType::InnerJoin, to_patient)
        .filter(user::Column::ErasedAt.gt(since))
        .filter(Condition::any().add(is_to_come(now)).add(appointment::Column::Notes.is_not_null()))
        .limit(limit);
    Ok(patients.into_tuple().all(database.reader()).await?)
}

/// Erases what a patient wrote in their appointments, and what their programs called their wishes.
pub async fn anonymise_in(transaction: &Transaction, patient_id: UserId) -> Result<(), Rejection> {
    let own = appointment::Entity::find()
        .select_only()
        .column(appointment::Column::Id)
        .filter(appointment::Column::PatientId.eq(patient_id));
    appointment::Entity::update_many()
        .col_expr(appointment::Column::Notes, Expr::value(None::<String>))
        .filter(appointment::Column::PatientId.eq(patient_id))
        .filter(appointment::Column::Notes.is_not_null())
        .exec(&**transaction)
        .await?;
    appointment_transition::Entity::update_many()
        .col_expr(appointment_transition::Column::Reason, Expr::value(None::<String>))
        .filter(appointment_transition::Column::AppointmentId.in_subquery(own.into_query()))
        .filter(appointment_transition::Column::ActorId.eq(patient_id))
        .exec(&**transaction)
        .await?;
    let keys = idempotency_key::Column::UserId.eq(patient_id);
    idempotency_key::Entity::delete_many().filter(keys).exec(&**transaction).await?;
    Ok(())
}

/// All appointments of a patient, the earliest first.
pub async fn all_of(database: &Database, patient_id: UserId) -> Result<Vec<Appointment>, Rejection> {
    let rows = appointment::Entity::find()
        .filter(appointment::Column::PatientId.eq(patient_id))
        .order_by_asc(appointment::Column::StartsAt)
        .order_by_asc(appointment::Column::Id);
    rows.all(database.reader()).await?.into_iter().map(Appointment::try_from).collect()
}

/// The histories of all appointments of a patient.
pub async fn histories_of(
    database: &Database,
    patient_id: UserId,
) -> Result<HashMap<AppointmentId, Vec<Transition>>, Rejection> {
    let own = appointment::Entity::find()
        .select_only()
        .column(appointment::Column::Id)
        .filter(appointment::Column::PatientId.eq(patient_id));
    super::histories_where(database, appointment_transition::Column::AppointmentId.in_subquery(own.into_query())).await
}
