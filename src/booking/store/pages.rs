//! Pages of appointments.

use super::within;
use crate::{
    booking::{
        model::Appointment,
        requests::{AppointmentFilter, AppointmentOrder},
    },
    infra::{
        db::Database,
        listing::{Listing, Rows},
    },
    kernel::{
        id::UserId,
        page::{Page, PageRequest, decode_instant_cursor, encode_cursor},
        rejection::Rejection,
        viewer::Viewer,
    },
};
use ::entity::appointment;
use sea_orm::{ColumnTrait, Order, QueryFilter, Select, Value};
use std::collections::HashMap;
use uuid::Uuid;

fn listing(
    select: Select<appointment::Entity>,
    filter: &AppointmentFilter,
    order: AppointmentOrder,
    request: &PageRequest,
) -> Result<Listing<appointment::Entity>, Rejection> {
    let mut select = select;
    if !filter.statuses.is_empty() {
        select = select.filter(appointment::Column::Status.is_in(filter.statuses.iter().copied()));
    }
    if let Some(from) = filter.from {
        select = select.filter(appointment::Column::StartsAt.gte(from));
    }
    if let Some(to) = filter.to {
        select = select.filter(appointment::Column::StartsAt.lt(to));
    }
    if let Some(doctor) = filter.doctor_id {
        select = select.filter(appointment::Column::DoctorId.eq(doctor));
    }
    if let Some(patient) = filter.patient_id {
        select = select.filter(appointment::Column::PatientId.eq(patient));
    }
    let cursor = request.cursor.as_deref();
    let key = cursor.map(|cursor| decode_instant_cursor::<Uuid>(list(order), cursor)).transpose()?;
    let (column, direction) = match order {
        AppointmentOrder::StartsAtAsc => (appointment::Column::StartsAt, Order::Asc),
        AppointmentOrder::StartsAtDesc => (appointment::Column::StartsAt, Order::Desc),
        AppointmentOrder::CreatedAtDesc => (appointment::Column::CreatedAt, Order::Desc),
    };
    Ok(Listing {
        select,
        columns: [column, appointment::Column::Id],
        order: direction,
        after: key.map(|(instant, id)| [Value::from(instant), Value::from(id)]),
    })
}

fn list(order: AppointmentOrder) -> &'static str {
    match order {
        AppointmentOrder::StartsAtAsc => "appointments by start",
        AppointmentOrder::StartsAtDesc => "appointments by start, latest first",
        AppointmentOrder::CreatedAtDesc => "appointments by booking, latest first",
    }
}

fn to_page(
    order: AppointmentOrder,
    request: &PageRequest,
    Rows { rows, total }: Rows<appointment::Model>,
) -> Result<Page<Appointment>, Rejection> {
    let item = |row: appointment::Model| {
        let instant = if order == AppointmentOrder::CreatedAtDesc { row.created_at } else { row.starts_at };
        Ok((encode_cursor(list(order), &(instant, row.id)), row.try_into()?))
    };
    Ok(Page::read(request, rows.into_iter().map(item).collect::<Result<_, Rejection>>()?, total))
}

/// The appointments that the viewer may see and the filter lets through.
pub async fn page(
    database: &Database,
    viewer: &Viewer,
    filter: &AppointmentFilter,
    order: AppointmentOrder,
    request: &PageRequest,
) -> Result<Page<Appointment>, Rejection> {
    let listing = listing(within(viewer.scope()), filter, order, request)?;
    to_page(order, request, listing.page(database.reader(), request).await?)
}

/// The same page of the appointments of each of these patients.
///
/// # Errors
/// Where the cursor is none, or the database does not answer.
pub async fn appointments_of(
    database: &Database,
    viewer: &Viewer,
    patients: &[UserId],
    (filter, order, request): (&AppointmentFilter, AppointmentOrder, &PageRequest),
) -> Result<HashMap<UserId, Page<Appointment>>, Rejection> {
    let listing = listing(within(viewer.scope()), filter, order, request)?;
    let group = appointment::Column::PatientId;
    let pages = listing.pages(database.reader(), group, patients, request).await?;
    pages.into_iter().map(|(patient, rows)| Ok((patient, to_page(order, request, rows)?))).collect()
}
