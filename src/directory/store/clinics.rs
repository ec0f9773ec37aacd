//! The rows of clinics.

use super::{by_name, delete_in, slug_taken, time_zone};
use crate::{
    directory::model::Clinic,
    infra::{
        db::{Constraint, Database, Transaction},
        listing::Rows,
    },
    kernel::{
        id::ClinicId,
        money::Money,
        page::{Page, PageRequest, encode_cursor},
        rejection::Rejection,
    },
};
use ::entity::clinic;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::LockType,
};
use std::collections::HashMap;

const SLUG: Constraint = Constraint { name: "clinic_slug_key", sqlite: "clinic.slug" };

impl TryFrom<clinic::Model> for Clinic {
    type Error = Rejection;

    fn try_from(row: clinic::Model) -> Result<Self, Rejection> {
        Ok(Self {
            id: row.id,
            name: row.name,
            slug: row.slug,
            address: row.address,
            phone: row.phone,
            time_zone: time_zone(&row.time_zone)?,
            cancellation_notice_hours: row.cancellation_notice_hours,
            cancellation_policy: row.cancellation_policy,
            cancellation_fee: row
                .cancellation_fee_amount
                .zip(row.cancellation_fee_currency)
                .map(|(amount, currency)| Money { amount, currency }),
            hold_minutes: row.hold_minutes,
        })
    }
}

fn to_row(clinic: &Clinic) -> clinic::ActiveModel {
    clinic::ActiveModel {
        id: Set(clinic.id),
        name: Set(clinic.name.clone()),
        slug: Set(clinic.slug.clone()),
        address: Set(clinic.address.clone()),
        phone: Set(clinic.phone.clone()),
        time_zone: Set(clinic.time_zone.name().to_owned()),
        cancellation_notice_hours: Set(clinic.cancellation_notice_hours),
        cancellation_policy: Set(clinic.cancellation_policy),
        cancellation_fee_amount: Set(clinic.cancellation_fee.as_ref().map(|fee| fee.amount)),
        cancellation_fee_currency: Set(clinic.cancellation_fee.as_ref().map(|fee| fee.currency.clone())),
        hold_minutes: Set(clinic.hold_minutes),
    }
}

/// The clinics with these ids.
///
/// # Errors
/// Where the database does not answer.
pub async fn clinics(
    connection: &impl ConnectionTrait,
    ids: &[ClinicId],
) -> Result<HashMap<ClinicId, Clinic>, Rejection> {
    let select = clinic::Entity::find().filter(clinic::Column::Id.is_in(ids.iter().copied()));
    let rows = select.all(connection).await?;
    rows.into_iter().map(|row| Ok((row.id, row.try_into()?))).collect()
}

/// All clinics, by name.
pub(in crate::directory) async fn clinic_page(
    database: &Database,
    request: &PageRequest,
) -> Result<Page<Clinic>, Rejection> {
    const LIST: &str = "clinics";
    let columns = [clinic::Column::Name, clinic::Column::Id];
    let listing = by_name(clinic::Entity::find(), columns, LIST, request)?;
    let Rows { rows, total } = listing.page::<_, clinic::Model>(database.reader(), request).await?;
    let item = |row: clinic::Model| Ok((encode_cursor(LIST, &(&row.name, row.id)), row.try_into()?));
    Ok(Page::read(request, rows.into_iter().map(item).collect::<Result<_, Rejection>>()?, total))
}

/// Writes a new clinic.
pub(in crate::directory) async fn insert_clinic_in(
    transaction: &Transaction,
    clinic: &Clinic,
) -> Result<(), Rejection> {
    match clinic::Entity::insert(to_row(clinic)).exec_without_returning(&**transaction).await {
        Err(error) if SLUG.is_violated(&error) => Err(slug_taken()),
        other => Ok(other.map(|_| ())?),
    }
}

/// The clinic with this id, as it is now and stays until this transaction ends.
pub(in crate::directory) async fn find_clinic_in(
    transaction: &Transaction,
    id: ClinicId,
) -> Result<Option<Clinic>, Rejection> {
    let select = clinic::Entity::find_by_id(id).lock(LockType::NoKeyUpdate);
    select.one(&**transaction).await?.map(Clinic::try_from).transpose()
}

/// Writes a clinic that is there.
pub(in crate::directory) async fn update_clinic_in(
    transaction: &Transaction,
    clinic: &Clinic,
) -> Result<(), Rejection> {
    match to_row(clinic).update(&**transaction).await {
        Err(error) if SLUG.is_violated(&error) => Err(slug_taken()),
        other => Ok(other.map(|_| ())?),
    }
}

/// Removes a clinic that has neither doctors nor admins; tells whether there was one.
pub(in crate::directory) async fn delete_clinic_in(transaction: &Transaction, id: ClinicId) -> Result<bool, Rejection> {
    delete_in(transaction, clinic::Entity::delete_many().filter(clinic::Column::Id.eq(id))).await
}
