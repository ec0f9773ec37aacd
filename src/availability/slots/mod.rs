//! Candidates, held against claims and limits.

use super::{
    grid::{Candidate, candidates},
    model::{Claim, Offer, Schedule, SlotStatus},
    zone::{date_of, to_utc},
};
use crate::kernel::{interval::Interval, local_time::LocalTime};
use chrono::{DateTime, Days, NaiveDate, SubsecRound, TimeDelta, Utc};

/// The slots that begin in `range` and that the limits let through at `now`, by start and length, each with its status.
#[must_use]
pub fn slots(
    schedule: &Schedule,
    offer: &Offer,
    range: Interval,
    claims: &[Claim],
    now: DateTime<Utc>,
) -> Vec<(Candidate, SlotStatus)> {
    let limits = Limits::at(schedule, now);
    let Some(range) = limits.clip(schedule, range) else {
        return Vec::new();
    };
    let mut claims = Claims::alive(claims, now);
    candidates(schedule, offer, range)
        .into_iter()
        .filter(|candidate| limits.reaches(schedule, candidate.visit.start))
        .map(|candidate| (candidate, claims.status(offer.occupied(candidate.visit))))
        .collect()
}

/// The first candidate that begins in `range` and that no claim is in the way of which time cannot take away: before it nothing becomes
/// open, however much time passes.
pub fn first_possible(schedule: &Schedule, offer: &Offer, range: Interval, claims: &[Claim]) -> Option<DateTime<Utc>> {
    let mut claims = Claims::sorted(claims.iter().filter(|claim| claim.expires_at.is_none()));
    let mut candidates = candidates(schedule, offer, range).into_iter();
    let free = candidates.find(|candidate| claims.status(offer.occupied(candidate.visit)) == SlotStatus::Open);
    free.map(|candidate| candidate.visit.start)
}

/// What can be said of the wish to book one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It can be booked.
    Open {
        /// The time of the visit.
        visit: Interval,
        /// Whether that is as long as the slots of its hours.
        is_of_slot_length: bool,
    },
    /// The rules do not offer it.
    NotOffered,
    /// It begins within the notice, or has begun.
    TooLate,
    /// It lies beyond the horizon.
    TooFarAhead,
    /// Another claim is in the way.
    Taken,
}

/// Whether the rules, the clock and the claims let a visit that begins at `start` be booked.
#[must_use]
pub fn judge(
    schedule: &Schedule,
    offer: &Offer,
    start: DateTime<Utc>,
    claims: &[Claim],
    now: DateTime<Utc>,
) -> Verdict {
    if !schedule.active {
        return Verdict::NotOffered;
    }
    let instant = Interval { start, end: start + TimeDelta::microseconds(1) };
    let Some(Candidate { visit, is_of_slot_length, .. }) = candidates(schedule, offer, instant).first().copied() else {
        return Verdict::NotOffered;
    };
    let limits = Limits::at(schedule, now);
    if start < limits.earliest {
        Verdict::TooLate
    } else if !limits.reaches(schedule, start) {
        Verdict::TooFarAhead
    } else if Claims::alive(claims, now).status(offer.occupied(visit)) != SlotStatus::Open {
        Verdict::Taken
    } else {
        Verdict::Open { visit, is_of_slot_length }
    }
}

/// From when till when a doctor can be booked.
pub(super) struct Limits {
    /// The first start.
    pub earliest: DateTime<Utc>,
    last_date: NaiveDate,
    /// No start before it lies behind the last date. To ask for the date of each costs more than all else that is done for it.
    surely_until: DateTime<Utc>,
}

impl Limits {
    /// The limits at `now`, which is cut to the second.
    pub fn at(schedule: &Schedule, now: DateTime<Utc>) -> Self {
        let now = now.trunc_subsecs(0);
        let days = Days::new(schedule.max_advance_days.try_into().unwrap_or(0));
        let today = date_of(schedule.time_zone, now);
        let last_date = today.checked_add_days(days).unwrap_or(NaiveDate::MAX);
        Self {
            earliest: now + TimeDelta::minutes(schedule.min_notice_minutes.into()),
            last_date,
            surely_until: to_utc(schedule.time_zone, LocalTime::MIDNIGHT.on(last_date)),
        }
    }

    /// The part of `range` that need be looked at.
    fn clip(&self, schedule: &Schedule, range: Interval) -> Option<Interval> {
        let after = self.last_date.checked_add_days(Days::new(2)).unwrap_or(NaiveDate::MAX);
        let horizon = to_utc(schedule.time_zone, LocalTime::MIDNIGHT.on(after));
        let clipped = Interval::try_new(range.start.max(self.earliest), range.end.min(horizon));
        clipped.filter(|_| schedule.active)
    }

    /// Whether the horizon lies behind `start`.
    pub fn reaches(&self, schedule: &Schedule, start: DateTime<Utc>) -> bool {
        start < self.surely_until || date_of(schedule.time_zone, start) <= self.last_date
    }
}

/// The claims that are alive, by start, with a place in them that moves on as candidates do.
struct Claims {
    claims: Vec<Claim>,
    place: usize,
}

impl Claims {
    fn alive(claims: &[Claim], now: DateTime<Utc>) -> Self {
        Self::sorted(claims.iter().filter(|claim| claim.is_alive(now)))
    }

    fn sorted<'a>(claims: impl Iterator<Item = &'a Claim>) -> Self {
        let mut claims: Vec<_> = claims.copied().collect();
        claims.sort_unstable_by_key(|claim| claim.occupied);
        Self { claims, place: 0 }
    }

    /// The status of a candidate that would keep `occupied`. Candidates come by start.
    fn status(&mut self, occupied: Interval) -> SlotStatus {
        // Claims do not overlap, so what ends before this candidate starts ends before all later ones do.
        while self.claims.get(self.place).is_some_and(|claim| claim.occupied.end <= occupied.start) {
            self.place += 1;
        }
        let rest = self.claims[self.place..].iter();
        let conflicts = rest.take_while(|claim| claim.occupied.start < occupied.end);
        conflicts
            .map(|claim| if claim.is_hold { SlotStatus::Held } else { SlotStatus::Booked })
            .max()
            .unwrap_or(SlotStatus::Open)
    }
}

#[cfg(test)]
mod tests;
