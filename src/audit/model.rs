//! What is written down.

use crate::kernel::{
    id::{AppointmentId, AuditEntryId, ClinicId, UserId},
    viewer::Viewer,
};
use chrono::{DateTime, Utc};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};
use uuid::Uuid;

pub(super) use ::entity::appointment::AppointmentStatus;

/// Somebody was shown an appointment.
pub const READ_APPOINTMENT: &str = "appointment.read";
/// Somebody was shown how to reach a patient.
pub const READ_PATIENT: &str = "patient.read";
/// A clinic has asked a patient, whom it need not know, to be theirs.
pub const ASK_PATIENT: &str = "patient.ask";
/// Somebody was shown what others have seen or changed of a patient.
pub const READ_LOG: &str = "audit.read";

/// Somebody has seen or changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which entry.
    pub id: AuditEntryId,
    /// When.
    pub at: DateTime<Utc>,
    /// Who did it; nobody where the system did.
    pub actor_id: Option<UserId>,
    /// Whose data; nobody's where staff is concerned.
    pub patient_id: Option<UserId>,
    /// In which clinic; none where only the platform is concerned.
    pub clinic_id: Option<ClinicId>,
    /// What was done.
    pub action: String,
    /// What it was done to, as its ID is written.
    pub subject_id: Option<String>,
}

impl Entry {
    /// Somebody, perhaps a patient, does something to their own account.
    #[must_use]
    pub fn of_oneself(id: UserId, is_patient: bool, action: &str, at: DateTime<Utc>) -> Self {
        Self {
            id: AuditEntryId::new(),
            at,
            actor_id: Some(id),
            patient_id: is_patient.then_some(id),
            clinic_id: None,
            action: action.to_owned(),
            subject_id: Some(id.to_string()),
        }
    }
}

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// About this patient.
    pub patient_id: Option<UserId>,
    /// Of this person.
    pub actor_id: Option<UserId>,
    /// Of this kind.
    pub action: Option<String>,
    /// At this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Before this instant.
    pub to: Option<DateTime<Utc>>,
}

/// Something of a patient that a viewer is shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sight {
    /// What is done by that.
    pub action: &'static str,
    /// Whose it is.
    pub patient_id: UserId,
    /// In which clinic.
    pub clinic_id: Option<ClinicId>,
    /// What is seen, as its ID is written.
    pub subject_id: String,
}

/// What a viewer is shown in the course of one operation, each thing once.
#[derive(Clone, Debug, Default)]
pub struct Sights(Arc<Mutex<BTreeSet<Sight>>>);

impl Sights {
    /// The viewer is shown this; one's own is nobody's business.
    pub fn note(&self, viewer: &Viewer, sight: Sight) {
        if viewer.user_id != sight.patient_id {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(sight);
        }
    }

    /// What was noted since this was asked last.
    pub(super) fn take(&self) -> BTreeSet<Sight> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What making an appointment this is called.
pub(super) const STEPS: [(AppointmentStatus, &str); 7] = [
    (AppointmentStatus::Held, "appointment.hold"),
    (AppointmentStatus::Pending, "appointment.book"),
    (AppointmentStatus::Confirmed, "appointment.confirm"),
    (AppointmentStatus::Completed, "appointment.complete"),
    (AppointmentStatus::NoShow, "appointment.mark_no_show"),
    (AppointmentStatus::Cancelled, "appointment.cancel"),
    (AppointmentStatus::Expired, "appointment.expire"),
];

/// A step in the history of appointments has a number: its id as an entry is that number. Those of all others are of version 7, and greater.
pub(super) fn entry_of_step(number: i64) -> AuditEntryId {
    AuditEntryId(Uuid::from_u64_pair(0, number.cast_unsigned()))
}

/// The step that an entry is, if it is one.
pub(super) fn step_of_entry(id: AuditEntryId) -> Option<i64> {
    let (rest, number) = id.0.as_u64_pair();
    (rest == 0).then(|| number.cast_signed())
}

/// The entry of a step.
pub(super) fn step(
    (number, at): (i64, DateTime<Utc>),
    actor_id: Option<UserId>,
    (appointment_id, to): (AppointmentId, AppointmentStatus),
    (patient_id, clinic_id): (UserId, ClinicId),
) -> Entry {
    let action = STEPS.iter().find(|(status, _)| *status == to).map_or("appointment", |(_, action)| *action);
    Entry {
        id: entry_of_step(number),
        at,
        actor_id,
        patient_id: Some(patient_id),
        clinic_id: Some(clinic_id),
        action: action.to_owned(),
        subject_id: Some(appointment_id.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_found_by_its_entry_and_comes_before_all_others_of_its_instant() {
        assert_eq!(step_of_entry(entry_of_step(7)), Some(7));
        let other = AuditEntryId::new();
        assert_eq!(step_of_entry(other), None);
        assert!(entry_of_step(i64::MAX) < other);
    }
}
