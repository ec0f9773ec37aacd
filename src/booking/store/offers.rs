//! What doctors offer, remembered for as long as their hours stay as they are: which version of the hours counts, each booking reads.

use crate::{
    availability::{Schedule, hours_of, offer, schedule},
    booking::requests::Wanted,
    directory::{self, Doctor, VisitType},
    kernel::{
        id::{DoctorId, VisitTypeId},
        interval::Interval,
        rejection::{Internal, Rejection},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use sea_orm::ConnectionTrait;
use std::sync::Arc;

/// How many doctors' offers are remembered.
const DOCTORS: u64 = 10_000;
/// Nobody can be booked further ahead than 366 days, in any time zone.
const HORIZON: TimeDelta = TimeDelta::days(400);
const DAY: TimeDelta = TimeDelta::days(1);

/// A doctor, and what can be booked with them.
#[derive(Debug)]
pub struct Offered {
    /// The doctor.
    pub doctor: Doctor,
    /// The visit types, also those that are not offered any more.
    pub visit_types: Vec<VisitType>,
    /// The hours.
    pub schedule: Schedule,
    /// For which starts the exceptions to the hours are known.
    known: Interval,
}

impl Offered {
    /// The doctor's visit type with this id.
    #[must_use]
    pub fn visit_type(&self, id: VisitTypeId) -> Option<&VisitType> {
        self.visit_types.iter().find(|visit_type| visit_type.id == id)
    }
}

/// What doctors offer, each for one version of the hours.
#[derive(Debug)]
pub struct Offers {
    known: Cache<DoctorId, (i32, Arc<Offered>)>,
}

impl Default for Offers {
    fn default() -> Self {
        Self { known: Cache::new(DOCTORS) }
    }
}

impl Offers {
    /// The time that a visit would keep, as far as is known.
    #[must_use]
    pub fn occupied(&self, wanted: &Wanted) -> Option<Interval> {
        let (_, offered) = self.known.get(&wanted.doctor_id)?;
        let visit_type = match wanted.visit_type_id {
            Some(id) => Some(offered.visit_type(id)?),
            None => None,
        };
        let offer = offer(&offered.doctor, visit_type, wanted.duration_minutes)?;
        let minutes = offer.duration_minutes?;
        let end = wanted.starts_at + TimeDelta::minutes(minutes.into());
        Some(offer.occupied(Interval { start: wanted.starts_at, end }))
    }

    /// What a doctor who has a calendar offers around `start`, by the hours of `schedule_version` or later ones. Who writes nothing unless
    /// the calendar is still what it was when that version was read may rely on it.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn offered(
        &self,
        connection: &impl ConnectionTrait,
        doctor_id: DoctorId,
        schedule_version: i32,
        start: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Arc<Offered>, Rejection> {
        let known = self
            .known
            .get(&doctor_id)
            .filter(|(version, offered)| *version == schedule_version && offered.known.contains(start));
        if let Some((_, offered)) = known {
            return Ok(offered);
        }
        let soon = Interval { start: now - DAY, end: now + HORIZON };
        let range = if soon.contains(start) { soon } else { Interval { start: start - DAY, end: start + DAY } };
        let doctor = directory::doctors(connection, &[doctor_id]).await?.remove(&doctor_id);
        let doctor = doctor.ok_or_else(|| Internal::new("a calendar without a doctor"))?;
        let visit_types = directory::visit_types_of(connection, &[doctor_id]).await?.remove(&doctor_id);
        let hours = hours_of(connection, &[doctor_id], range).await?.remove(&doctor_id);
        let schedule = schedule(&doctor, hours.unwrap_or_default());
        let offered = Offered { doctor, visit_types: visit_types.unwrap_or_default(), schedule, known: range };
        let offered = Arc::new(offered);
        if range == soon {
            self.known.insert(doctor_id, (schedule_version, Arc::clone(&offered)));
        }
        Ok(offered)
    }
}
