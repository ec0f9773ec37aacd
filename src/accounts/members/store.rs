//! The rows of users as admins see them, and of patients who are a clinic's.

use super::model::UserFilter;
use crate::{
    accounts::model::{RoleName, User},
    infra::{
        db::{Database, Transaction},
        listing::{Listing, Rows},
    },
    kernel::{
        id::{ClinicId, UserId},
        page::{Page, PageRequest, decode_cursor, encode_cursor},
        rejection::Rejection,
        viewer::{Extent, Scope, Viewer},
    },
};
use ::entity::{appointment, clinic, clinic_patient, doctor, user};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select, Value,
    sea_query::{Expr, ExprTrait, Func, LikeExpr, LockType, OnConflict, SelectStatement},
};
use uuid::Uuid;

const LIST: &str = "users";

/// The users of whom more than the name may be seen.
fn within(scope: Scope) -> Select<user::Entity> {
    let all = user::Entity::find();
    match scope.extent() {
        Extent::Patient(patient) => all.filter(user::Column::Id.eq(patient)),
        Extent::Doctor(id) => {
            let own = appointment::Column::DoctorId.eq(id);
            let clinic = doctor::Entity::find_by_id(id).select_only().column(doctor::Column::ClinicId).into_query();
            let joined = joined(clinic_patient::Column::ClinicId.in_subquery(clinic));
            all.filter(Condition::any().add(visited(own)).add(user::Column::Id.in_subquery(joined)))
        }
        Extent::Clinic(clinic) => all.filter(of_clinic(clinic)),
        Extent::Platform => all,
    }
}

/// The admins, the doctors and the patients of a clinic.
fn of_clinic(clinic: ClinicId) -> Condition {
    let doctors = doctor::Entity::find()
        .select_only()
        .column(doctor::Column::UserId)
        .filter(doctor::Column::ClinicId.eq(clinic))
        .into_query();
    Condition::any()
        .add(user::Column::ClinicId.eq(clinic))
        .add(user::Column::Id.in_subquery(doctors))
        .add(visited(appointment::Column::ClinicId.eq(clinic)))
        .add(user::Column::Id.in_subquery(joined(clinic_patient::Column::ClinicId.eq(clinic))))
}

/// Who has, or had, an appointment of these. Opening a form makes nobody known: what was only held keeps the end of its hold.
fn visited(which: Expr) -> Expr {
    let patients = appointment::Entity::find()
        .select_only()
        .column(appointment::Column::PatientId)
        .filter(which)
        .filter(appointment::Column::ExpiresAt.is_null())
        .into_query();
    user::Column::Id.in_subquery(patients)
}

fn joined(which: Expr) -> SelectStatement {
    let patients = clinic_patient::Entity::find().select_only().column(clinic_patient::Column::PatientId);
    patients.filter(which).into_query()
}

/// The users that may be seen and that the filter lets through, by name.
pub async fn page(
    database: &Database,
    scope: Scope,
    filter: &UserFilter,
    request: &PageRequest,
) -> Result<Page<User>, Rejection> {
    let mut select = within(scope);
    if let Some(role) = filter.role {
        select = select.filter(user::Column::Role.eq(role));
    }
    if let Some(clinic) = filter.clinic_id {
        if matches!(scope.extent(), Extent::Clinic(own) if own != clinic) {
            // Which patients of one clinic are another's too is not for either to know.
            return Ok(Page::empty());
        }
        select = select.filter(of_clinic(clinic));
    }
    if let Some(active) = filter.active {
        select = select.filter(user::Column::Active.eq(active));
    }
    if let Some(search) = &filter.search {
        let escaped = search.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let pattern = || LikeExpr::new(format!("%{escaped}%")).escape('\\');
        let name = Expr::expr(Func::lower(Expr::col((user::Entity, user::Column::Name)))).like(pattern());
        let email = Expr::col((user::Entity, user::Column::Email)).like(pattern());
        select = select.filter(Condition::any().add(name).add(email));
    }
    let key = request.cursor.as_deref().map(|cursor| decode_cursor::<(String, Uuid)>(LIST, cursor)).transpose()?;
    let after = key.map(|(name, id)| [Value::from(name), Value::from(id)]);
    let listing = Listing { select, columns: [user::Column::Name, user::Column::Id], order: Order::Asc, after };
    let Rows { rows, total } = listing.page::<_, user::Model>(database.reader(), request).await?;
    let item = |row: user::Model| Ok((encode_cursor(LIST, &(&row.name, row.id)), row.try_into()?));
    Ok(Page::read(request, rows.into_iter().map(item).collect::<Result<_, Rejection>>()?, total))
}

/// A user, if more than the name may be seen of them.
pub async fn find_in(transaction: &Transaction, scope: Scope, id: UserId) -> Result<Option<User>, Rejection> {
    let row = within(scope).filter(user::Column::Id.eq(id)).one(&**transaction).await?;
    row.map(User::try_from).transpose()
}

