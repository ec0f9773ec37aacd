//! The rows of appointments and of their history. Every read of an appointment begins with who is asking.

mod at_once;
mod departure;
mod holds;
mod keys;
mod pages;
mod reading;

pub use at_once::{Unwritten, write_at_once};
pub use departure::{all_of, anonymise_in, histories_of, left_behind, to_come};
pub use holds::{count_holds_in, doctors_with_overdue, overdue_in};
pub use keys::{find_key, forget_keys, insert_keys_in, is_key_used, replace_key_in};
pub use pages::{appointments_of, page};
pub use reading::read;

use super::{
    guard::Permitted,
    model::{Appointment, AppointmentStatus, Transition},
};
use crate::{
    infra::{
        among::is_among,
        db::{Constraint, Database, Transaction},
    },
    kernel::{
        id::{AppointmentId, DoctorId, UserId},
        interval::Interval,
        money::Money,
        rejection::{Internal, Rejection},
        viewer::{Extent, Scope, Viewer},
    },
};
use ::entity::{appointment, appointment_transition, clinic_patient};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, LockType, Query, UnionType},
};
use std::collections::{HashMap, HashSet};

const START: Constraint =
    Constraint { name: "ux_appointment_start", sqlite: "appointment.doctor_id, appointment.starts_at" };
const OVERLAP: Constraint = Constraint { name: "ex_appointment_overlap", sqlite: "ex_appointment_overlap" };

/// Whether the database refused a claim because another is in its way.
pub fn is_taken(error: &DbErr) -> bool {
    START.is_violated(error) || OVERLAP.is_violated(error)
}

impl TryFrom<appointment::Model> for Appointment {
    type Error = Rejection;

    fn try_from(row: appointment::Model) -> Result<Self, Rejection> {
        Ok(Self {
            id: row.id,
            reference: row.reference,
            doctor_id: row.doctor_id,
            clinic_id: row.clinic_id,
            patient_id: row.patient_id,
            visit_type_id: row.visit_type_id,
            visit: Interval { start: row.starts_at, end: row.ends_at },
            occupied: Interval { start: row.occupied_from, end: row.occupied_until },
            time_zone: row.time_zone.parse().map_err(|_| Internal::new("an appointment's time zone is unknown"))?,
            status: row.status,
            notes: row.notes,
            expires_at: row.expires_at,
            hold_renewed: row.hold_renewed,
            cancellation_fee: row
                .cancellation_fee_amount
                .zip(row.cancellation_fee_currency)
                .map(|(amount, currency)| Money { amount, currency }),
            rescheduled_from: row.rescheduled_from,
            version: row.version,
            created_at: row.created_at,
        })
    }
}

/// What may be seen.
fn within(scope: Scope) -> Select<appointment::Entity> {
    let all = appointment::Entity::find();
    match scope.extent() {
        Extent::Patient(patient) => all.filter(appointment::Column::PatientId.eq(patient)),
        Extent::Doctor(doctor) => all.filter(appointment::Column::DoctorId.eq(doctor)),
        Extent::Clinic(clinic) => all.filter(appointment::Column::ClinicId.eq(clinic)),
        Extent::Platform => all,
    }
}

/// Those of these appointments that the viewer may see.
///
/// # Errors
/// Where the database does not answer.
pub async fn appointments(
    connection: &impl ConnectionTrait,
    viewer: &Viewer,
    ids: &[AppointmentId],
) -> Result<HashMap<AppointmentId, Appointment>, Rejection> {
    let rows =
        within(viewer.scope()).filter(appointment::Column::Id.is_in(ids.iter().copied())).all(connection).await?;
    rows.into_iter().map(|row| Ok((row.id, row.try_into()?))).collect()
}

/// The appointment with this reference, if the viewer may see it.
pub async fn find_by_reference(
    database: &Database,
    viewer: &Viewer,
    reference: &str,
) -> Result<Option<Appointment>, Rejection> {
    let select = within(viewer.scope()).filter(appointment::Column::Reference.eq(reference));
    select.one(database.reader()).await?.map(Appointment::try_from).transpose()
}

/// Those of these appointments that the viewer may see, as they are now and stay until this transaction ends.
pub async fn find_in(
    transaction: &Transaction,
    viewer: &Viewer,
    ids: &[AppointmentId],
) -> Result<HashMap<AppointmentId, Appointment>, Rejection> {
    let select = within(viewer.scope()).filter(appointment::Column::Id.is_in(ids.iter().copied()));
    let rows = select.order_by_asc(appointment::Column::Id).lock(LockType::NoKeyUpdate).all(&**transaction).await?;
    rows.into_iter().map(|row| Ok((row.id, row.try_into()?))).collect()
}

