//! Reading calendars from the database: six statements, however many there are.

use super::{
    super::{
        claim::REACH,
        model::Offer,
        service::schedule,
        store::{self, Hours},
    },
    calendar::{DoctorCalendar, HORIZON, LASTS, Offered},
    shared::SharedCalendars,
};
use crate::{
    directory::{self, Doctor, VisitType},
    infra::db::{Database, Transaction},
    kernel::{id::DoctorId, interval::Interval, rejection::Rejection},
};
use chrono::{DateTime, TimeDelta, Utc};

/// Until when a calendar that is read at `now` has to be known to be whole for some time from then on.
pub fn whole(now: DateTime<Utc>) -> DateTime<Utc> {
    now + HORIZON + LASTS
}

/// What bears on slots that begin from `now` until then.
fn reach(now: DateTime<Utc>, until: DateTime<Utc>) -> Interval {
    Interval { start: now - TimeDelta::days(1), end: until }
}

/// The calendars of those of these doctors who are there. What is in them bears on slots that begin in `range`.
///
/// # Errors
/// Where the database does not answer.
pub async fn read(
    database: &Database,
    ids: &[DoctorId],
    range: Interval,
    now: DateTime<Utc>,
) -> Result<Vec<DoctorCalendar>, Rejection> {
    let doctors = directory::doctors(database.reader(), ids).await?;
    read_of(database, doctors.into_values().collect(), range, now).await
}

/// The same of slots from now until then, where others may have read it: then from what they shared.
pub async fn read_shared(
    database: &Database,
    shared: Option<&SharedCalendars>,
    ids: &[DoctorId],
    (now, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<DoctorCalendar>, Rejection> {
    let Some(shared) = shared else { return read(database, ids, reach(now, until), now).await };
    // The versions are read before anything else, so whatever has such a version is at least as new.
    let mut doctors = directory::doctors(database.reader(), ids).await?;
    let versions: Vec<_> = doctors.values().map(|doctor| (doctor.id, doctor.calendar_version)).collect();
    let mut calendars = shared.get(&versions, now).await;
    for calendar in &calendars {
        doctors.remove(&calendar.doctor.id);
    }
    let rest = read_of(database, doctors.into_values().collect(), reach(now, until), now).await?;
    shared.put(&rest, now).await;
    calendars.extend(rest);
    Ok(calendars)
}

/// The calendars of these doctors, whose rows were read before.
async fn read_of(
    database: &Database,
    doctors: Vec<Doctor>,
    range: Interval,
    now: DateTime<Utc>,
) -> Result<Vec<DoctorCalendar>, Rejection> {
    if doctors.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = doctors.iter().map(|doctor| doctor.id).collect();
    let around = Interval { start: range.start - REACH, end: range.end + REACH };
    // Side by side: the claims of a busy doctor take as long as all of the rest.
    let (mut calendars, mut claims) =
        tokio::try_join!(read_hours(database, doctors, range, now), store::claims(database.reader(), &ids, around))?;
    for calendar in &mut calendars {
        calendar.claims = claims.remove(&calendar.doctor.id).unwrap_or_default();
        calendar.claims.sort_unstable_by_key(|claim| claim.occupied);
        calendar.claims.shrink_to_fit();
    }
    Ok(calendars)
}

/// The same as far as can be asked, without claims.
pub async fn read_whole_hours(
    database: &Database,
    doctors: Vec<Doctor>,
    now: DateTime<Utc>,
) -> Result<Vec<DoctorCalendar>, Rejection> {
    read_hours(database, doctors, reach(now, whole(now)), now).await
}

async fn read_hours(
    database: &Database,
    doctors: Vec<Doctor>,
    range: Interval,
    now: DateTime<Utc>,
) -> Result<Vec<DoctorCalendar>, Rejection> {
    if doctors.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = doctors.iter().map(|doctor| doctor.id).collect();
    let mut specialties = directory::specialties_of(database, &ids).await?;
    let mut visit_types = directory::visit_types_of(database.reader(), &ids).await?;
    let mut hours = store::hours_of(database.reader(), &ids, range).await?;
    let calendar = |doctor: Doctor| DoctorCalendar {
        read_at: now,
        known_until: range.end,
        specialty_ids: specialties.remove(&doctor.id).unwrap_or_default().iter().map(|found| found.id).collect(),
        visit_types: offered(visit_types.remove(&doctor.id).unwrap_or_default(), doctor.buffer_minutes),
        schedule: without_reasons(&doctor, hours.remove(&doctor.id).unwrap_or_default()),
        claims: Vec::new(),
        doctor,
    };
    Ok(doctors.into_iter().map(calendar).collect())
}

/// The hours of one doctor around `start`, read in the caller's transaction; without claims and specialties.
///
/// # Errors
/// `NotFound` where there is no such doctor.
pub async fn read_hours_in(
    transaction: &Transaction,
    doctor_id: DoctorId,
    start: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<DoctorCalendar, Rejection> {
    let around = Interval { start: start - TimeDelta::days(1), end: start + TimeDelta::days(1) };
    let doctor =
        directory::doctors(&**transaction, &[doctor_id]).await?.remove(&doctor_id).ok_or(Rejection::NotFound)?;
    let visit_types = directory::visit_types_of(&**transaction, &[doctor_id]).await?.remove(&doctor_id);
    let hours = store::hours_of(&**transaction, &[doctor_id], around).await?.remove(&doctor_id);
    Ok(DoctorCalendar {
        read_at: now,
        known_until: around.end,
        specialty_ids: Vec::new(),
        visit_types: offered(visit_types.unwrap_or_default(), doctor.buffer_minutes),
        schedule: without_reasons(&doctor, hours.unwrap_or_default()),
        claims: Vec::new(),
        doctor,
    })
}

fn offered(visit_types: Vec<VisitType>, buffer_minutes: i32) -> Vec<Offered> {
    let offered = |visit_type: VisitType| {
        let offer = Offer::of(&visit_type, buffer_minutes);
        Offered { id: visit_type.id, offer, active: visit_type.active }
    };
    visit_types.into_iter().map(offered).collect()
}

/// Why somebody is away is nothing to keep in memory, or to share.
fn without_reasons(doctor: &Doctor, mut hours: Hours) -> super::super::model::Schedule {
    for exception in &mut hours.overrides {
        exception.reason = None;
    }
    schedule(doctor, hours)
}
