//! The rows of the directory.

mod clinics;
mod doctors;
mod specialties;
mod visit_types;

pub use clinics::clinics;
pub use doctors::{doctor_ids, doctors, doctors_of_clinics, doctors_of_specialties, doctors_of_users, listed_ids};
pub use specialties::{specialties, specialties_of, specialty_by_slug};
pub use visit_types::{visit_types, visit_types_of};

pub(super) use clinics::*;
pub(super) use doctors::*;
pub(super) use specialties::*;
pub(super) use visit_types::*;

use crate::{
    infra::{db::Transaction, listing::Listing},
    kernel::{
        page::{PageRequest, decode_cursor},
        rejection::{Code, Internal, Refusal, Rejection},
    },
};
use chrono_tz::Tz;
use sea_orm::{DeleteMany, EntityTrait, Order, Select, SqlErr, Value};
use uuid::Uuid;

fn time_zone(name: &str) -> Result<Tz, Rejection> {
    Ok(name.parse().map_err(|_| Internal::new("a stored time zone is unknown"))?)
}

fn slug_taken() -> Rejection {
    Refusal::of("slug", Code::Taken, "Something else has this name in addresses.").into()
}

/// Reads the page of a list that is ordered by name.
fn by_name<E: EntityTrait>(
    select: Select<E>,
    columns: [E::Column; 2],
    list: &str,
    request: &PageRequest,
) -> Result<Listing<E>, Rejection> {
    let key = request.cursor.as_deref().map(|cursor| decode_cursor::<(String, Uuid)>(list, cursor)).transpose()?;
    let after = key.map(|(name, id)| [Value::from(name), Value::from(id)]);
    Ok(Listing { select, columns, order: Order::Asc, after })
}

/// Removes the rows of `delete`; tells whether there was one.
async fn delete_in<E: EntityTrait>(transaction: &Transaction, delete: DeleteMany<E>) -> Result<bool, Rejection> {
    match delete.exec(&**transaction).await {
        Ok(deleted) => Ok(deleted.rows_affected > 0),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))) => {
            Err(Refusal::of("id", Code::InUse, "It is in use.").into())
        }
        Err(error) => Err(error.into()),
    }
}
