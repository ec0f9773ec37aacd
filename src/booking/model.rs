//! Appointments, and how they move from state to state.

use crate::kernel::{
    id::{AppointmentId, ClinicId, DoctorId, UserId, VisitTypeId},
    interval::Interval,
    rejection::{Code, Refusal},
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

pub use ::entity::appointment::AppointmentStatus;

/// A patient's claim on a doctor's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appointment {
    /// Which.
    pub id: AppointmentId,
    /// What people call it by.
    pub reference: String,
    /// Whose time.
    pub doctor_id: DoctorId,
    /// Where.
    pub clinic_id: ClinicId,
    /// Who comes.
    pub patient_id: UserId,
    /// What for.
    pub visit_type_id: Option<VisitTypeId>,
    /// The time of the visit.
    pub visit: Interval,
    /// The time that is kept for it, pauses included, whatever the settings are later.
    pub occupied: Interval,
    /// The patient's time zone, at booking.
    pub time_zone: Tz,
    /// Where in its life it is.
    pub status: AppointmentStatus,
    /// What the patient wants the doctor to know.
    pub notes: Option<String>,
    /// Grows by one with each change.
    pub version: i32,
    /// When it was booked.
    pub created_at: DateTime<Utc>,
}

impl Appointment {
    /// Confirms a booking.
    ///
    /// # Errors
    /// `InvalidTransition` where there is nothing to confirm.
    pub fn confirm(self) -> Result<Self, Refusal> {
        match self.status {
            AppointmentStatus::Pending => Ok(self.becomes(AppointmentStatus::Confirmed)),
            _ => Err(self.cannot("confirmed")),
        }
    }

    /// Calls the visit off.
    ///
    /// # Errors
    /// `InvalidTransition` where it is over, one way or another.
    pub fn cancel(self) -> Result<Self, Refusal> {
        match self.status {
            AppointmentStatus::Held | AppointmentStatus::Pending | AppointmentStatus::Confirmed => {
                Ok(self.becomes(AppointmentStatus::Cancelled))
            }
            _ => Err(self.cannot("cancelled")),
        }
    }

    /// The visit took place.
    ///
    /// # Errors
    /// `InvalidTransition` where it is not confirmed, or has not begun.
    pub fn complete(self, now: DateTime<Utc>) -> Result<Self, Refusal> {
        self.end(AppointmentStatus::Completed, "completed", now)
    }

    /// The patient did not come.
    ///
    /// # Errors
    /// `InvalidTransition` where it is not confirmed, or has not begun.
    pub fn mark_no_show(self, now: DateTime<Utc>) -> Result<Self, Refusal> {
        self.end(AppointmentStatus::NoShow, "marked as missed", now)
    }

    fn end(self, status: AppointmentStatus, what: &str, now: DateTime<Utc>) -> Result<Self, Refusal> {
        match self.status {
            AppointmentStatus::Confirmed if now >= self.visit.start => Ok(self.becomes(status)),
            AppointmentStatus::Confirmed => {
                let message = "The visit has not begun yet.";
                Err(Refusal::of("appointmentId", Code::InvalidTransition, message))
            }
            _ => Err(self.cannot(what)),
        }
    }

    /// Refuses to go on where the client saw another version.
    ///
    /// # Errors
    /// `VersionConflict`.
    pub fn require_version(&self, seen: Option<i32>) -> Result<(), Refusal> {
        if seen.is_none_or(|seen| seen == self.version) {
            return Ok(());
        }
        let message = "The appointment has changed meanwhile: look at it again.";
        Err(Refusal::of("version", Code::VersionConflict, message))
    }

    /// Until when the patient may cancel, where the notice is so many hours; nothing where there is nothing to cancel any more.
    #[must_use]
    pub fn cancellable_until(&self, notice_hours: i32) -> Option<DateTime<Utc>> {
        self.clone().cancel().ok()?;
        Some(self.visit.start - TimeDelta::hours(notice_hours.into()))
    }

    fn becomes(self, status: AppointmentStatus) -> Self {
        Self { status, version: self.version + 1, ..self }
    }

