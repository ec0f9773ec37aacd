//! The one way into a doctor's time. Nothing else inserts a claim.

use super::{
    model::{Appointment, AppointmentStatus, Transition, Wanted},
    reference::new_reference,
    store,
};
use crate::{
    availability::{self, Verdict, judge, offer, schedule},
    calendar::{self, CalendarEvent, Change, Turn},
    directory::{self, Doctor, VisitType},
    infra::db::{Database, Transaction},
    kernel::{
        clock::Clock,
        id::{AppointmentId, UserId},
        interval::Interval,
        rejection::{Code, Refusal, Rejection},
        viewer::{Role, Viewer},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

/// A claim to make.
#[derive(Debug)]
pub struct Claimed {
    /// The time.
    pub wanted: Wanted,
    /// Where the input names the time.
    pub field: &'static str,
    /// Who comes.
    pub patient_id: UserId,
    /// The patient's time zone.
    pub time_zone: Tz,
    /// What the patient wants the doctor to know.
    pub notes: Option<String>,
}

/// Makes a claim: takes the doctor's calendar, asks the rules, the clock and the other claims behind it, and writes the appointment, its
/// history and the event. `promise` adds what is to commit with them.
///
/// # Errors
/// `NotFound` of the doctor, or the reason why the time cannot be had.
pub async fn claim(
    database: &Database,
    clock: &dyn Clock,
    viewer: &Viewer,
    claimed: Claimed,
    promise: impl AsyncFnOnce(&Transaction, &Appointment) -> Result<(), Rejection>,
) -> Result<(Appointment, Vec<CalendarEvent>), Rejection> {
    let field = claimed.field;
    let transaction = database.begin().await?;
    let turn = calendar::try_turn_in(&transaction, claimed.wanted.doctor_id).await?;
    let turn = turn.ok_or_else(|| Refusal::not_found(field))?;
    // Whoever waited for the calendar decides by the time at which it came free.
    let now = turn.now(clock);
    let appointment = judge_in(&transaction, viewer, claimed, now).await?;
    match store::insert_in(&transaction, &appointment).await {
        Err(error) if store::is_taken(&error) => return Err(refusal(field, Code::SlotTaken).into()),
        other => other?,
    }
    let event = write_in(&transaction, viewer, turn, &appointment, now).await?;
    promise(&transaction, &appointment).await?;
    transaction.commit().await?;
    Ok((appointment, event))
}

async fn write_in(
    transaction: &Transaction,
    viewer: &Viewer,
    turn: Turn,
    appointment: &Appointment,
    now: DateTime<Utc>,
) -> Result<Vec<CalendarEvent>, Rejection> {
    let booked = Transition {
        appointment_id: appointment.id,
        from: None,
        to: appointment.status,
        actor_id: Some(viewer.user_id),
        reason: None,
        at: now,
    };
    store::record_in(transaction, vec![booked]).await?;
    calendar::record_in(transaction, turn, &[Change::Taken(appointment.visit)], now).await
}

/// The appointment, if the rules, the clock and the other claims let it be made.
async fn judge_in(
    transaction: &Transaction,
    viewer: &Viewer,
    claimed: Claimed,
    now: DateTime<Utc>,
) -> Result<Appointment, Rejection> {
    let Claimed { wanted, field, .. } = claimed;
    let unavailable = || refusal(field, Code::SlotUnavailable);
    let doctor = directory::doctors(&**transaction, &[wanted.doctor_id]).await?.remove(&wanted.doctor_id);
    let doctor = doctor.ok_or_else(|| Refusal::not_found(field))?;
    permit(viewer, &doctor)?;
    let offered = directory::visit_types_of(&**transaction, &[doctor.id]).await?.remove(&doctor.id).unwrap_or_default();
    let visit_type = match wanted.visit_type_id {
        Some(id) => Some(offered.iter().find(|offered| offered.id == id).ok_or_else(unavailable)?),
        None => None,
    };
    let offer = offer(&doctor, visit_type, wanted.duration_minutes).ok_or_else(unavailable)?;
    // A slot's id says how long it takes; the visit type may take another time by now.
    if wanted.duration_minutes.is_some() && wanted.duration_minutes != offer.duration_minutes {
        return Err(unavailable().into());
    }
    let start = wanted.starts_at;
    let around = Interval { start: start - TimeDelta::days(1), end: start + TimeDelta::days(1) };
    let hours = availability::hours_of(&**transaction, &[doctor.id], around).await?.remove(&doctor.id);
    let claims = availability::claims(&**transaction, &[doctor.id], around).await?.remove(&doctor.id);
    let schedule = schedule(&doctor, hours.unwrap_or_default());
    let visit = match judge(&schedule, &offer, start, &claims.unwrap_or_default(), now) {
        Verdict::Open { visit, is_of_slot_length } => {
            let is_offered_length = visit_type.is_some() || is_of_slot_length || takes_as_long(&offered, visit);
            if viewer.role == Role::Patient && !is_offered_length {
                return Err(unavailable().into());
            }
            visit
        }
        Verdict::NotOffered => return Err(unavailable().into()),
        Verdict::TooLate => return Err(refusal(field, Code::TooLate).into()),
        Verdict::TooFarAhead => return Err(refusal(field, Code::TooFarAhead).into()),
        Verdict::Taken => return Err(refusal(field, Code::SlotTaken).into()),
    };
    Ok(Appointment {
        id: AppointmentId::new(),
        reference: new_reference(),
        doctor_id: doctor.id,
        clinic_id: doctor.clinic_id,
        patient_id: claimed.patient_id,
        visit_type_id: wanted.visit_type_id,
        visit,
        occupied: offer.occupied(visit),
        time_zone: claimed.time_zone,
        status: AppointmentStatus::Pending,
        notes: claimed.notes,
        version: 1,
        created_at: now,
    })
}

/// Patients book with every doctor; staff book into the calendars that are theirs to keep.
fn permit(viewer: &Viewer, doctor: &Doctor) -> Result<(), Rejection> {
    if viewer.role == Role::Patient || doctor.is_kept_by(viewer) { Ok(()) } else { Err(Rejection::Forbidden) }
}

/// Whether the doctor offers visits of this length.
fn takes_as_long(offered: &[VisitType], visit: Interval) -> bool {
    let minutes = (visit.end - visit.start).num_minutes();
    offered.iter().any(|offered| offered.active && i64::from(offered.duration_minutes) == minutes)
}

/// Why a time cannot be had, in words.
pub fn refusal(field: &'static str, code: Code) -> Refusal {
    let message = match code {
        Code::SlotTaken => "Somebody else has booked this time.",
        Code::SlotBusy => "Somebody else is booking this time at this moment.",
        Code::TooLate => "This time begins too soon, or has begun.",
        Code::TooFarAhead => "This time is too far ahead to be booked yet.",
        _ => "The doctor does not offer this time.",
    };
    Refusal::of(field, code, message)
}
