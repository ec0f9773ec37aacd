//! The rows of rules, overrides and claims.

mod claims;

pub(super) use claims::claims_at;
pub use claims::{IS_CLAIM, claims};

use super::model::{Override, Rule};
use crate::{
    infra::db::{Database, Transaction},
    kernel::{
        id::{AvailabilityOverrideId, AvailabilityRuleId, DoctorId},
        interval::Interval,
        local_time::LocalTime,
        rejection::{Internal, Rejection},
    },
};
use ::entity::{availability_override, availability_rule};
use chrono::{Days, NaiveDate, Weekday};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Select};
use std::collections::HashMap;

/// The rules and overrides of one doctor.
#[derive(Clone, Debug, Default)]
pub struct Hours {
    /// The weekly hours.
    pub rules: Vec<Rule>,
    /// The exceptions to them, on the dates that were asked for.
    pub overrides: Vec<Override>,
}

fn local_time(minutes: i16) -> Result<LocalTime, Rejection> {
    Ok(LocalTime::from_minutes(minutes).ok_or_else(|| Internal::new("a stored time of day is none"))?)
}

fn to_rule(row: &availability_rule::Model) -> Result<Rule, Rejection> {
    let number = u8::try_from(row.weekday - 1).ok();
    let weekday = number.and_then(|number| Weekday::try_from(number).ok());
    Ok(Rule {
        id: row.id,
        weekday: weekday.ok_or_else(|| Internal::new("a stored day of the week is none"))?,
        start: local_time(row.start_minute)?,
        end: local_time(row.end_minute)?,
        slot_minutes: row.slot_minutes,
        effective_from: row.effective_from,
        effective_until: row.effective_until,
    })
}

fn to_override(row: availability_override::Model) -> Result<Override, Rejection> {
    let times = row.start_minute.zip(row.end_minute);
    Ok(Override {
        id: row.id,
        date: row.date,
        kind: row.kind,
        times: times.map(|(start, end)| Ok::<_, Rejection>((local_time(start)?, local_time(end)?))).transpose()?,
        slot_minutes: row.slot_minutes,
        reason: row.reason,
    })
}

/// The rules of each of these doctors, by weekday and start.
///
/// # Errors
/// Where the database does not answer.
pub async fn rules_of(
    connection: &impl ConnectionTrait,
    doctors: &[DoctorId],
) -> Result<HashMap<DoctorId, Vec<Rule>>, Rejection> {
    let rows = availability_rule::Entity::find()
        .filter(availability_rule::Column::DoctorId.is_in(doctors.iter().copied()))
        .order_by_asc(availability_rule::Column::Weekday)
        .order_by_asc(availability_rule::Column::StartMinute)
        .order_by_asc(availability_rule::Column::Id)
        .all(connection)
        .await?;
    let mut rules: HashMap<DoctorId, Vec<Rule>> = HashMap::new();
    for row in rows {
        rules.entry(row.doctor_id).or_default().push(to_rule(&row)?);
    }
    Ok(rules)
}

/// The overrides of each of these doctors from `from` to `until`, both inclusive, by date and start.
///
/// # Errors
/// Where the database does not answer.
pub async fn overrides_of(
    connection: &impl ConnectionTrait,
    doctors: &[DoctorId],
    from: Option<NaiveDate>,
    until: Option<NaiveDate>,
) -> Result<HashMap<DoctorId, Vec<Override>>, Rejection> {
    let mut select: Select<_> = availability_override::Entity::find()
        .filter(availability_override::Column::DoctorId.is_in(doctors.iter().copied()));
    if let Some(from) = from {
        select = select.filter(availability_override::Column::Date.gte(from));
    }
    if let Some(until) = until {
        select = select.filter(availability_override::Column::Date.lte(until));
    }
    let rows = select
        .order_by_asc(availability_override::Column::Date)
        .order_by_asc(availability_override::Column::StartMinute)
        .order_by_asc(availability_override::Column::Id)
        .all(connection)
        .await?;
    let mut overrides: HashMap<DoctorId, Vec<Override>> = HashMap::new();
    for row in rows {
        overrides.entry(row.doctor_id).or_default().push(to_override(row)?);
    }
    Ok(overrides)
}

