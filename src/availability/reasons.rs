//! Why a time cannot be booked: every rule that says no, not the first alone.

use super::{
    grid::candidates,
    hours::{blocks, is_covered, windows},
    model::{Claim, Offer, Schedule},
    slots::Limits,
};
use crate::kernel::interval::Interval;
use chrono::{DateTime, TimeDelta, Utc};

/// A rule that a time breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The doctor does not work then.
    OutsideHours,
    /// No visit of this kind begins then.
    OffGrid,
    /// The doctor is away.
    Blocked,
    /// Another visit is booked.
    Taken,
    /// Somebody is about to book a visit.
    Held,
    /// Too little time lies between it and another visit.
    TooClose,
    /// It begins too soon, or has begun.
    Notice,
    /// It is too far ahead.
    Horizon,
    /// The doctor offers no visits of this length, or not of this kind any more.
    Duration,
    /// The doctor takes no bookings.
    Inactive,
}

/// A reason against a time, and by how many minutes, where that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The rule.
    pub broken: Broken,
    /// By how many minutes, rounded up.
    pub minutes: Option<i32>,
}

/// Everything that speaks against a visit at `start`; nothing where it can be booked. `is_offered` is whether the doctor still offers visits
/// of this kind; `offers` tells whether the doctor offers visits of some length, in minutes, where the hours have slots of another.
pub fn reasons(
    schedule: &Schedule,
    offer: &Offer,
    start: DateTime<Utc>,
    claims: &[Claim],
    now: DateTime<Utc>,
    is_offered: bool,
    offers: impl Fn(i32) -> bool,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut because = |broken, minutes| reasons.push(Reason { broken, minutes });
    if !schedule.active {
        because(Broken::Inactive, None);
    }
    let instant = Interval { start, end: start + TimeDelta::microseconds(1) };
    // Blocks are a reason of their own: the hours are those that there would be without them.
    let unblocked = schedule.clone().without_blocks();
    let around = windows(&unblocked, instant);
    // Where hours of two slot lengths meet, what would be booked counts: the slot that begins there.
    let begins = |schedule| candidates(schedule, offer, instant).first().map(|candidate| candidate.duration_minutes);
    let slot = begins(schedule).or_else(|| begins(&unblocked));
    let slot_minutes = slot.or(around.first().map(|window| window.slot_minutes)).unwrap_or(schedule.slot_minutes);
    let duration = offer.duration_minutes.unwrap_or(slot_minutes);
    let visit = Interval { start, end: start + TimeDelta::minutes(duration.into()) };
    let is_of_slot_length =
        around.iter().any(|window| window.slot_minutes == duration) || around.is_empty() && duration == slot_minutes;
    if !is_offered || (!is_of_slot_length && !offers(duration)) {
        because(Broken::Duration, None);
    }
    let is_candidate = |schedule| candidates(schedule, offer, instant).iter().any(|candidate| candidate.visit == visit);
    let (is_covered_at_all, is_on_grid) = (is_covered(&unblocked, visit), is_candidate(&unblocked));
    if !is_covered_at_all {
        because(Broken::OutsideHours, None);
    } else if !is_on_grid {
        because(Broken::OffGrid, None);
    }
    // A whole date that is blocked takes its hours along, also where they reach into the next one.
    let takes_hours = is_covered_at_all && !is_covered(schedule, visit) || is_on_grid && !is_candidate(schedule);
    if takes_hours || !blocks(schedule, visit).is_empty() {
        because(Broken::Blocked, None);
    }
    for reason in conflicts(offer, visit, claims, now) {
        because(reason.broken, reason.minutes);
    }
    let limits = Limits::at(schedule, now);
    if start < limits.earliest {
        because(Broken::Notice, Some(minutes(limits.earliest - start)));
    }
    if !limits.reaches(schedule, start) {
        because(Broken::Horizon, None);
    }
    reasons
}

/// What other claims have against a visit, each kind once: a booking before a hold, both before too little time between.
fn conflicts(offer: &Offer, visit: Interval, claims: &[Claim], now: DateTime<Utc>) -> Vec<Reason> {
    let occupied = offer.occupied(visit);
    let in_the_way = || claims.iter().filter(|claim| claim.is_alive(now) && claim.occupied.overlaps(&occupied));
    let overlapping = |is_hold| in_the_way().any(|claim| claim.is_hold == is_hold && claim.visit.overlaps(&visit));
    let missing = in_the_way().filter(|claim| !claim.visit.overlaps(&visit)).map(|claim| {
        // They overlap by as much as they would have to be moved apart.
        if claim.visit.start < visit.start {
            claim.occupied.end - occupied.start
        } else {
            occupied.end - claim.occupied.start
        }
    });
    let too_close = missing.max().map(|missing| Reason { broken: Broken::TooClose, minutes: Some(minutes(missing)) });
    let taken = overlapping(false).then_some(Reason { broken: Broken::Taken, minutes: None });
    let held = overlapping(true).then_some(Reason { broken: Broken::Held, minutes: None });
    [taken, held, too_close].into_iter().flatten().collect()
}

fn minutes(time: TimeDelta) -> i32 {
    let seconds = time.num_seconds() + i64::from(time.subsec_nanos() > 0);
    i32::try_from((seconds + 59) / 60).unwrap_or(i32::MAX)
}
