//! Working hours: rules and overrides → windows and blocks, in UTC.

use super::{
    model::{Override, OverrideKind, Rule, Schedule},
    zone::{date_of, to_utc},
};
use crate::kernel::{interval::Interval, local_time::LocalTime};
use chrono::{Datelike, Days, NaiveDate};
use chrono_tz::Tz;

/// Hours without a break, in slots of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From when till when.
    pub interval: Interval,
    /// The slot length.
    pub slot_minutes: i32,
}

impl Schedule {
    /// The hours that there would be if the doctor were never away.
    #[must_use]
    pub fn without_blocks(mut self) -> Self {
        self.overrides.retain(|exception| exception.kind != OverrideKind::Block);
        self
    }
}

/// Whether some time of a date is covered twice, in slots of different lengths.
#[must_use]
pub fn is_ambiguous(schedule: &Schedule, date: NaiveDate) -> bool {
    windows_of(schedule, date).windows(2).any(|pair| pair[0].interval.overlaps(&pair[1].interval))
}

/// The windows that reach into `range`, each date's in order.
pub fn windows(schedule: &Schedule, range: Interval) -> Vec<Window> {
    // A window belongs to the date on which it starts, and may reach into the next one.
    let first = date_of(schedule.time_zone, range.start).pred_opt().unwrap_or(NaiveDate::MIN);
    let last = date_of(schedule.time_zone, range.end);
    let dates = first.iter_days().take_while(|date| *date <= last);
    dates.flat_map(|date| windows_of(schedule, date)).filter(|window| window.interval.overlaps(&range)).collect()
}

/// The windows of one date of the doctor's.
pub fn windows_of(schedule: &Schedule, date: NaiveDate) -> Vec<Window> {
    let of_date = || schedule.overrides.iter().filter(|exception| exception.date == date);
    if of_date().any(|exception| exception.kind == OverrideKind::Block && exception.times.is_none()) {
        return Vec::new();
    }
    let added = |kind| {
        let exceptions = of_date().filter(move |exception| exception.kind == kind);
        exceptions.filter_map(|exception| override_window(schedule, exception))
    };
    let mut windows: Vec<_> = added(OverrideKind::Extend).collect();
    if of_date().any(|exception| exception.kind == OverrideKind::Replace) {
        windows.extend(added(OverrideKind::Replace));
    } else {
        let rules = schedule.rules.iter().filter(|rule| rule.holds_on(date));
        windows.extend(rules.filter_map(|rule| {
            let interval = span(schedule.time_zone, date, (rule.start, rule.end))?;
            Some(Window { interval, slot_minutes: rule.slot_minutes })
        }));
    }
    merge(windows)
}

/// When the doctor is not there: the blocks that reach into `range`.
pub fn blocks(schedule: &Schedule, range: Interval) -> Vec<Interval> {
    const WHOLE_DATE: (LocalTime, LocalTime) = (LocalTime::MIDNIGHT, LocalTime::MIDNIGHT);
    let blocks = schedule.overrides.iter().filter(|exception| exception.kind == OverrideKind::Block);
    let spans = blocks.filter_map(|block| span(schedule.time_zone, block.date, block.times.unwrap_or(WHOLE_DATE)));
    spans.filter(|block| block.overlaps(&range)).collect()
}

/// Whether all of a visit lies within the doctor's hours.
#[must_use]
pub fn is_within_hours(schedule: &Schedule, visit: Interval) -> bool {
    is_covered(schedule, visit) && blocks(schedule, visit).is_empty()
}

/// The same, whether or not the doctor is away.
pub fn is_covered(schedule: &Schedule, visit: Interval) -> bool {
    let mut windows = windows(schedule, visit);
    windows.sort_by_key(|window| window.interval.start);
    let covered = windows.iter().fold(visit.start, |covered, window| {
        if window.interval.start <= covered { covered.max(window.interval.end) } else { covered }
    });
    covered >= visit.end
}

impl Rule {
    fn holds_on(&self, date: NaiveDate) -> bool {
        self.weekday == date.weekday()
            && self.effective_from.is_none_or(|from| from <= date)
            && self.effective_until.is_none_or(|until| date <= until)
    }
}

fn override_window(schedule: &Schedule, exception: &Override) -> Option<Window> {
    let interval = span(schedule.time_zone, exception.date, exception.times?)?;
    Some(Window { interval, slot_minutes: exception.slot_minutes.unwrap_or(schedule.slot_minutes) })
}

/// Local hours in UTC; an end that is not after the start is on the next day. Clocks that change may leave nothing of them.
fn span(zone: Tz, date: NaiveDate, (start, end): (LocalTime, LocalTime)) -> Option<Interval> {
    let end_date = if end <= start { date.checked_add_days(Days::new(1))? } else { date };
    Interval::try_new(to_utc(zone, start.on(date)), to_utc(zone, end.on(end_date)))
}

/// Windows of one slot length that touch or overlap become one.
fn merge(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_by_key(|window| (window.slot_minutes, window.interval.start));
    let mut merged: Vec<Window> = Vec::with_capacity(windows.len());
    for window in windows {
        match merged.last_mut() {
            Some(last) if last.slot_minutes == window.slot_minutes && window.interval.start <= last.interval.end => {
                last.interval.end = last.interval.end.max(window.interval.end);
            }
            _ => merged.push(window),
        }
    }
    merged.sort_by_key(|window| window.interval.start);
    merged
}
