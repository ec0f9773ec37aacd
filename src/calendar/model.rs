//! Changes of calendars.

use crate::kernel::{
    id::{AppointmentId, ClinicId, DoctorId, UserId},
    interval::Interval,
};
use ::entity::appointment::AppointmentStatus;
use chrono::{DateTime, Utc};

/// One change of one calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarEvent {
    /// Its row in the log.
    pub id: i64,
    /// Whose calendar.
    pub doctor_id: DoctorId,
    /// The version of the calendar that it made.
    pub version: i32,
    /// What happened.
    pub change: Change,
    /// When.
    pub occurred_at: DateTime<Utc>,
}

/// One step in the life of an appointment, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppointmentStep {
    /// Its row in the log.
    pub id: i64,
    /// Which appointment.
    pub appointment_id: AppointmentId,
    /// Whose visit.
    pub patient_id: UserId,
    /// With whom.
    pub doctor_id: DoctorId,
    /// Where.
    pub clinic_id: ClinicId,
    /// What it was; nothing before it was made.
    pub from: Option<AppointmentStatus>,
    /// What it became.
    pub to: AppointmentStatus,
    /// Who did it; nobody where the system did.
    pub actor_id: Option<UserId>,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What happened to a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This time was booked.
    Taken(Interval),
    /// This time is held until then, if it is not booked before.
    Held(Interval, DateTime<Utc>),
    /// This time is free again.
    Released(Interval),
    /// The profile, the hours or what is offered is another now.
    ScheduleChanged,
}

impl Change {
    /// The time that it is about, where it is about one.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        match self {
            Self::Taken(interval) | Self::Held(interval, _) | Self::Released(interval) => Some(*interval),
            Self::ScheduleChanged => None,
        }
    }

    /// Until when the time is held, where it is.
    #[must_use]
    pub fn held_until(&self) -> Option<DateTime<Utc>> {
        if let Self::Held(_, until) = self { Some(*until) } else { None }
    }
}
