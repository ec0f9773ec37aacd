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