/// What each of these appointments was moved to, whoever asks: for those who may see them.
///
/// # Errors
/// Where the database does not answer.
pub async fn replacements(
    connection: &impl ConnectionTrait,
    viewer: &Viewer,
    ids: &[AppointmentId],
) -> Result<HashMap<AppointmentId, Appointment>, Rejection> {
    let select = within(viewer.scope()).filter(appointment::Column::RescheduledFrom.is_in(ids.iter().copied()));
    let rows = select.all(connection).await?;
    let replaced = |row: appointment::Model| Some((row.rescheduled_from?, row));
    rows.into_iter().filter_map(replaced).map(|(id, row)| Ok((id, row.try_into()?))).collect()
}

/// Those of these people who have, or had, an appointment that the viewer may see, or who let the viewer's clinic book for them.
///
/// # Errors
/// Where the database does not answer.
pub async fn known_patients(
    database: &Database,
    viewer: &Viewer,
    people: &[UserId],
) -> Result<HashSet<UserId>, Rejection> {
    let known = within(viewer.scope())
        .select_only()
        .column(appointment::Column::PatientId)
        .distinct()
        // Opening a form makes nobody known: what was only held keeps the end of its hold.
        .filter(appointment::Column::ExpiresAt.is_null())
        .filter(appointment::Column::PatientId.is_in(people.iter().copied()));
    let mut known = known.into_query();
    if let Some(clinic) = viewer.clinic() {
        let joined = clinic_patient::Entity::find()
            .select_only()
            .column(clinic_patient::Column::PatientId)
            .filter(clinic_patient::Column::ClinicId.eq(clinic))
            .filter(clinic_patient::Column::PatientId.is_in(people.iter().copied()));
        known.union(UnionType::Distinct, joined.into_query());
    }
    let rows = database.reader().query_all(&known).await?;
    Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, DbErr>>()?)
}

/// The history of each of these appointments, which the viewer was let see before.
///
/// # Errors
/// Where the database does not answer.
pub async fn histories(
    database: &Database,
    ids: &[AppointmentId],
) -> Result<HashMap<AppointmentId, Vec<Transition>>, Rejection> {
    histories_where(database, appointment_transition::Column::AppointmentId.is_in(ids.iter().copied())).await
}

async fn histories_where(
    database: &Database,
    which: Expr,
) -> Result<HashMap<AppointmentId, Vec<Transition>>, Rejection> {
    let rows = appointment_transition::Entity::find()
        .filter(which)
        .order_by_asc(appointment_transition::Column::Id)
        .all(database.reader())
        .await?;
    let mut histories: HashMap<AppointmentId, Vec<Transition>> = HashMap::new();
    for row in rows {
        histories.entry(row.appointment_id).or_default().push(Transition {
            appointment_id: row.appointment_id,
            from: row.from_status,
            to: row.to_status,
            actor_id: row.actor_id,
            reason: row.reason,
            at: row.at,
        });
    }
    Ok(histories)
}

/// Writes claims that the guard let through. Whether others are in their way is for [`is_taken`] to say.
pub async fn insert_in(transaction: &Transaction, permitted: impl Iterator<Item = &Permitted>) -> Result<(), DbErr> {
    let row = |appointment: &Appointment| appointment::ActiveModel {
        id: Set(appointment.id),
        reference: Set(appointment.reference.clone()),
        doctor_id: Set(appointment.doctor_id),
        clinic_id: Set(appointment.clinic_id),
        patient_id: Set(appointment.patient_id),
        visit_type_id: Set(appointment.visit_type_id),
        starts_at: Set(appointment.visit.start),
        ends_at: Set(appointment.visit.end),
        occupied_from: Set(appointment.occupied.start),
        occupied_until: Set(appointment.occupied.end),
        time_zone: Set(appointment.time_zone.name().to_owned()),
        status: Set(appointment.status),
        notes: Set(appointment.notes.clone()),
        expires_at: Set(appointment.expires_at),
        hold_renewed: Set(appointment.hold_renewed),
        cancellation_fee_amount: Set(None),
        cancellation_fee_currency: Set(None),
        rescheduled_from: Set(appointment.rescheduled_from),
        version: Set(appointment.version),
        created_at: Set(appointment.created_at),
    };
    let rows = permitted.map(|permitted| row(permitted.appointment()));
    appointment::Entity::insert_many(rows).exec_without_returning(&**transaction).await?;
    Ok(())
}

