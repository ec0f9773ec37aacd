//! The rows of visit types.

use crate::{
    directory::model::VisitType,
    infra::db::Transaction,
    kernel::{
        id::{DoctorId, VisitTypeId},
        money::Money,
        rejection::Rejection,
    },
};
use ::entity::visit_type;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder,
};
use std::collections::HashMap;

impl From<visit_type::Model> for VisitType {
    fn from(row: visit_type::Model) -> Self {
        let price = row.price_amount.zip(row.price_currency);
        Self {
            id: row.id,
            doctor_id: row.doctor_id,
            name: row.name,
            duration_minutes: row.duration_minutes,
            step_minutes: row.step_minutes,
            buffer_before_minutes: row.buffer_before_minutes,
            buffer_after_minutes: row.buffer_after_minutes,
            price: price.map(|(amount, currency)| Money { amount, currency }),
            mode: row.mode,
            active: row.active,
        }
    }
}

fn to_row(visit_type: &VisitType) -> visit_type::ActiveModel {
    let price = visit_type.price.as_ref();
    visit_type::ActiveModel {
        id: Set(visit_type.id),
        doctor_id: Set(visit_type.doctor_id),
        name: Set(visit_type.name.clone()),
        duration_minutes: Set(visit_type.duration_minutes),
        step_minutes: Set(visit_type.step_minutes),
        buffer_before_minutes: Set(visit_type.buffer_before_minutes),
        buffer_after_minutes: Set(visit_type.buffer_after_minutes),
        price_amount: Set(price.map(|price| price.amount)),
        price_currency: Set(price.map(|price| price.currency.clone())),
        mode: Set(visit_type.mode),
        active: Set(visit_type.active),
    }
}

/// The visit types with these ids.
///
/// # Errors
/// Where the database does not answer.
pub async fn visit_types(
    connection: &impl ConnectionTrait,
    ids: &[VisitTypeId],
) -> Result<HashMap<VisitTypeId, VisitType>, Rejection> {
    let select = visit_type::Entity::find().filter(visit_type::Column::Id.is_in(ids.iter().copied()));
    Ok(select.all(connection).await?.into_iter().map(|row| (row.id, row.into())).collect())
}

/// What each of these doctors offers, by name.
///
/// # Errors
/// Where the database does not answer.
pub async fn visit_types_of(
    connection: &impl ConnectionTrait,
    doctors: &[DoctorId],
) -> Result<HashMap<DoctorId, Vec<VisitType>>, Rejection> {
    let rows = visit_type::Entity::find()
        .filter(visit_type::Column::DoctorId.is_in(doctors.iter().copied()))
        .order_by_asc(visit_type::Column::Name)
        .order_by_asc(visit_type::Column::Id)
        .all(connection)
        .await?;
    let mut offered: HashMap<DoctorId, Vec<VisitType>> = HashMap::new();
    for row in rows {
        offered.entry(row.doctor_id).or_default().push(row.into());
    }
    Ok(offered)
}

/// How many visit types a doctor has.
pub(in crate::directory) async fn count_visit_types_in(
    transaction: &Transaction,
    doctor_id: DoctorId,
) -> Result<u64, Rejection> {
    let of_doctor = visit_type::Entity::find().filter(visit_type::Column::DoctorId.eq(doctor_id));
    Ok(of_doctor.count(&**transaction).await?)
}

/// Writes a new visit type.
pub(in crate::directory) async fn insert_visit_type_in(
    transaction: &Transaction,
    visit_type: &VisitType,
) -> Result<(), Rejection> {
    visit_type::Entity::insert(to_row(visit_type)).exec_without_returning(&**transaction).await?;
    Ok(())
}

/// Writes a visit type that is there.
pub(in crate::directory) async fn update_visit_type_in(
    transaction: &Transaction,
    visit_type: &VisitType,
) -> Result<(), Rejection> {
    to_row(visit_type).update(&**transaction).await?;
    Ok(())
}
