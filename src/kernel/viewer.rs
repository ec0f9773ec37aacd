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
    /// What is theirs to see.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope(match self.role {
            Role::Patient => Extent::Patient(self.user_id),
            Role::Doctor(doctor, _) => Extent::Doctor(doctor),
            Role::ClinicAdmin(clinic) => Extent::Clinic(clinic),
            Role::PlatformAdmin => Extent::Platform,
        })
    }

    /// The clinic that they work for; none for patients and for admins of the platform.
    #[must_use]
    pub fn clinic(&self) -> Option<ClinicId> {
        match self.role {
            Role::Doctor(_, clinic) | Role::ClinicAdmin(clinic) => Some(clinic),
            Role::Patient | Role::PlatformAdmin => None,
        }
    }

    /// Whether they are an admin of this clinic, or of the platform.
    #[must_use]
    pub fn rules(&self, clinic: ClinicId) -> bool {
        match self.role {
            Role::PlatformAdmin => true,
            Role::ClinicAdmin(own) => own == clinic,
            Role::Doctor(..) | Role::Patient => false,
        }
    }

    /// Whether the calendar of this doctor of this clinic is theirs to keep.
    #[must_use]
    pub fn keeps(&self, doctor: DoctorId, clinic: ClinicId) -> bool {
        self.role == Role::Doctor(doctor, clinic) || self.rules(clinic)
    }
}

/// What a person may be, with the place where they may be it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Books for themselves.
    Patient,
    /// Has this calendar, in this clinic.
    Doctor(DoctorId, ClinicId),
    /// Rules this clinic.
    ClinicAdmin(ClinicId),
    /// Rules the platform.
    PlatformAdmin,
}

/// Whose data may be seen. Only a [`Viewer`] gives one, and every read of people's data takes one, so no such read can forget to ask who is
/// asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope(Extent);

impl Scope {
    /// How far it goes.
    #[must_use]
    pub fn extent(self) -> Extent {
        self.0
    }
}

/// How far a scope goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// What is this patient's.
    Patient(UserId),
    /// What is in this doctor's calendar.
    Doctor(DoctorId),
    /// What is this clinic's.
    Clinic(ClinicId),
    /// Everything.
    Platform,
}