/// Writes what a move made of an appointment that had the version `seen`. Its time never changes: what is moved is cancelled, and claimed
/// anew.
pub async fn save_in(transaction: &Transaction, seen: i32, appointment: &Appointment) -> Result<(), Rejection> {
    let fee = appointment.cancellation_fee.as_ref();
    let row = appointment::ActiveModel {
        status: Set(appointment.status),
        notes: Set(appointment.notes.clone()),
        time_zone: Set(appointment.time_zone.name().to_owned()),
        expires_at: Set(appointment.expires_at),
        hold_renewed: Set(appointment.hold_renewed),
        cancellation_fee_amount: Set(fee.map(|fee| fee.amount)),
        cancellation_fee_currency: Set(fee.map(|fee| fee.currency.clone())),
        rescheduled_from: Set(appointment.rescheduled_from),
        version: Set(appointment.version),
        ..Default::default()
    };
    let update = appointment::Entity::update_many()
        .set(row)
        .filter(appointment::Column::Id.eq(appointment.id))
        .filter(appointment::Column::Version.eq(seen));
    if update.exec(&**transaction).await?.rows_affected != 1 {
        return Err(Internal::new("an appointment changed under its lock").into());
    }
    Ok(())
}

/// Writes steps into the history.
pub async fn record_in(transaction: &Transaction, steps: Vec<Transition>) -> Result<(), Rejection> {
    let row = |step: Transition| appointment_transition::ActiveModel {
        appointment_id: Set(step.appointment_id),
        from_status: Set(step.from),
        to_status: Set(step.to),
        actor_id: Set(step.actor_id),
        reason: Set(step.reason),
        at: Set(step.at),
        ..Default::default()
    };
    let rows = steps.into_iter().map(row);
    appointment_transition::Entity::insert_many(rows).exec_without_returning(&**transaction).await?;
    Ok(())
}

/// Confirms those of these appointments that are still pending, with a step in the history of each.
pub async fn confirm_in(
    transaction: &Transaction,
    ids: Vec<AppointmentId>,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let backend = transaction.get_database_backend();
    let are = |ids: &[AppointmentId]| {
        let ids = ids.iter().map(|id| id.0).collect();
        is_among(backend, appointment::Column::Id.into_expr(), ids)
    };
    // Locked in the order of their ids, as everybody does who locks more than one.
    let pending: Vec<AppointmentId> = appointment::Entity::find()
        .select_only()
        .column(appointment::Column::Id)
        .filter(are(&ids))
        .filter(appointment::Column::Status.eq(AppointmentStatus::Pending))
        .order_by_asc(appointment::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .all(&**transaction)
        .await?;
    appointment::Entity::update_many()
        .col_expr(appointment::Column::Status, Expr::value(AppointmentStatus::Confirmed))
        .col_expr(appointment::Column::Version, Expr::col(appointment::Column::Version).add(1))
        .filter(are(&pending))
        .exec(&**transaction)
        .await?;
    let mut steps = Query::select();
    steps
        .from(appointment::Entity)
        .column(appointment::Column::Id)
        .expr(Expr::value(AppointmentStatus::Pending))
        .expr(Expr::value(AppointmentStatus::Confirmed))
        .expr(Expr::value(now))
        .and_where(are(&pending));
    let mut record = Query::insert();
    record.into_table(appointment_transition::Entity).columns([
        appointment_transition::Column::AppointmentId,
        appointment_transition::Column::FromStatus,
        appointment_transition::Column::ToStatus,
        appointment_transition::Column::At,
    ]);
    record.select_from(steps).map_err(|_| Internal::new("as many values as columns"))?;
    transaction.execute(&record).await?;
    Ok(())
}

/// When the visits of a doctor are that are to come, the earliest first: as many as fit into the days that can be booked ahead.
pub async fn upcoming(
    database: &Database,
    viewer: &Viewer,
    doctor_id: DoctorId,
    now: DateTime<Utc>,
) -> Result<Vec<(AppointmentId, Interval)>, Rejection> {
    let rows: Vec<(AppointmentId, DateTime<Utc>, DateTime<Utc>)> = within(viewer.scope())
        .select_only()
        .columns([appointment::Column::Id, appointment::Column::StartsAt, appointment::Column::EndsAt])
        .filter(appointment::Column::DoctorId.eq(doctor_id))
        .filter(appointment::Column::StartsAt.gte(now))
        .filter(appointment::Column::Status.is_in([AppointmentStatus::Pending, AppointmentStatus::Confirmed]))
        .order_by_asc(appointment::Column::StartsAt)
        .order_by_asc(appointment::Column::Id)
        .into_tuple()
        .all(database.reader())
        .await?;
    Ok(rows.into_iter().map(|(id, start, end)| (id, Interval { start, end })).collect())
}
