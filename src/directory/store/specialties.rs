//! The rows of specialties.

use super::{by_name, delete_in, slug_taken};
use crate::{
    directory::model::{Specialty, is_slug},
    infra::{
        db::{Constraint, Database, Transaction},
        listing::Rows,
    },
    kernel::{
        id::{DoctorId, SpecialtyId},
        page::{Page, PageRequest, encode_cursor},
        rejection::Rejection,
    },
};
use ::entity::{doctor_specialty, specialty};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationDef, sea_query::LockType,
};
use std::collections::{HashMap, HashSet};

const SLUG: Constraint = Constraint { name: "specialty_slug_key", sqlite: "specialty.slug" };

impl From<specialty::Model> for Specialty {
    fn from(row: specialty::Model) -> Self {
        Self { id: row.id, name: row.name, slug: row.slug, description: row.description }
    }
}

fn to_specialty_row(specialty: &Specialty) -> specialty::ActiveModel {
    specialty::ActiveModel {
        id: Set(specialty.id),
        name: Set(specialty.name.clone()),
        slug: Set(specialty.slug.clone()),
        description: Set(specialty.description.clone()),
    }
}

/// The specialties with these ids.
///
/// # Errors
/// Where the database does not answer.
pub async fn specialties(
    database: &Database,
    ids: &[SpecialtyId],
) -> Result<HashMap<SpecialtyId, Specialty>, Rejection> {
    let select = specialty::Entity::find().filter(specialty::Column::Id.is_in(ids.iter().copied()));
    let rows = select.all(database.reader()).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.into())).collect())
}

/// The specialty with this name in addresses.
///
/// # Errors
/// Where the database does not answer.
pub async fn specialty_by_slug(database: &Database, slug: &str) -> Result<Option<Specialty>, Rejection> {
    if !is_slug(slug) {
        return Ok(None);
    }
    let select = specialty::Entity::find().filter(specialty::Column::Slug.eq(slug));
    Ok(select.one(database.reader()).await?.map(Specialty::from))
}

/// All specialties, by name.
pub(in crate::directory) async fn specialty_page(
    database: &Database,
    request: &PageRequest,
) -> Result<Page<Specialty>, Rejection> {
    const LIST: &str = "specialties";
    let columns = [specialty::Column::Name, specialty::Column::Id];
    let listing = by_name(specialty::Entity::find(), columns, LIST, request)?;
    let Rows { rows, total } = listing.page::<_, specialty::Model>(database.reader(), request).await?;
    let items = rows.into_iter().map(|row| (encode_cursor(LIST, &(&row.name, row.id)), row.into()));
    Ok(Page::read(request, items.collect(), total))
}

/// What each of these doctors practises, by name.
///
/// # Errors
/// Where the database does not answer.
pub async fn specialties_of(
    database: &Database,
    doctors: &[DoctorId],
) -> Result<HashMap<DoctorId, Vec<Specialty>>, Rejection> {
    let link: RelationDef = doctor_specialty::Entity::belongs_to(specialty::Entity)
        .from(doctor_specialty::Column::SpecialtyId)
        .to(specialty::Column::Id)
        .into();
    let rows = doctor_specialty::Entity::find()
        .filter(doctor_specialty::Column::DoctorId.is_in(doctors.iter().copied()))
        .join(JoinType::InnerJoin, link)
        .select_also(specialty::Entity)
        .order_by_asc(specialty::Column::Name)
        .order_by_asc(specialty::Column::Id)
        .all(database.reader())
        .await?;
    let mut practised: HashMap<DoctorId, Vec<Specialty>> = HashMap::new();
    for (link, specialty) in rows {
        practised.entry(link.doctor_id).or_default().extend(specialty.map(Specialty::from));
    }
    Ok(practised)
}

/// Writes a new specialty.
pub(in crate::directory) async fn insert_specialty_in(
    transaction: &Transaction,
    specialty: &Specialty,
) -> Result<(), Rejection> {
    let written = specialty::Entity::insert(to_specialty_row(specialty)).exec_without_returning(&**transaction).await;
    match written {
        Err(error) if SLUG.is_violated(&error) => Err(slug_taken()),
        other => Ok(other.map(|_| ())?),
    }
}

/// The specialty with this id, as it is now and stays until this transaction ends.
pub(in crate::directory) async fn find_specialty_in(
    transaction: &Transaction,
    id: SpecialtyId,
) -> Result<Option<Specialty>, Rejection> {
    let select = specialty::Entity::find_by_id(id).lock(LockType::NoKeyUpdate);
    Ok(select.one(&**transaction).await?.map(Specialty::from))
}

/// Writes a specialty that is there.
pub(in crate::directory) async fn update_specialty_in(
    transaction: &Transaction,
    specialty: &Specialty,
) -> Result<(), Rejection> {
    match to_specialty_row(specialty).update(&**transaction).await {
        Err(error) if SLUG.is_violated(&error) => Err(slug_taken()),
        other => Ok(other.map(|_| ())?),
    }
}

/// Removes a specialty that nobody practises; tells whether there was one.
pub(in crate::directory) async fn delete_specialty_in(
    transaction: &Transaction,
    id: SpecialtyId,
) -> Result<bool, Rejection> {
    delete_in(transaction, specialty::Entity::delete_many().filter(specialty::Column::Id.eq(id))).await
}

/// Which of these specialties there are not, by their places.
pub(in crate::directory) async fn missing_specialties_in(
    transaction: &Transaction,
    ids: &[SpecialtyId],
) -> Result<Vec<usize>, Rejection> {
    let select = specialty::Entity::find().filter(specialty::Column::Id.is_in(ids.iter().copied())).lock_shared();
    let known: HashSet<_> = select.all(&**transaction).await?.into_iter().map(|row| row.id).collect();
    Ok((0..ids.len()).filter(|place| !known.contains(&ids[*place])).collect())
}
