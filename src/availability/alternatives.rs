//! What is free instead of a time that somebody did not get. From memory: losing costs nobody anything.

use super::{
    known::Merge,
    model::{Slot, SlotQuery, SlotStatus},
    service::Availability,
};
use crate::{
    directory::DoctorFilter,
    kernel::{
        id::{DoctorId, VisitTypeId},
        interval::Interval,
        rejection::Rejection,
    },
};
use chrono::TimeDelta;
use std::collections::HashSet;

/// How far ahead other doctors' slots are of any help.
const SOON: TimeDelta = TimeDelta::days(14);

impl Availability {
    /// At most `most` open slots instead: the soonest of the same doctor, then those of doctors of the same specialties in the same clinic,
    /// for visits as long as the one that was sought; none of colleagues' while this process does not know all calendars yet.
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
        let now = self.now();
        let Some(doctor) = self.known_at(doctor_id, 0, now).filter(|_| found.len() < most) else { return Ok(found) };
        if !self.keeper.is_warm() {
            // Who has lost a slot is told so, and does not wait for a process that has just begun.
            self.keeper.warm_up();
            return Ok(found);
        }
        let mut others = self.keeper.memory.all(now);
        others.retain(|other| {
            other.doctor.clinic_id == doctor.doctor.clinic_id
                && other.specialty_ids.iter().any(|id| doctor.specialty_ids.contains(id))
        });
        let mut others: HashSet<_> = others.iter().map(|other| other.doctor.id).collect();
        others.remove(&doctor_id);
        // Other doctors have visit types of their own: what they share is how long a visit takes.
        let sought = doctor.visit_types.iter().find(|offered| Some(offered.id) == visit_type_id);
        let range = Interval { start: now, end: now + SOON };
        let query = SlotQuery {
            range,
            visit_type_id: None,
            duration_minutes: sought.map_or(duration_minutes, |offered| offered.offer.duration_minutes),
            statuses: vec![SlotStatus::Open],
        };
        let merge = Merge {
            query: &query,
            doctors: &DoctorFilter::default(),
            among: Some(&others),
            range,
            after: None,
            first_only: false,
            size: most - found.len(),
        };
        found.extend(self.merge_all(&merge).await?);
        Ok(found)
    }
}
