//! The rows of doctors.

use super::{by_name, time_zone};
use crate::{
    directory::model::{Doctor, DoctorFilter},
    infra::{
        db::{Database, Transaction},
        listing::Rows,
    },
    kernel::{
        id::{ClinicId, DoctorId, SpecialtyId, UserId},
        page::{Page, PageRequest, encode_cursor},
        rejection::Rejection,
    },
};
use ::entity::{calendar, doctor, doctor_specialty};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RelationDef, Select,
    sea_query::{Expr, ExprTrait, LikeExpr},
};
use std::{collections::HashMap, hash::Hash};

const LIST: &str = "doctors";

#[derive(FromQueryResult)]
struct DoctorRow {
    #[sea_orm(nested)]
    doctor: doctor::Model,
    calendar_version: i32,
}

impl TryFrom<DoctorRow> for Doctor {
    type Error = Rejection;

    fn try_from(row: DoctorRow) -> Result<Self, Rejection> {
        let doctor = row.doctor;
        Ok(Self {
            id: doctor.id,
            user_id: doctor.user_id,
            clinic_id: doctor.clinic_id,
            name: doctor.name,
            title: doctor.title,
            bio: doctor.bio,
            time_zone: time_zone(&doctor.time_zone)?,
            slot_minutes: doctor.slot_minutes,
            buffer_minutes: doctor.buffer_minutes,
            min_notice_minutes: doctor.min_notice_minutes,
            max_advance_days: doctor.max_advance_days,
            cancellation_notice_hours: doctor.cancellation_notice_hours,
            active: doctor.active,
            calendar_version: row.calendar_version,
        })
    }
}

fn to_row(doctor: &Doctor) -> doctor::ActiveModel {
    let words = [Some(doctor.name.as_str()), doctor.title.as_deref(), doctor.bio.as_deref()];
    let search_text = words.into_iter().flatten().collect::<Vec<_>>().join("\n").to_lowercase();
    doctor::ActiveModel {
        id: Set(doctor.id),
        user_id: Set(doctor.user_id),
        clinic_id: Set(doctor.clinic_id),
        name: Set(doctor.name.clone()),
        title: Set(doctor.title.clone()),
        bio: Set(doctor.bio.clone()),
        search_text: Set(search_text),
        time_zone: Set(doctor.time_zone.name().to_owned()),
        slot_minutes: Set(doctor.slot_minutes),
        buffer_minutes: Set(doctor.buffer_minutes),
        min_notice_minutes: Set(doctor.min_notice_minutes),
        max_advance_days: Set(doctor.max_advance_days),
        cancellation_notice_hours: Set(doctor.cancellation_notice_hours),
        active: Set(doctor.active),
    }
}

/// Doctors with the version of their calendars.
fn select() -> Select<doctor::Entity> {
    let to_calendar: RelationDef =
        doctor::Entity::belongs_to(calendar::Entity).from(doctor::Column::Id).to(calendar::Column::DoctorId).into();
    doctor::Entity::find()
        .join(JoinType::InnerJoin, to_calendar)
        .column_as(calendar::Column::Version, "calendar_version")
}

/// Those doctors that are listed and that the filter lets through.
fn listed(filter: &DoctorFilter) -> Select<doctor::Entity> {
    let mut select = select().filter(doctor::Column::Active.eq(true));
    if let Some(clinic) = filter.clinic_id {
        select = select.filter(doctor::Column::ClinicId.eq(clinic));
    }
    if let Some(specialty) = filter.specialty_id {
        let practising = doctor_specialty::Entity::find()
            .select_only()
            .column(doctor_specialty::Column::DoctorId)
            .filter(doctor_specialty::Column::SpecialtyId.eq(specialty));
        select = select.filter(doctor::Column::Id.in_subquery(practising.into_query()));
    }
    if let Some(among) = &filter.among {
        select = select.filter(doctor::Column::Id.is_in(among.iter().copied()));
    }
    if let Some(search) = &filter.search {
        let escaped = search.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let pattern = LikeExpr::new(format!("%{escaped}%")).escape('\\');
        select = select.filter(Expr::col((doctor::Entity, doctor::Column::SearchText)).like(pattern));
    }
    select
}

