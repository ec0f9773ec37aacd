//! How far calendars have come, as far as anybody in this process knows.

use super::model::CalendarEvent;
use crate::kernel::id::DoctorId;
use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

/// The newest version of each calendar that was announced in this process: by whoever has committed it or met it in the database, or by the
/// hub. Who answers from memory asks here first, so that nobody misses what they themselves have done, or were told, before.
#[derive(Debug, Default)]
pub struct Announced(RwLock<HashMap<DoctorId, i32>>);

impl Announced {
    /// Announces that calendars have come to the versions of these events.
    pub fn announce(&self, events: &[CalendarEvent]) {
        self.note(events.iter().map(|event| (event.doctor_id, event.version)));
    }

    /// Announces that calendars have come to these versions. They must be there: who asks for what will never be waits in vain.
    pub fn note(&self, versions: impl Iterator<Item = (DoctorId, i32)>) {
        let mut newest = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (doctor_id, version) in versions {
            let newest = newest.entry(doctor_id).or_default();
            *newest = version.max(*newest);
        }
    }

    /// The versions that these calendars have come to at least.
    #[must_use]
    pub fn of(&self, doctors: &[DoctorId]) -> Vec<(DoctorId, i32)> {
        let versions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        doctors.iter().map(|id| (*id, versions.get(id).copied().unwrap_or_default())).collect()
    }
}
