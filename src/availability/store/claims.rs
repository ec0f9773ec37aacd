//! The claims, of which a doctor has thousands: to hand them over row by row takes longer than to find them, so each database gathers those of a
//! doctor in one value, in the way that costs it least.

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
        let of_doctor = appointment::Column::DoctorId.eq(*doctor);
        // SQLite looks for the index of each of them in what is said with it alone.
        Condition::all().add(of_doctor).add(Expr::cust(IS_CLAIM)).add(keeps_any_of(*time))
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
    let gathered = if is_postgres { GATHERED_BY_POSTGRES } else { GATHERED_BY_SQLITE };
    let select = appointment::Entity::find()
        .select_only()
        .column(appointment::Column::DoctorId)
        .expr_as(Expr::cust(gathered), "claims")
        .filter(Expr::cust(IS_CLAIM))
        .filter(condition)
        .group_by(appointment::Column::DoctorId);
    if is_postgres {
        let rows = select.into_tuple::<(DoctorId, Vec<u8>)>().all(connection).await?;
        read(rows, |gathered| from_postgres(&gathered)).await
    } else {
        let rows = select.into_tuple::<(DoctorId, String)>().all(connection).await?;
        read(rows, |gathered| from_sqlite(&gathered)).await
    }
}

async fn read<Gathered>(
    rows: Vec<(DoctorId, Gathered)>,
    claims: impl Fn(Gathered) -> Option<Vec<Claim>>,
) -> Result<HashMap<DoctorId, Vec<Claim>>, Rejection> {
    let mut read = HashMap::with_capacity(rows.len());
    for (id, gathered) in rows {
        read.insert(id, claims(gathered).ok_or_else(|| Internal::new("stored claims cannot be read"))?);
        // Those of a busy doctor take a while; others have their turn before the next one's.
        tokio::task::yield_now().await;
    }
    Ok(read)
}

/// The instants of each as PostgreSQL sends them, and 1 for a hold; the greatest of all instants where it does not end by itself.
const GATHERED_BY_POSTGRES: &str = "string_agg(timestamptz_send(starts_at) || timestamptz_send(ends_at) || \
     timestamptz_send(occupied_from) || timestamptz_send(occupied_until) || timestamptz_send(coalesce(expires_at, 'infinity')) || \
     CASE WHEN is_held THEN '\\x01'::bytea ELSE '\\x00' END, '')";
/// How long each of them is.
const LENGTH: usize = 5 * 8 + 1;
/// The 1st of January 2000, from which PostgreSQL counts, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

fn from_postgres(gathered: &[u8]) -> Option<Vec<Claim>> {
    let claim = |claim: &[u8; LENGTH]| {
        let (is_hold, instants) = claim.split_last()?;
        let (instants, _) = instants.as_chunks::<8>();
        let micros = |place: usize| instants.get(place).map(|bytes| i64::from_be_bytes(*bytes));
        let instant = |place| DateTime::from_timestamp_micros(micros(place)?.checked_add(POSTGRES_EPOCH)?);
        Some(Claim {
            visit: Interval { start: instant(0)?, end: instant(1)? },
            occupied: Interval { start: instant(2)?, end: instant(3)? },
            is_hold: *is_hold != 0,
            expires_at: instant(4),
        })
    };
    let (claims, rest) = gathered.as_chunks::<LENGTH>();
    if rest.is_empty() { claims.iter().map(claim).collect() } else { None }
}

/// A column of each in one array. Nothing is booked between two seconds, but what ends by itself may.
const GATHERED_BY_SQLITE: &str = "json_array(\
     json_group_array(unixepoch(starts_at)), json_group_array(unixepoch(ends_at)), \
     json_group_array(unixepoch(occupied_from)), json_group_array(unixepoch(occupied_until)), \
     json_group_array(is_held), json_group_array(expires_at))";

fn from_sqlite(gathered: &str) -> Option<Vec<Claim>> {
    type Columns = (Vec<i64>, Vec<i64>, Vec<i64>, Vec<i64>, Vec<u8>, Vec<Option<DateTime<Utc>>>);
    let columns: Columns = serde_json::from_str(gathered).ok()?;
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
