//! What keeps a doctor's time.

use crate::kernel::interval::Interval;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// How far the claims of a doctor can reach into slots that begin later: the longest visit and both of the longest pauses.
pub const REACH: TimeDelta = TimeDelta::minutes(480 + 240 + 240);

/// An appointment that keeps a doctor's time. The claims of one doctor never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PackedClaim", into = "PackedClaim")]
pub struct Claim {
    /// The time of the visit.
    pub visit: Interval,
    /// The time that it keeps, pauses included.
    pub occupied: Interval,
    /// Whether it is a hold, and not yet a booking.
    pub is_hold: bool,
    /// From when on it is dead.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Claim {
    /// Whether it still keeps its time at `now`.
    #[must_use]
    pub fn is_alive(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// When the last of the holds among `claims` that keep any of `occupied` ends; nothing where none does.
#[must_use]
pub fn held_until(claims: &[Claim], occupied: Interval, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let in_the_way = |claim: &&Claim| claim.is_hold && claim.is_alive(now) && claim.occupied.overlaps(&occupied);
    claims.iter().filter(in_the_way).filter_map(|claim| claim.expires_at).max()
}

/// A claim in few characters: start, duration and both pauses in microseconds, whether it is a hold, and its end.
type PackedClaim = (i64, i64, i64, i64, bool, Option<i64>);

impl From<Claim> for PackedClaim {
    fn from(claim: Claim) -> Self {
        let Claim { visit, occupied, is_hold, expires_at } = claim;
        let micros = |time: TimeDelta| time.num_microseconds().unwrap_or(0);
        let (before, after) = (micros(visit.start - occupied.start), micros(occupied.end - visit.end));
        let expires_at = expires_at.map(|instant| instant.timestamp_micros());
        (visit.start.timestamp_micros(), micros(visit.end - visit.start), before, after, is_hold, expires_at)
    }
}

impl From<PackedClaim> for Claim {
    fn from((start, duration, before, after, is_hold, expires_at): PackedClaim) -> Self {
        let instant = |micros| DateTime::from_timestamp_micros(micros).unwrap_or_default();
        let visit = Interval { start: instant(start), end: instant(start + duration) };
        let occupied = Interval { start: instant(start - before), end: instant(start + duration + after) };
        Self { visit, occupied, is_hold, expires_at: expires_at.map(instant) }
    }
}
