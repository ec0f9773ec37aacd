//! The grid: windows → candidates, whatever is booked and whoever looks.

use super::{
    hours::{Window, blocks, windows},
    model::{Offer, Schedule},
};
use crate::kernel::interval::Interval;
use chrono::{DateTime, TimeDelta, Utc};

/// A time that the rules offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The time of the visit.
    pub visit: Interval,
    /// How long that is.
    pub duration_minutes: i32,
    /// Whether it is as long as the slots of its hours.
    pub is_of_slot_length: bool,
}

/// The candidates that begin in `range`, by start and length, each once.
pub fn candidates(schedule: &Schedule, offer: &Offer, range: Interval) -> Vec<Candidate> {
    let reach = Interval { start: range.start, end: range.end + TimeDelta::days(1) };
    let blocks = blocks(schedule, reach);
    let mut candidates = Vec::new();
    for window in windows(schedule, range) {
        let starts = starts(&window, offer, range);
        candidates.extend(starts.filter(|candidate| !blocks.iter().any(|block| block.overlaps(&candidate.visit))));
    }
    // Only windows of different dates, or of different slot lengths, can be out of order or offer the same twice.
    candidates.sort_by_key(|candidate| (candidate.visit, !candidate.is_of_slot_length));
    candidates.dedup_by_key(|candidate| candidate.visit);
    candidates
}

/// The candidates of one window that begin in `range`: every step from the window's start, in elapsed time, as long as the visit fits.
fn starts(window: &Window, offer: &Offer, range: Interval) -> impl Iterator<Item = Candidate> + use<> {
    let duration_minutes = offer.duration_minutes.unwrap_or(window.slot_minutes);
    let step = offer.step_minutes.unwrap_or(duration_minutes + offer.before_minutes + offer.after_minutes);
    let is_of_slot_length = duration_minutes == window.slot_minutes;
    let (duration, step) = (TimeDelta::minutes(duration_minutes.into()), i64::from(step) * 60);
    let anchor = window.interval.start;
    let skipped = steps_before(anchor, range.start, step);
    let end = window.interval.end;
    let nth = move |number: i64| anchor + TimeDelta::seconds(number * step);
    (skipped..)
        .map(nth)
        .map(move |start| Interval { start, end: start + duration })
        .take_while(move |visit| visit.end <= end && visit.start < range.end)
        .map(move |visit| Candidate { visit, duration_minutes, is_of_slot_length })
}

/// How many starts lie before `instant`.
fn steps_before(anchor: DateTime<Utc>, instant: DateTime<Utc>, step_seconds: i64) -> i64 {
    // No range reaches far enough for microseconds to run out.
    let elapsed = (instant - anchor).num_microseconds().unwrap_or(i64::MAX / 2).max(0);
    let step = step_seconds * 1_000_000;
    (elapsed + step - 1) / step
}