/// Takes the rows of a user and of all admins of the platform who may sign in, in order, until this transaction ends; tells who these are.
///
/// # Errors
/// Where the database refuses.
pub async fn lock_with_platform_admins_in(transaction: &Transaction, id: UserId) -> Result<Vec<UserId>, Rejection> {
    let admins = Condition::all()
        .add(user::Column::Role.eq(RoleName::Admin))
        .add(user::Column::ClinicId.is_null())
        .add(user::Column::Active.eq(true));
    let rows = user::Entity::find()
        .filter(Condition::any().add(user::Column::Id.eq(id)).add(admins))
        .order_by_asc(user::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .all(&**transaction)
        .await?;
    let admins = rows.iter().filter(|row| row.role == RoleName::Admin && row.clinic_id.is_none() && row.active);
    Ok(admins.map(|row| row.id).collect())
}

/// Changes what a user may be.
pub async fn set_role_in(
    transaction: &Transaction,
    id: UserId,
    role: RoleName,
    clinic_id: Option<ClinicId>,
) -> Result<(), Rejection> {
    let update = user::Entity::update_many()
        .col_expr(user::Column::Role, Expr::value(role))
        .col_expr(user::Column::ClinicId, Expr::value(clinic_id));
    update.filter(user::Column::Id.eq(id)).exec(&**transaction).await?;
    Ok(())
}

/// Changes whether a user may sign in.
pub async fn set_active_in(transaction: &Transaction, id: UserId, active: bool) -> Result<(), Rejection> {
    let update = user::Entity::update_many().col_expr(user::Column::Active, Expr::value(active));
    update.filter(user::Column::Id.eq(id)).exec(&**transaction).await?;
    Ok(())
}

/// How a clinic is called.
pub async fn clinic_name(database: &Database, id: ClinicId) -> Result<Option<String>, Rejection> {
    name_of(database.reader(), id).await
}

/// The same within a transaction.
pub async fn clinic_name_in(transaction: &Transaction, id: ClinicId) -> Result<Option<String>, Rejection> {
    name_of(&**transaction, id).await
}

async fn name_of(connection: &impl ConnectionTrait, id: ClinicId) -> Result<Option<String>, Rejection> {
    let name = clinic::Entity::find_by_id(id).select_only().column(clinic::Column::Name);
    Ok(name.into_tuple().one(connection).await?)
}

/// Where the doctor works that a user has the profile of.
pub async fn clinic_of_doctor_in(transaction: &Transaction, user_id: UserId) -> Result<Option<ClinicId>, Rejection> {
    let clinic = doctor::Entity::find().select_only().column(doctor::Column::ClinicId);
    Ok(clinic.filter(doctor::Column::UserId.eq(user_id)).into_tuple().one(&**transaction).await?)
}

/// Whether a clinic's staff may book for a patient because they said so.
pub async fn has_joined_in(transaction: &Transaction, clinic_id: ClinicId, id: UserId) -> Result<bool, Rejection> {
    let row = clinic_patient::Entity::find_by_id((clinic_id, id)).one(&**transaction).await?;
    Ok(row.is_some())
}

/// Whether any clinic's staff may book for a patient because they said so.
pub async fn has_clinic_in(transaction: &Transaction, id: UserId) -> Result<bool, Rejection> {
    let own = clinic_patient::Entity::find().filter(clinic_patient::Column::PatientId.eq(id));
    Ok(own.one(&**transaction).await?.is_some())
}

/// The clinics whose staff may book for the viewer because they said so, each with since when.
///
/// # Errors
/// Where the database does not answer.
pub async fn joined_clinics(database: &Database, viewer: &Viewer) -> Result<Vec<(ClinicId, DateTime<Utc>)>, Rejection> {
    let own = clinic_patient::Entity::find().filter(clinic_patient::Column::PatientId.eq(viewer.user_id));
    let rows = own.order_by_asc(clinic_patient::Column::Since).all(database.reader()).await?;
    Ok(rows.into_iter().map(|row| (row.clinic_id, row.since)).collect())
}

/// No clinic's staff may book for a patient any more because they said so.
///
/// # Errors
/// Where the database refuses.
pub async fn leave_clinics_in(transaction: &Transaction, id: UserId) -> Result<(), Rejection> {
    let own = clinic_patient::Entity::delete_many().filter(clinic_patient::Column::PatientId.eq(id));
    own.exec(&**transaction).await?;
    Ok(())
}

/// Lets a clinic's staff book for a patient from now on.
pub async fn join_in(
    transaction: &Transaction,
    clinic_id: ClinicId,
    patient_id: UserId,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let row = clinic_patient::ActiveModel { clinic_id: Set(clinic_id), patient_id: Set(patient_id), since: Set(now) };
    let known = [clinic_patient::Column::ClinicId, clinic_patient::Column::PatientId];
    let insert = clinic_patient::Entity::insert(row).on_conflict(OnConflict::columns(known).do_nothing().to_owned());
    insert.exec_without_returning(&**transaction).await?;
    Ok(())
}
