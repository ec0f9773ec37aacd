//! The one way into a doctor's time. Whatever becomes a claim is judged here, by the hours, the clock and the other claims; only what is
//! [`Permitted`] can be written, and only this file can make one.

use super::{
    idempotency::Failed,
    model::{Appointment, AppointmentStatus},
    reference::new_reference,
    requests::Wanted,
};
use crate::{
    availability::{DoctorCalendar, Offer, Offered, Verdict, judge},
    kernel::{
        id::{AppointmentId, UserId, VisitTypeId},
        interval::Interval,
        rejection::{Code, Refusal, Rejection},
        viewer::{Role, Viewer},
    },
};
use chrono::{DateTime, Datelike, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;
use std::sync::Arc;

/// A claim that is there, alive or overdue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// Which appointment.
    pub id: AppointmentId,
    /// Whose.
    pub patient_id: UserId,
    /// What for.
    pub visit_type_id: Option<VisitTypeId>,
    /// The time of the visit.
    pub visit: Interval,
    /// The time that it keeps, pauses included.
    pub occupied: Interval,
    /// Whether it is a hold, and not yet a booking.
    pub is_hold: bool,
    /// From when on it is dead.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Occupant {
    fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// A doctor's calendar around a time that somebody wants, at one of its versions.
#[derive(Debug)]
pub struct Calendar {
    /// What the doctor offers.
    pub known: Arc<DoctorCalendar>,
    /// The claims that may be in the way.
    pub occupants: Vec<Occupant>,
    /// The time by which to judge.
    pub now: DateTime<Utc>,
}

/// A claim that somebody asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The time.
    pub wanted: Wanted,
    /// Where the input names the time.
    pub field: &'static str,
    /// By what it is judged.
    pub terms: Terms,
    /// Who comes.
    pub patient_id: UserId,
    /// The patient's time zone.
    pub time_zone: Tz,
    /// What the patient wants the doctor to know.
    pub notes: Option<String>,
    /// For how long it is held, where it is not booked at once.
    pub held_for: Option<TimeDelta>,
    /// The appointment that it replaces.
    pub replaces: Option<AppointmentId>,
}

/// By what a claim is judged, beside the other claims, the doctor's being active, and the time not being past.
#[derive(Clone, Debug)]
pub enum Terms {
    /// By the doctor's hours and settings.
    Offered,
    /// By nothing else, for an admin with a reason.
    Override(String),
    /// By nothing else, for staff who let two visits change places: the time that the other one keeps.
    InPlaceOf(Interval, Interval),
}

/// An appointment that may be written, and the overdue holds that have to go first.
#[derive(Debug)]
pub struct Permitted {
    appointment: Appointment,
    reason: Option<String>,
    overdue: Vec<AppointmentId>,
}

impl Permitted {
    /// The appointment.
    #[must_use]
    pub fn appointment(&self) -> &Appointment {
        &self.appointment
    }

    /// Why, where its history says so.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The holds in its way, which are dead and have not been told so.
    #[must_use]
    pub fn overdue(&self) -> &[AppointmentId] {
        &self.overdue
    }
}

impl Calendar {
    /// The viewer's own live hold on just this time.
    #[must_use]
    pub fn own_hold(&self, viewer: &Viewer, asked: &Asked) -> Option<&Occupant> {
        let wanted = &asked.wanted;
        self.occupants.iter().find(|occupant| {
            let minutes = (occupant.visit.end - occupant.visit.start).num_minutes();
            occupant.is_hold
                && !occupant.is_overdue(self.now)
                && occupant.patient_id == viewer.user_id
                && asked.patient_id == viewer.user_id
                && occupant.visit.start == wanted.starts_at
                && occupant.visit_type_id == wanted.visit_type_id
                && wanted.duration_minutes.is_none_or(|wanted| i64::from(wanted) == minutes)
        })
    }

    /// Lets a claim through, if nothing speaks against it.
    ///
    /// # Errors
    /// `Taken`, or the reason why the time cannot be had.
    pub fn judge(&self, viewer: &Viewer, asked: Asked) -> Result<Permitted, Failed> {
        let (visit, occupied) = self.time(viewer, &asked)?;
        let in_the_way = self.occupants.iter().filter(|occupant| occupant.occupied.overlaps(&occupied));
        let (overdue, alive): (Vec<_>, Vec<_>) = in_the_way.partition(|occupant| occupant.is_overdue(self.now));
        if let Some(claim) = alive.first() {
            return Err(Failed::Taken(Some(claim.patient_id)));
        }
        let overdue = overdue.iter().map(|hold| hold.id).collect();
        Ok(self.permitted(asked, (visit, occupied), overdue))
    }

    /// Lets a plain booking through by what this process knows of the claims; nothing where it knows of any that keeps some of the time,
    /// alive or not. Good only for whoever writes on the condition that the calendar still has the version of what is known.
    #[must_use]
    pub fn judge_known(&self, viewer: &Viewer, asked: Asked) -> Option<Permitted> {
        let (visit, occupied) = self.time(viewer, &asked).ok()?;
        let mut around = self.known.claims_around(visit).iter();
        let is_free = !around.any(|claim| claim.occupied.overlaps(&occupied));
        is_free.then(|| self.permitted(asked, (visit, occupied), Vec::new()))
    }

