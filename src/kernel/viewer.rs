//! Who is asking.

use super::id::{ClinicId, DoctorId, SessionId, UserId};
use chrono_tz::Tz;

/// A person who has signed in.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// Who it is.
    pub user_id: UserId,
    /// Where they signed in.
    pub session_id: SessionId,
    /// What they may be.
    pub role: Role,
    /// The time zone that they live in.
    pub time_zone: Tz,
}

impl Viewer {
    /// Whether they are an admin of this clinic, or of the platform.
    #[must_use]
    pub fn rules(&self, clinic: ClinicId) -> bool {
        match self.role {
            Role::PlatformAdmin => true,
            Role::ClinicAdmin(own) => own == clinic,
            Role::Doctor(_) | Role::Patient => false,
        }
    }

    /// Whether the calendar of this doctor of this clinic is theirs to keep.
    #[must_use]
    pub fn keeps(&self, doctor: DoctorId, clinic: ClinicId) -> bool {
        self.role == Role::Doctor(doctor) || self.rules(clinic)
    }
}

/// What a person may be, with the place where they may be it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Books for themselves.
    Patient,
    /// Has this calendar.
    Doctor(DoctorId),
    /// Rules this clinic.
    ClinicAdmin(ClinicId),
    /// Rules the platform.
    PlatformAdmin,
}