/// The rules of each of these doctors, and the overrides that bear on `range`.
///
/// # Errors
/// Where the database does not answer.
pub async fn hours_of(
    connection: &impl ConnectionTrait,
    doctors: &[DoctorId],
    range: Interval,
) -> Result<HashMap<DoctorId, Hours>, Rejection> {
    // Dates are the doctor's, up to a day off, and the hours of one reach into the next.
    let (from, until) = (range.start.date_naive() - Days::new(2), range.end.date_naive() + Days::new(1));
    let mut rules = rules_of(connection, doctors).await?;
    let mut overrides = overrides_of(connection, doctors, Some(from), Some(until)).await?;
    let hours = |id: &DoctorId| {
        let rules = rules.remove(id).unwrap_or_default();
        (*id, Hours { rules, overrides: overrides.remove(id).unwrap_or_default() })
    };
    Ok(doctors.iter().map(hours).collect())
}

/// The rules with these ids, and whose they are.
///
/// # Errors
/// Where the database does not answer.
pub async fn rules(
    database: &Database,
    ids: &[AvailabilityRuleId],
) -> Result<HashMap<AvailabilityRuleId, Rule>, Rejection> {
    let select = availability_rule::Entity::find().filter(availability_rule::Column::Id.is_in(ids.iter().copied()));
    select.all(database.reader()).await?.iter().map(|row| Ok((row.id, to_rule(row)?))).collect()
}

/// The overrides with these ids, and whose they are.
///
/// # Errors
/// Where the database does not answer.
pub async fn overrides(
    database: &Database,
    ids: &[AvailabilityOverrideId],
) -> Result<HashMap<AvailabilityOverrideId, (DoctorId, Override)>, Rejection> {
    let of_ids = availability_override::Column::Id.is_in(ids.iter().copied());
    let rows = availability_override::Entity::find().filter(of_ids).all(database.reader()).await?;
    rows.into_iter().map(|row| Ok((row.id, (row.doctor_id, to_override(row)?)))).collect()
}

/// Makes these the rules of a doctor.
pub(super) async fn replace_rules_in(
    transaction: &Transaction,
    doctor_id: DoctorId,
    rules: &[Rule],
) -> Result<(), Rejection> {
    let of_doctor = availability_rule::Column::DoctorId.eq(doctor_id);
    availability_rule::Entity::delete_many().filter(of_doctor).exec(&**transaction).await?;
    let row = |rule: &Rule| availability_rule::ActiveModel {
        id: Set(rule.id),
        doctor_id: Set(doctor_id),
        weekday: Set(i16::try_from(rule.weekday.number_from_monday()).unwrap_or_default()),
        start_minute: Set(rule.start.minutes()),
        end_minute: Set(rule.end.minutes()),
        slot_minutes: Set(rule.slot_minutes),
        effective_from: Set(rule.effective_from),
        effective_until: Set(rule.effective_until),
    };
    if !rules.is_empty() {
        availability_rule::Entity::insert_many(rules.iter().map(row)).exec_without_returning(&**transaction).await?;
    }
    Ok(())
}

/// Writes an override of a doctor.
pub(super) async fn insert_override_in(
    transaction: &Transaction,
    doctor_id: DoctorId,
    exception: Override,
) -> Result<(), Rejection> {
    let row = availability_override::ActiveModel {
        id: Set(exception.id),
        doctor_id: Set(doctor_id),
        date: Set(exception.date),
        kind: Set(exception.kind),
        start_minute: Set(exception.times.map(|(start, _)| start.minutes())),
        end_minute: Set(exception.times.map(|(_, end)| end.minutes())),
        slot_minutes: Set(exception.slot_minutes),
        reason: Set(exception.reason),
    };
    availability_override::Entity::insert(row).exec_without_returning(&**transaction).await?;
    Ok(())
}

/// Removes an override; tells whether there was one.
pub(super) async fn delete_override_in(
    transaction: &Transaction,
    id: AvailabilityOverrideId,
) -> Result<bool, Rejection> {
    let deleted = availability_override::Entity::delete_by_id(id).exec(&**transaction).await?;
    Ok(deleted.rows_affected > 0)
}
