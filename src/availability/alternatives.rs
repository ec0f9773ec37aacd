//! What is free instead of a time that somebody did not get.

use super::{
    model::{Slot, SlotQuery, SlotStatus},
    search::Search,
    service::Availability,
};
use crate::{
    directory::{self, DoctorFilter},
    kernel::{
        id::{DoctorId, VisitTypeId},
        interval::Interval,
        page::PageRequest,
        rejection::Rejection,
    },
};
use chrono::{SubsecRound, TimeDelta};

/// How far ahead other doctors' slots are of any help.
const SOON: TimeDelta = TimeDelta::days(14);

impl Availability {
    /// At most `most` open slots instead: the soonest of the same doctor, then those of doctors of the same specialty in the same clinic, for
    /// visits as long as the one that was sought.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn alternatives(
        &self,
        doctor_id: DoctorId,
        visit_type_id: Option<VisitTypeId>,
        duration_minutes: Option<i32>,
        most: usize,
    ) -> Result<Vec<Slot>, Rejection> {
        let own = self.next_slots_of(&[doctor_id], visit_type_id, duration_minutes, most).await?.remove(&doctor_id);
        let mut found = own.unwrap_or_default();
        if found.len() >= most {
            return Ok(found);
        }
        let connection = self.database.reader();
        let doctor = directory::doctors(connection, &[doctor_id]).await?.remove(&doctor_id);
        let specialties = directory::specialties_of(&self.database, &[doctor_id]).await?.remove(&doctor_id);
        let specialty = specialties.and_then(|specialties| specialties.into_iter().next());
        let (Some(doctor), Some(specialty)) = (doctor, specialty) else { return Ok(found) };
        // Other doctors have visit types of their own: what they share is how long a visit takes.
        let length = match visit_type_id {
            Some(id) => {
                directory::visit_types(connection, &[id]).await?.remove(&id).map(|found| found.duration_minutes)
            }
            None => duration_minutes,
        };
        let now = self.clock.now().trunc_subsecs(0);
        let search = Search {
            doctor_id: None,
            doctors: DoctorFilter {
                clinic_id: Some(doctor.clinic_id),
                specialty_id: Some(specialty.id),
                ..DoctorFilter::default()
            },
            slots: SlotQuery {
                range: Interval { start: now, end: now + SOON },
                visit_type_id: None,
                duration_minutes: length,
                statuses: vec![SlotStatus::Open],
            },
        };
        let page = self.search(&search, &PageRequest::of(most + found.len())).await?;
        let others = page.items.into_iter().map(|(_, slot)| slot).filter(|slot| slot.key.doctor_id != doctor_id);
        found.extend(others.take(most - found.len()));
        Ok(found)
    }
}
