//! The claims, of which a doctor has thousands: to hand them over row by row takes longer than to find them, so each database packs those of a
//! doctor into one value, in the way that costs it least.

use super::super::{claim::REACH, model::Claim};
use crate::kernel::{
    id::DoctorId,
    interval::Interval,
    rejection::{Internal, Rejection},
};
use ::entity::appointment;
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr,
};
use std::collections::HashMap;

/// An appointment that keeps its time. Said as the partial indexes say it, or they would not be used.
pub const IS_CLAIM: &str = "keeps_time";

/// The claims of each of these doctors that keep any of `range`.
///
/// # Errors
/// Where the database does not answer.
pub async fn claims(
    connection: &impl ConnectionTrait,
    doctors: &[DoctorId],
    range: Interval,
) -> Result<HashMap<DoctorId, Vec<Claim>>, Rejection> {
    let of_doctors = appointment::Column::DoctorId.is_in(doctors.iter().copied());
    claims_where(connection, Condition::all().add(of_doctors).add(keeps_any_of(range))).await
}

/// The claims of doctors that keep any of the time that is named with them.
///
/// # Errors
/// Where the database does not answer.
pub async fn claims_at(
    connection: &impl ConnectionTrait,
    times: &[(DoctorId, Interval)],
) -> Result<HashMap<DoctorId, Vec<Claim>>, Rejection> {
    if times.is_empty() {
        return Ok(HashMap::new());
    }
    let at = |(doctor, time): &(DoctorId, Interval)| {
        Condition::all().add(appointment::Column::DoctorId.eq(*doctor)).add(keeps_any_of(*time))
    };
    claims_where(connection, times.iter().map(at).fold(Condition::any(), Condition::add)).await
}

fn keeps_any_of(range: Interval) -> Condition {
    // No claim keeps more than that around its start, and by starts there is an index: it leads to these and no others.
    let starts = appointment::Column::StartsAt.between(range.start - REACH, range.end + REACH);
    Condition::all()
        .add(starts)
        .add(appointment::Column::OccupiedFrom.lt(range.end))
        .add(appointment::Column::OccupiedUntil.gt(range.start))
}

async fn claims_where(
    connection: &impl ConnectionTrait,
    condition: Condition,
) -> Result<HashMap<DoctorId, Vec<Claim>>, Rejection> {
    let is_postgres = connection.get_database_backend() == DbBackend::Postgres;
    let packed = if is_postgres { PACKED_BY_POSTGRES } else { PACKED_BY_SQLITE };
    let select = appointment::Entity::find()
        .select_only()
        .column(appointment::Column::DoctorId)
        .expr_as(Expr::cust(packed), "claims")
        .filter(Expr::cust(IS_CLAIM))
        .filter(condition)
        .group_by(appointment::Column::DoctorId);
    if is_postgres {
        let rows = select.into_tuple::<(DoctorId, Vec<u8>)>().all(connection).await?;
        unpack(rows, |packed| from_postgres(&packed))
    } else {
        let rows = select.into_tuple::<(DoctorId, String)>().all(connection).await?;
        unpack(rows, |packed| from_sqlite(&packed))
    }
}

fn unpack<Packed>(
    rows: Vec<(DoctorId, Packed)>,
    claims: impl Fn(Packed) -> Option<Vec<Claim>>,
) -> Result<HashMap<DoctorId, Vec<Claim>>, Rejection> {
    let of_doctor = |(id, packed): (DoctorId, Packed)| Some((id, claims(packed)?));
    let unpacked = rows.into_iter().map(of_doctor).collect::<Option<_>>();
    Ok(unpacked.ok_or_else(|| Internal::new("stored claims cannot be read"))?)
}

/// The instants of each as PostgreSQL sends them, and 1 for a hold; the greatest of all instants where it does not end by itself.
const PACKED_BY_POSTGRES: &str = "string_agg(timestamptz_send(starts_at) || timestamptz_send(ends_at) || \
     timestamptz_send(occupied_from) || timestamptz_send(occupied_until) || timestamptz_send(coalesce(expires_at, 'infinity')) || \
     CASE WHEN is_held THEN '\\x01'::bytea ELSE '\\x00' END, '')";
/// How long each of them is.
const LENGTH: usize = 5 * 8 + 1;
/// The first instant of this century, from which PostgreSQL counts microseconds, in such of 1970.
const CENTURY: i64 = 946_684_800_000_000;

fn from_postgres(packed: &[u8]) -> Option<Vec<Claim>> {
    let claim = |packed: &[u8; LENGTH]| {
        let (is_hold, instants) = packed.split_last()?;
        let (instants, _) = instants.as_chunks::<8>();
        let micros = |place: usize| instants.get(place).map(|bytes| i64::from_be_bytes(*bytes));
        let instant = |place| DateTime::from_timestamp_micros(micros(place)?.checked_add(CENTURY)?);
        Some(Claim {
            visit: Interval { start: instant(0)?, end: instant(1)? },
            occupied: Interval { start: instant(2)?, end: instant(3)? },
            is_hold: *is_hold != 0,
            expires_at: instant(4),
        })
    };
    let (packed, rest) = packed.as_chunks::<LENGTH>();
    if rest.is_empty() { packed.iter().map(claim).collect() } else { None }
}

/// A column of each in one array. Nothing is booked between two seconds, but what ends by itself may.
const PACKED_BY_SQLITE: &str = "json_array(\
     json_group_array(unixepoch(starts_at)), json_group_array(unixepoch(ends_at)), \
     json_group_array(unixepoch(occupied_from)), json_group_array(unixepoch(occupied_until)), \
     json_group_array(is_held), json_group_array(expires_at))";

fn from_sqlite(packed: &str) -> Option<Vec<Claim>> {
    type Columns = (Vec<i64>, Vec<i64>, Vec<i64>, Vec<i64>, Vec<u8>, Vec<Option<DateTime<Utc>>>);
    let columns: Columns = serde_json::from_str(packed).ok()?;
    let (starts_at, ends_at, occupied_from, occupied_until, is_hold, expires_at) = columns;
    let instant = |seconds| DateTime::from_timestamp(seconds, 0);
    let interval = |(start, end)| Some(Interval { start: instant(start)?, end: instant(end)? });
    let visits = starts_at.into_iter().zip(ends_at).map(interval);
    let occupied = occupied_from.into_iter().zip(occupied_until).map(interval);
    let claims = visits.zip(occupied).zip(is_hold).zip(expires_at).map(|(((visit, occupied), is_hold), expires_at)| {
        Some(Claim { visit: visit?, occupied: occupied?, is_hold: is_hold != 0, expires_at })
    });
    claims.collect()
}
