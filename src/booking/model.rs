//! Appointments, and how they move from state to state.

use crate::kernel::{
    id::{AppointmentId, ClinicId, DoctorId, UserId, VisitTypeId},
    interval::Interval,
    money::Money,
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
    /// From when on it is dead, where it is a hold.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether it is a hold that was renewed.
    pub hold_renewed: bool,
    /// What a late cancellation cost.
    pub cancellation_fee: Option<Money>,
    /// What it replaces.
    pub rescheduled_from: Option<AppointmentId>,
    /// Grows by one with each change.
    pub version: i32,
    /// When it was booked, or held first.
    pub created_at: DateTime<Utc>,
}

impl Appointment {
    /// Makes a booking of a hold.
    ///
    /// # Errors
    /// `HoldExpired` where it came too late, `InvalidTransition` where it is none any more.
    pub fn book(self, now: DateTime<Utc>) -> Result<Self, Refusal> {
        match self.status {
            AppointmentStatus::Held if self.is_overdue(now) => Err(hold_expired("holdId")),
            AppointmentStatus::Held => Ok(Self { expires_at: None, ..self.becomes(AppointmentStatus::Pending) }),
            AppointmentStatus::Expired => Err(hold_expired("holdId")),
            _ => Err(Refusal { field: vec!["holdId".to_owned()], ..self.cannot("booked") }),
        }
    }

    /// Keeps a hold until `until`, once.
    ///
    /// # Errors
    /// `HoldNotRenewable` the second time.
    pub fn renew(self, until: DateTime<Utc>) -> Result<Self, Refusal> {
        match self.status {
            AppointmentStatus::Held if self.hold_renewed => {
                let message = "This hold was renewed before: book it, or let go of it.";
                Err(Refusal::of("slotId", Code::HoldNotRenewable, message))
            }
            AppointmentStatus::Held => {
                // The clinic may have shortened its hold time: what was promised stays.
                let until = self.expires_at.map_or(until, |promised| promised.max(until));
                Ok(Self { expires_at: Some(until), hold_renewed: true, version: self.version + 1, ..self })
            }
            _ => Err(self.cannot("held")),
        }
    }

    /// Lets a hold run out.
    ///
    /// # Errors
    /// `InvalidTransition` where it is none, or lives.
    pub fn expire(self, now: DateTime<Utc>) -> Result<Self, Refusal> {
        match self.status {
            AppointmentStatus::Held if self.is_overdue(now) => Ok(self.becomes(AppointmentStatus::Expired)),
            _ => Err(self.cannot("expired")),
        }
    }

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

    /// Calls the visit off, or lets go of a hold.
    ///
    /// # Errors
    /// `InvalidTransition` where it is over, one way or another.
    pub fn cancel(self, now: DateTime<Utc>) -> Result<Self, Refusal> {
        match self.status {
            AppointmentStatus::Held if self.is_overdue(now) => Err(hold_expired("appointmentId")),
            AppointmentStatus::Expired => Err(hold_expired("appointmentId")),
            AppointmentStatus::Held | AppointmentStatus::Pending | AppointmentStatus::Confirmed => {
                Ok(self.becomes(AppointmentStatus::Cancelled))
            }
            _ => Err(self.cannot("cancelled")),
        }
    }

    /// Makes room for the appointment that replaces this one.
    ///
    /// # Errors
    /// `InvalidTransition` where it is not booked, or over.
    pub fn give_way(self) -> Result<Self, Refusal> {
        match self.status {
            AppointmentStatus::Pending | AppointmentStatus::Confirmed => Ok(self.becomes(AppointmentStatus::Cancelled)),
            _ => Err(self.cannot("moved")),
        }
    }

    /// Whether its time is over though nobody has said so yet.
    #[must_use]
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
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

    /// Refuses to go on where the client saw another version, which the input names in `field`.
    ///
    /// # Errors
    /// `VersionConflict`.
    pub fn require_version(&self, field: &str, seen: Option<i32>) -> Result<(), Refusal> {
        if seen.is_none_or(|seen| seen == self.version) {
            return Ok(());
        }
        let message = "The appointment has changed meanwhile: look at it again.";
        Err(Refusal::of(field, Code::VersionConflict, message))
    }