    /// The visit and the time that it keeps, if the terms let it be booked.
    fn time(&self, viewer: &Viewer, asked: &Asked) -> Result<(Interval, Interval), Rejection> {
        let may = viewer.role == Role::Patient || self.known.doctor.is_kept_by(viewer);
        if !may {
            // Patients book with every doctor; staff book into the calendars that are theirs to keep.
            return Err(Rejection::Forbidden);
        }
        Ok(match &asked.terms {
            Terms::Offered => self.offered_visit(viewer, asked)?,
            Terms::Override(_) => self.any_visit(asked)?,
            Terms::InPlaceOf(visit, occupied) => self.bookable(asked, (*visit, *occupied))?,
        })
    }

    fn permitted(&self, asked: Asked, time: (Interval, Interval), overdue: Vec<AppointmentId>) -> Permitted {
        let (visit, occupied) = time;
        let status = if asked.held_for.is_some() { AppointmentStatus::Held } else { AppointmentStatus::Pending };
        let appointment = Appointment {
            id: AppointmentId::new(),
            reference: new_reference(),
            doctor_id: self.known.doctor.id,
            clinic_id: self.known.doctor.clinic_id,
            patient_id: asked.patient_id,
            visit_type_id: asked.wanted.visit_type_id,
            visit,
            occupied,
            time_zone: asked.time_zone,
            status,
            notes: asked.notes,
            expires_at: asked.held_for.map(|time| self.now + time),
            hold_renewed: false,
            cancellation_fee: None,
            rescheduled_from: asked.replaces,
            version: 1,
            created_at: self.now,
        };
        let reason = if let Terms::Override(reason) = asked.terms { Some(reason) } else { None };
        Permitted { appointment, reason, overdue }
    }

    /// The visit, if the doctor offers it at this time.
    fn offered_visit(&self, viewer: &Viewer, asked: &Asked) -> Result<(Interval, Interval), Refusal> {
        let Asked { wanted, field, .. } = asked;
        let offer = self.offer(asked)?;
        // A slot's id says how long it takes; the visit type may take another time by now.
        if wanted.duration_minutes.is_some() && wanted.duration_minutes != offer.duration_minutes {
            return Err(refusal(field, Code::SlotUnavailable));
        }
        match judge(&self.known.schedule, &offer, wanted.starts_at, &[], self.now) {
            Verdict::Open { visit, is_of_slot_length } => {
                let offered = wanted.visit_type_id.is_some() || is_of_slot_length || self.takes_as_long(visit);
                if viewer.role == Role::Patient && !offered {
                    return Err(refusal(field, Code::SlotUnavailable));
                }
                Ok((visit, offer.occupied(visit)))
            }
            Verdict::TooLate => Err(refusal(field, Code::TooLate)),
            Verdict::TooFarAhead => Err(refusal(field, Code::TooFarAhead)),
            Verdict::NotOffered | Verdict::Taken => Err(refusal(field, Code::SlotUnavailable)),
        }
    }

    /// The visit, whatever the hours say.
    fn any_visit(&self, asked: &Asked) -> Result<(Interval, Interval), Refusal> {
        let offer = self.offer(asked)?;
        let start = asked.wanted.starts_at;
        if start.timestamp() % 60 != 0 || start.timestamp_subsec_nanos() != 0 {
            let field = if asked.field == "time" { "time.startsAt" } else { asked.field };
            return Err(Refusal::of(field, Code::Invalid, "A visit begins on a whole minute."));
        }
        let minutes = asked.wanted.duration_minutes.or(offer.duration_minutes);
        let minutes = minutes.unwrap_or(self.known.schedule.slot_minutes);
        let visit = Interval { start, end: start + TimeDelta::minutes(minutes.into()) };
        let occupied = offer.occupied(visit);
        // SQLite keeps instants as text, which has four digits for a year.
        if occupied.end.year() > 9_999 {
            return Err(refusal(asked.field, Code::TooFarAhead));
        }
        self.bookable(asked, (visit, occupied))
    }

    /// The time, if the doctor can be booked at all and it is still to come.
    fn bookable(&self, asked: &Asked, time: (Interval, Interval)) -> Result<(Interval, Interval), Refusal> {
        if !self.known.schedule.active {
            return Err(refusal(asked.field, Code::SlotUnavailable));
        }
        if time.0.start < self.now.trunc_subsecs(0) {
            return Err(refusal(asked.field, Code::TooLate));
        }
        Ok(time)
    }

    fn offer(&self, asked: &Asked) -> Result<Offer, Refusal> {
        let Wanted { visit_type_id, duration_minutes, .. } = asked.wanted;
        let is_known = visit_type_id.is_none_or(|id| self.known.visit_types.iter().any(|known| known.id == id));
        if !is_known && asked.field == "time" {
            return Err(Refusal::not_found("time.visitTypeId"));
        }
        let offer = self.known.offer(visit_type_id, duration_minutes);
        offer.ok_or_else(|| refusal(asked.field, Code::SlotUnavailable))
    }

    /// Whether the doctor offers visits of this length.
    fn takes_as_long(&self, visit: Interval) -> bool {
        let minutes = (visit.end - visit.start).num_minutes();
        let length = |offered: &Offered| offered.offer.duration_minutes.map(i64::from);
        self.known.visit_types.iter().any(|offered| offered.active && length(offered) == Some(minutes))
    }
}

/// Why a time cannot be had, in words.
#[must_use]
pub fn refusal(field: &str, code: Code) -> Refusal {
    let message = match code {
        Code::SlotTaken => "This time is taken.",
        Code::SlotBusy => "Somebody else is booking this time at this moment.",
        Code::TooLate => "This time begins too soon, or has begun.",
        Code::TooFarAhead => "This time is too far ahead to be booked yet.",
        _ => "The doctor does not offer this time.",
    };
    Refusal::of(field, code, message)
}