    fn cannot(&self, what: &str) -> Refusal {
        let is = match self.status {
            AppointmentStatus::Held => "only held",
            AppointmentStatus::Pending => "not confirmed yet",
            AppointmentStatus::Confirmed => "confirmed",
            AppointmentStatus::Completed => "completed",
            AppointmentStatus::NoShow => "marked as missed",
            AppointmentStatus::Cancelled => "cancelled",
            AppointmentStatus::Expired => "expired",
        };
        let message = format!("The appointment is {is}: it cannot be {what}.");
        Refusal::of("appointmentId", Code::InvalidTransition, message)
    }
}

/// A step in the life of an appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Which appointment.
    pub appointment_id: AppointmentId,
    /// What it was; nothing before it was booked.
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

/// The time that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whose.
    pub doctor_id: DoctorId,
    /// From when on.
    pub starts_at: DateTime<Utc>,
    /// What for.
    pub visit_type_id: Option<VisitTypeId>,
    /// How long; as long as the visit type says, or else the slots of the hours, where there is none.
    pub duration_minutes: Option<i32>,
}

/// What somebody says who wants to book.
#[derive(Clone, Debug)]
pub struct BookingRequest {
    /// The time.
    pub wanted: Wanted,
    /// Where the input names the time.
    pub field: &'static str,
    /// For whom; for oneself where nobody is named.
    pub patient_id: Option<UserId>,
    /// What the patient wants the doctor to know.
    pub notes: Option<String>,
    /// The patient's time zone; the user's where there is none.
    pub time_zone: Option<Tz>,
}

/// What somebody says who wants to cancel.
#[derive(Clone, Debug)]
pub struct CancelRequest {
    /// Which appointment.
    pub appointment_id: AppointmentId,
    /// Why.
    pub reason: Option<String>,
    /// The version that the client saw.
    pub version: Option<i32>,
}

/// How a visit came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took place.
    Completed,
    /// The patient did not come.
    NoShow,
}

/// Which appointments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AppointmentFilter {
    /// In these states; in all where none is named.
    pub statuses: Vec<AppointmentStatus>,
    /// That begin at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// That begin before this instant.
    pub to: Option<DateTime<Utc>>,
    /// With this doctor.
    pub doctor_id: Option<DoctorId>,
    /// Of this patient.
    pub patient_id: Option<UserId>,
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AppointmentOrder {
    /// The earliest visit first.
    StartsAtAsc,
    /// The latest visit first.
    StartsAtDesc,
    /// What was booked last first.
    CreatedAtDesc,
}

#[cfg(test)]
mod tests {
    use super::*;
    use AppointmentStatus::{Cancelled, Completed, Confirmed, Expired, Held, NoShow, Pending};

    fn appointment(status: AppointmentStatus) -> Appointment {
        let visit = Interval { start: DateTime::UNIX_EPOCH, end: DateTime::UNIX_EPOCH + TimeDelta::minutes(30) };
        Appointment {
            id: AppointmentId::new(),
            reference: String::new(),
            doctor_id: DoctorId::new(),
            clinic_id: ClinicId::new(),
            patient_id: UserId::new(),
            visit_type_id: None,
            visit,
            occupied: visit,
            time_zone: Tz::UTC,
            status,
            notes: None,
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn only_the_moves_of_the_table_are_possible_and_each_makes_a_new_version() {
        for status in [Held, Pending, Confirmed, Completed, NoShow, Cancelled, Expired] {
            let confirmed = appointment(status).confirm().map(|after| (after.status, after.version));
            let cancelled = appointment(status).cancel().map(|after| (after.status, after.version));
            assert_eq!(confirmed.ok(), (status == Pending).then_some((Confirmed, 2)), "{status:?}");
            let start = appointment(status).visit.start;
            let completed = appointment(status).complete(start).map(|after| (after.status, after.version));
            let missed = appointment(status).mark_no_show(start).map(|after| (after.status, after.version));
            assert_eq!(completed.ok(), (status == Confirmed).then_some((Completed, 2)), "{status:?}");
            assert_eq!(missed.ok(), (status == Confirmed).then_some((NoShow, 2)), "{status:?}");
            assert!(appointment(status).complete(start - TimeDelta::microseconds(1)).is_err(), "{status:?}");
            let cancellable = matches!(status, Held | Pending | Confirmed);
            assert_eq!(cancelled.ok(), cancellable.then_some((Cancelled, 2)), "{status:?}");
            assert_eq!(appointment(status).cancellable_until(1).is_some(), cancellable, "{status:?}");
        }
    }
}