    /// Until when the patient may cancel free of charge, where the notice is so many hours; nothing where there is nothing to cancel any
    /// more. A hold may be let go as long as it lasts.
    #[must_use]
    pub fn cancellable_until(&self, notice_hours: i32) -> Option<DateTime<Utc>> {
        match self.status {
            AppointmentStatus::Held => self.expires_at,
            AppointmentStatus::Pending | AppointmentStatus::Confirmed => {
                Some(self.visit.start - TimeDelta::hours(notice_hours.into()))
            }
            _ => None,
        }
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

/// What a history makes of an appointment: the state that its last step leads to, if each step begins where the one before it ended.
#[must_use]
pub fn replay(history: &[Transition]) -> Option<AppointmentStatus> {
    history.iter().try_fold(None, |status, step| (step.from == status).then_some(Some(step.to))).flatten()
}

fn hold_expired(field: &str) -> Refusal {
    Refusal::of(field, Code::HoldExpired, "The hold is over: choose a time again.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use AppointmentStatus::{Cancelled, Completed, Confirmed, Expired, Held, NoShow, Pending};

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
    const EVERY: [AppointmentStatus; 7] = [Held, Pending, Confirmed, Completed, NoShow, Cancelled, Expired];

    /// A visit that begins now; a hold ends in ten minutes.
    fn appointment(status: AppointmentStatus) -> Appointment {
        let visit = Interval { start: NOW, end: NOW + TimeDelta::minutes(30) };
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
            expires_at: (status == Held).then_some(NOW + TimeDelta::minutes(10)),
            hold_renewed: false,
            cancellation_fee: None,
            rescheduled_from: None,
            version: 1,
            created_at: NOW,
        }
    }

    #[test]
    fn only_the_moves_of_the_table_are_possible_and_each_makes_a_new_version() {
        type Move = fn(Appointment) -> Result<Appointment, Refusal>;
        let moves: [(&str, Move, &[AppointmentStatus], AppointmentStatus); 7] = [
            ("book", |it| it.book(NOW), &[Held], Pending),
            ("confirm", Appointment::confirm, &[Pending], Confirmed),
            ("complete", |it| it.complete(NOW), &[Confirmed], Completed),
            ("mark_no_show", |it| it.mark_no_show(NOW), &[Confirmed], NoShow),
            ("cancel", |it| it.cancel(NOW), &[Held, Pending, Confirmed], Cancelled),
            ("give_way", Appointment::give_way, &[Pending, Confirmed], Cancelled),
            ("expire", |it| it.expire(NOW + TimeDelta::minutes(10)), &[Held], Expired),
        ];
        for (name, make, possible, becomes) in moves {
            for status in EVERY {
                let after = make(appointment(status)).map(|after| (after.status, after.version));
                let expected = possible.contains(&status).then_some((becomes, 2));
                assert_eq!(after.ok(), expected, "{name} from {status:?}");
            }
        }
    }

    #[test]
    fn a_visit_comes_out_from_its_start_on_and_not_before() {
        let before = NOW - TimeDelta::microseconds(1);
        assert!(appointment(Confirmed).complete(before).is_err());
        assert!(appointment(Confirmed).mark_no_show(before).is_err());
    }

    #[test]
    fn a_hold_lives_until_the_instant_of_its_end_and_is_renewed_once() {
        let end = NOW + TimeDelta::minutes(10);
        let just_before = end - TimeDelta::microseconds(1);
        assert!(appointment(Held).book(just_before).is_ok());
        assert_eq!(appointment(Held).book(end).unwrap_err().code, Code::HoldExpired);
        assert_eq!(appointment(Held).cancel(end).unwrap_err().code, Code::HoldExpired);
        assert!(appointment(Held).expire(just_before).is_err());
        let renewed = appointment(Held).renew(end + TimeDelta::minutes(5)).unwrap();
        assert!(renewed.clone().book(end).is_ok());
        assert_eq!(renewed.renew(end).unwrap_err().code, Code::HoldNotRenewable);
    }

    #[test]
    fn there_is_an_end_to_cancelling_where_there_is_something_to_cancel() {
        for status in EVERY {
            let until = appointment(status).cancellable_until(1);
            let expected = match status {
                Held => Some(NOW + TimeDelta::minutes(10)),
                Pending | Confirmed => Some(NOW - TimeDelta::hours(1)),
                _ => None,
            };
            assert_eq!(until, expected, "{status:?}");
        }
    }

    #[test]
    fn a_history_replays_where_each_step_begins_at_the_end_of_the_one_before() {
        let step = |from, to| Transition {
            appointment_id: AppointmentId::new(),
            from,
            to,
            actor_id: None,
            reason: None,
            at: NOW,
        };
        assert_eq!(replay(&[step(None, Held), step(Some(Held), Pending)]), Some(Pending));
        assert_eq!(replay(&[step(None, Held), step(Some(Pending), Confirmed)]), None);
        assert_eq!(replay(&[step(None, Pending), step(None, Pending)]), None);
        assert_eq!(replay(&[]), None);
    }
}