/// The doctors with these ids, listed or not.
///
/// # Errors
/// Where the database does not answer.
pub async fn doctors(
    connection: &impl ConnectionTrait,
    ids: &[DoctorId],
) -> Result<HashMap<DoctorId, Doctor>, Rejection> {
    let select = select().filter(doctor::Column::Id.is_in(ids.iter().copied()));
    let rows = select.into_model::<DoctorRow>().all(connection).await?;
    rows.into_iter().map(|row| Ok((row.doctor.id, row.try_into()?))).collect()
}

/// The doctors that these users sign in as.
///
/// # Errors
/// Where the database does not answer.
pub async fn doctors_of_users(database: &Database, users: &[UserId]) -> Result<HashMap<UserId, Doctor>, Rejection> {
    let select = select().filter(doctor::Column::UserId.is_in(users.iter().copied()));
    let rows = select.into_model::<DoctorRow>().all(database.reader()).await?;
    rows.into_iter().map(|row| Ok((row.doctor.user_id, row.try_into()?))).collect()
}

/// The ids of doctors, listed or not, in order from behind `after` on.
///
/// # Errors
/// Where the database does not answer.
pub async fn doctor_ids(
    connection: &impl ConnectionTrait,
    after: Option<DoctorId>,
    limit: u64,
) -> Result<Vec<DoctorId>, Rejection> {
    let mut select = doctor::Entity::find().select_only().column(doctor::Column::Id).order_by_asc(doctor::Column::Id);
    if let Some(after) = after {
        select = select.filter(doctor::Column::Id.gt(after));
    }
    Ok(select.limit(limit).into_tuple().all(connection).await?)
}

/// The ids of the listed doctors that the filter lets through, in order.
///
/// # Errors
/// Where the database does not answer.
pub async fn listed_ids(database: &Database, filter: &DoctorFilter) -> Result<Vec<DoctorId>, Rejection> {
    // Not all that `listed` selects: the ids alone are to be read.
    let select = listed(filter).select_only().column(doctor::Column::Id).order_by_asc(doctor::Column::Id);
    Ok(select.into_tuple().all(database.reader()).await?)
}

/// Listed doctors, by name.
pub(in crate::directory) async fn doctor_page(
    database: &Database,
    filter: &DoctorFilter,
    request: &PageRequest,
) -> Result<Page<Doctor>, Rejection> {
    let columns = [doctor::Column::Name, doctor::Column::Id];
    let listing = by_name(listed(filter), columns, LIST, request)?;
    to_page(request, listing.page(database.reader(), request).await?)
}

/// The same page of the listed doctors of each of these clinics.
///
/// # Errors
/// Where the database does not answer, or the cursor is none.
pub async fn doctors_of_clinics(
    database: &Database,
    clinics: &[ClinicId],
    filter: &DoctorFilter,
    request: &PageRequest,
) -> Result<HashMap<ClinicId, Page<Doctor>>, Rejection> {
    let columns = [doctor::Column::Name, doctor::Column::Id];
    let listing = by_name(listed(filter), columns, LIST, request)?;
    let pages = listing.pages(database.reader(), doctor::Column::ClinicId, clinics, request).await?;
    to_pages(request, pages)
}

/// The same page of the listed doctors who practise each of these specialties.
///
/// # Errors
/// Where the database does not answer, or the cursor is none.
pub async fn doctors_of_specialties(
    database: &Database,
    specialties: &[SpecialtyId],
    request: &PageRequest,
) -> Result<HashMap<SpecialtyId, Page<Doctor>>, Rejection> {
    let link: RelationDef = doctor::Entity::belongs_to(doctor_specialty::Entity)
        .from(doctor::Column::Id)
        .to(doctor_specialty::Column::DoctorId)
        .into();
    let select = listed(&DoctorFilter::default()).join(JoinType::InnerJoin, link);
    let columns = [doctor::Column::Name, doctor::Column::Id];
    let listing = by_name(select, columns, LIST, request)?;
    let group = doctor_specialty::Column::SpecialtyId;
    to_pages(request, listing.pages(database.reader(), group, specialties, request).await?)
}

