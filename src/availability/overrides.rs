//! Exceptions to the weekly hours: looking them over, making and removing them.

use super::{
    hours::is_ambiguous,
    model::{Override, OverrideKind, Schedule},
    service::{Availability, schedule},
    store::{self, Hours},
};
use crate::{
    calendar, directory,
    infra::db::Transaction,
    kernel::{
        check::{Check, REASON},
        id::{AvailabilityOverrideId, DoctorId},
        local_time::LocalTime,
        rejection::{Code, Internal, Refusal, Rejection},
        viewer::Viewer,
    },
};
use chrono::NaiveDate;

/// How many overrides one date of a doctor has at most.
const MOST: usize = 20;
const DAY: i32 = 24 * 60;

/// An override to make.
#[derive(Clone, Debug)]
pub struct NewOverride {
    /// The date, in the doctor's time zone.
    pub date: NaiveDate,
    /// What it does.
    pub kind: OverrideKind,
    /// When it begins; the whole date where there is neither start nor end.
    pub start: Option<LocalTime>,
    /// When it ends; on the next day where that is not after the start.
    pub end: Option<LocalTime>,
    /// The slot length; the doctor's where there is none.
    pub slot_minutes: Option<i32>,
    /// Why, for staff alone.
    pub reason: Option<String>,
}

impl Availability {
    /// Makes an exception to the weekly hours of a doctor. Bookings that now lie outside of the hours stay.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, or what is wrong with the override.
    pub async fn add_override(&self, viewer: &Viewer, doctor_id: DoctorId, new: NewOverride) -> Result<(), Rejection> {
        self.directory.kept_doctor(viewer, doctor_id, "doctorId").await?;
        let transaction = self.database.begin().await?;
        let turn = calendar::take_turn_in(&transaction, doctor_id).await?;
        let schedule = schedule_of_date_in(&transaction, doctor_id, new.date).await?;
        let exception = check_override(new, schedule)?;
        store::insert_override_in(&transaction, doctor_id, exception).await?;
        self.finish(transaction, turn).await
    }

    /// Takes an exception back; tells whose it was.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, or `OverlappingRules` where the hours that come back do not fit others that were added to the date.
    pub async fn remove_override(&self, viewer: &Viewer, id: AvailabilityOverrideId) -> Result<DoctorId, Rejection> {
        let missing = || Refusal::not_found("overrideId");
        let (doctor_id, exception) = store::overrides(&self.database, &[id]).await?.remove(&id).ok_or_else(missing)?;
        self.directory.kept_doctor(viewer, doctor_id, "overrideId").await?;
        let transaction = self.database.begin().await?;
        let turn = calendar::take_turn_in(&transaction, doctor_id).await?;
        if !store::delete_override_in(&transaction, id).await? {
            return Err(missing().into());
        }
        let schedule = schedule_of_date_in(&transaction, doctor_id, exception.date).await?;
        if exception.kind == OverrideKind::Replace && is_ambiguous(&schedule.without_blocks(), exception.date) {
            let message =
                "The hours that come back have slots of another length than those that were added: remove these first.";
            return Err(Refusal::of("overrideId", Code::OverlappingRules, message).into());
        }
        self.finish(transaction, turn).await?;
        Ok(doctor_id)
    }
}

/// What a doctor's hours on one date are told from.
async fn schedule_of_date_in(
    transaction: &Transaction,
    doctor_id: DoctorId,
    date: NaiveDate,
) -> Result<Schedule, Rejection> {
    let doctor = directory::doctors(&**transaction, &[doctor_id]).await?.remove(&doctor_id);
    let doctor = doctor.ok_or_else(|| Internal::new("a calendar without a doctor"))?;
    let rules = store::rules_of(&**transaction, &[doctor_id]).await?.remove(&doctor_id).unwrap_or_default();
    let overrides = store::overrides_of(&**transaction, &[doctor_id], Some(date), Some(date)).await?.remove(&doctor_id);
    Ok(schedule(&doctor, Hours { rules, overrides: overrides.unwrap_or_default() }))
}

/// The override, if it makes sense by itself and with what is there for its date.
fn check_override(new: NewOverride, mut schedule: Schedule) -> Result<Override, Rejection> {
    let mut check = Check::new();
    check.optional_text("reason", new.reason.as_deref(), REASON);
    check.optional_number("slotMinutes", new.slot_minutes, 5..=480);
    let times = match (new.start, new.end) {
        (Some(start), Some(end)) => Some((start, end)),
        (None, None) => None,
        (Some(_), None) => {
            check.refuse("endTime", Code::Invalid, "Give both times, or neither.");
            None
        }
        (None, Some(_)) => {
            check.refuse("startTime", Code::Invalid, "Give both times, or neither.");
            None
        }
    };
    match (new.kind, times) {
        (OverrideKind::Block, _) if new.slot_minutes.is_some() => {
            check.refuse("slotMinutes", Code::Invalid, "A block has no slots.");
        }
        (OverrideKind::Extend | OverrideKind::Replace, None) if new.start.is_none() && new.end.is_none() => {
            check.refuse("startTime", Code::Invalid, "Hours have a start and an end.");
        }
        _ => {}
    }
    // As with rules, what is set keeps the length that it is set with.
    let slot_minutes = (new.kind != OverrideKind::Block).then_some(new.slot_minutes.unwrap_or(schedule.slot_minutes));
    if let Some(times) = times {
        check_times(&mut check, times, slot_minutes);
    }
    if schedule.overrides.len() >= MOST {
        check.refuse("date", Code::Invalid, format!("A date has at most {MOST} overrides."));
    }
    check.finish()?;
    let exception = Override {
        id: AvailabilityOverrideId::new(),
        date: new.date,
        kind: new.kind,
        times,
        slot_minutes,
        reason: new.reason,
    };
    schedule.overrides.push(exception.clone());
    // A block may be lifted again: what it hides now must fit, too.
    if exception.kind != OverrideKind::Block && is_ambiguous(&schedule.without_blocks(), exception.date) {
        let message = "Other hours with slots of another length cover some of this time.";
        return Err(Refusal::of("startTime", Code::OverlappingRules, message).into());
    }
    Ok(exception)
}

fn check_times(check: &mut Check, (start, end): (LocalTime, LocalTime), slot_minutes: Option<i32>) {
    let minutes = i32::from(end.minutes() - start.minutes());
    let length = if minutes > 0 { minutes } else { minutes + DAY };
    if i32::from(start.minutes()) == DAY {
        check.refuse("startTime", Code::Invalid, "24:00 is the end of a day, not a start.");
    } else if start == end {
        check.refuse("endTime", Code::Invalid, "Start and end are the same.");
    } else if slot_minutes.is_some_and(|slot_minutes| slot_minutes > length) {
        check.refuse("slotMinutes", Code::Invalid, "A slot is longer than these hours.");
    }
}
