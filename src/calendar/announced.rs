//! How far calendars have come, as far as anybody in this process knows.

use super::model::CalendarEvent;
use crate::kernel::id::DoctorId;
use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

/// The newest version of each calendar that was announced in this process: by whoever has committed it, or by the hub. Who answers from memory
/// asks here first, so that nobody misses what they themselves have done, or were told, before.
#[derive(Debug, Default)]
pub struct Announced(RwLock<HashMap<DoctorId, i32>>);

impl Announced {
    /// Announces that calendars have come to the versions of these events.
    pub fn announce(&self, events: &[CalendarEvent]) {
        let mut versions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            let newest = versions.entry(event.doctor_id).or_default();
            *newest = event.version.max(*newest);
        }
    }

    /// The versions that these calendars have come to at least.
    #[must_use]
    pub fn of(&self, doctors: &[DoctorId]) -> Vec<(DoctorId, i32)> {
        let versions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        doctors.iter().map(|id| (*id, versions.get(id).copied().unwrap_or_default())).collect()
    }
}