fn to_pages<K: Eq + Hash>(
    request: &PageRequest,
    pages: HashMap<K, Rows<DoctorRow>>,
) -> Result<HashMap<K, Page<Doctor>>, Rejection> {
    pages.into_iter().map(|(group, rows)| Ok((group, to_page(request, rows)?))).collect()
}

fn to_page(request: &PageRequest, Rows { rows, total }: Rows<DoctorRow>) -> Result<Page<Doctor>, Rejection> {
    let item = |row: DoctorRow| Ok((encode_cursor(LIST, &(&row.doctor.name, row.doctor.id)), row.try_into()?));
    Ok(Page::read(request, rows.into_iter().map(item).collect::<Result<_, Rejection>>()?, total))
}

/// The doctors of a clinic, or of those who practise a specialty, listed or not.
pub(in crate::directory) async fn member_ids(
    connection: &impl ConnectionTrait,
    filter: &DoctorFilter,
    only: Option<DoctorId>,
) -> Result<Vec<DoctorId>, Rejection> {
    let mut select = doctor::Entity::find().select_only().column(doctor::Column::Id);
    if let Some(clinic) = filter.clinic_id {
        select = select.filter(doctor::Column::ClinicId.eq(clinic));
    }
    if let Some(specialty) = filter.specialty_id {
        let link: RelationDef = doctor::Entity::belongs_to(doctor_specialty::Entity)
            .from(doctor::Column::Id)
            .to(doctor_specialty::Column::DoctorId)
            .into();
        let practised = doctor_specialty::Column::SpecialtyId.eq(specialty);
        select = select.join(JoinType::InnerJoin, link).filter(practised);
    }
    if let Some(doctor) = only {
        select = select.filter(doctor::Column::Id.eq(doctor));
    }
    Ok(select.into_tuple().all(connection).await?)
}

/// Writes a new doctor.
pub(in crate::directory) async fn insert_doctor_in(
    transaction: &Transaction,
    doctor: &Doctor,
    specialties: &[SpecialtyId],
) -> Result<(), Rejection> {
    doctor::Entity::insert(to_row(doctor)).exec_without_returning(&**transaction).await?;
    link_specialties_in(transaction, doctor.id, specialties).await
}

/// Writes a doctor that is there.
pub(in crate::directory) async fn update_doctor_in(
    transaction: &Transaction,
    doctor: &Doctor,
) -> Result<(), Rejection> {
    to_row(doctor).update(&**transaction).await?;
    Ok(())
}

/// Makes these the specialties of a doctor; tells which ones they were.
pub(in crate::directory) async fn replace_specialties_in(
    transaction: &Transaction,
    doctor_id: DoctorId,
    specialties: &[SpecialtyId],
) -> Result<Vec<SpecialtyId>, Rejection> {
    let of_doctor = doctor_specialty::Column::DoctorId.eq(doctor_id);
    let before = doctor_specialty::Entity::find().filter(of_doctor.clone()).all(&**transaction).await?;
    doctor_specialty::Entity::delete_many().filter(of_doctor).exec(&**transaction).await?;
    link_specialties_in(transaction, doctor_id, specialties).await?;
    Ok(before.into_iter().map(|link| link.specialty_id).collect())
}

async fn link_specialties_in(
    transaction: &Transaction,
    doctor_id: DoctorId,
    specialties: &[SpecialtyId],
) -> Result<(), Rejection> {
    let link = |id: &SpecialtyId| doctor_specialty::ActiveModel { doctor_id: Set(doctor_id), specialty_id: Set(*id) };
    let links = specialties.iter().map(link);
    doctor_specialty::Entity::insert_many(links).exec_without_returning(&**transaction).await?;
    Ok(())
}
