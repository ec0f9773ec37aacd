//! What slots are made of.

use crate::{
    directory::VisitType,
    kernel::{
        id::{AvailabilityOverrideId, AvailabilityRuleId, DoctorId, VisitTypeId},
        interval::Interval,
        local_time::LocalTime,
    },
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

pub use super::claim::Claim;
pub use ::entity::availability_override::OverrideKind;
pub use chrono::Weekday;

/// Weekly working hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Which.
    pub id: AvailabilityRuleId,
    /// On which day of the week they begin.
    pub weekday: Weekday,
    /// When they begin.
    pub start: LocalTime,
    /// When they end; on the next day where that is not after the start.
    pub end: LocalTime,
    /// The slot length.
    pub slot_minutes: i32,
    /// The first date on which they hold.
    pub effective_from: Option<NaiveDate>,
    /// The last date on which they hold.
    pub effective_until: Option<NaiveDate>,
}

/// Weekly hours to set.
#[derive(Clone, Debug)]
pub struct NewRule {
    /// On which day of the week they begin.
    pub weekday: Weekday,
    /// When they begin.
    pub start: LocalTime,
    /// When they end; on the next day where that is not after the start.
    pub end: LocalTime,
    /// The slot length; the doctor's where there is none.
    pub slot_minutes: Option<i32>,
    /// The first date on which they hold.
    pub effective_from: Option<NaiveDate>,
    /// The last date on which they hold.
    pub effective_until: Option<NaiveDate>,
}

/// An exception to the weekly hours, on one date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Which.
    pub id: AvailabilityOverrideId,
    /// The date, in the doctor's time zone.
    pub date: NaiveDate,
    /// What it does.
    pub kind: OverrideKind,
    /// When it begins and ends (on the next day where that is not after the start); the whole date where there is none.
    pub times: Option<(LocalTime, LocalTime)>,
    /// The slot length; the doctor's where there is none.
    pub slot_minutes: Option<i32>,
    /// Why, for staff alone.
    pub reason: Option<String>,
}

/// All that decides when a doctor can be booked, but for claims and the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Whose.
    pub doctor_id: DoctorId,
    /// The time zone that hours are in.
    pub time_zone: Tz,
    /// The slot length where nothing else names one.
    pub slot_minutes: i32,
    /// How long before its start a visit must be booked.
    pub min_notice_minutes: i32,
    /// How many days ahead a visit may be booked.
    pub max_advance_days: i32,
    /// Whether anything can be booked at all.
    pub active: bool,
    /// The weekly hours.
    pub rules: Vec<Rule>,
    /// The exceptions to them.
    pub overrides: Vec<Override>,
}

/// A kind of visit, as far as time is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// How long it takes; as long as the slots of the hours where there is none.
    pub duration_minutes: Option<i32>,
    /// The distance of two starts; duration and pauses where there is none.
    pub step_minutes: Option<i32>,
    /// The pause before it.
    pub before_minutes: i32,
    /// The pause after it.
    pub after_minutes: i32,
}

impl Offer {
    /// Visits of this duration, or as long as the slots of the hours, of a doctor who pauses for so long after each.
    #[must_use]
    pub fn lasting(duration_minutes: Option<i32>, after_minutes: i32) -> Self {
        Self { duration_minutes, step_minutes: None, before_minutes: 0, after_minutes }
    }

    /// Visits of this type, of a doctor who pauses for so long after each where the type says nothing else.
    #[must_use]
    pub fn of(visit_type: &VisitType, after_minutes: i32) -> Self {
        Self {
            duration_minutes: Some(visit_type.duration_minutes),
            step_minutes: visit_type.step_minutes,
            before_minutes: visit_type.buffer_before_minutes.unwrap_or(0),
            after_minutes: visit_type.buffer_after_minutes.unwrap_or(after_minutes),
        }
    }

    /// The time that a visit at `visit` keeps for itself.
    #[must_use]
    pub fn occupied(&self, visit: Interval) -> Interval {
        let Interval { mut start, mut end } = visit;
        // Most have no pause before or after, and to add nothing takes as long as to add something.
        if self.before_minutes != 0 {
            start -= TimeDelta::minutes(self.before_minutes.into());
        }
        if self.after_minutes != 0 {
            end += TimeDelta::minutes(self.after_minutes.into());
        }
        Interval { start, end }
    }
}

/// Whether a slot can be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotStatus {
    /// It can.
    Open,
    /// Somebody is about to book it, or something that it overlaps.
    Held,
    /// It is booked, or something that it overlaps.
    Booked,
}

/// What a slot is: the same for everybody who looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotKey {
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// Whose time.
    pub doctor_id: DoctorId,
    /// How long it takes.
    pub duration_minutes: i32,
    /// What for.
    pub visit_type_id: Option<VisitTypeId>,
}

impl SlotKey {
    /// What every slot's id begins with.
    pub const PREFIX: &'static str = "slot";

    /// The time of the visit.
    #[must_use]
    pub fn interval(&self) -> Interval {
        Interval { start: self.starts_at, end: self.starts_at + TimeDelta::minutes(self.duration_minutes.into()) }
    }
}

impl fmt::Display for SlotKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(44);
        bytes.extend(self.starts_at.timestamp().to_be_bytes());
        bytes.extend(self.duration_minutes.to_be_bytes());
        bytes.extend(self.doctor_id.0.as_bytes());
        bytes.extend(self.visit_type_id.iter().flat_map(|id| *id.0.as_bytes()));
        write!(formatter, "{}_{}", Self::PREFIX, BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for SlotKey {
    type Err = crate::kernel::id::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let encoded = text.strip_prefix(Self::PREFIX)?.strip_prefix('_')?;
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?;
            let (starts_at, rest) = bytes.split_first_chunk()?;
            let (duration, rest) = rest.split_first_chunk()?;
            let (doctor_id, rest) = rest.split_first_chunk()?;
            let visit_type_id = match rest {
                [] => None,
                rest => Some(VisitTypeId(Uuid::from_bytes(rest.try_into().ok()?))),
            };
            let duration_minutes = i32::from_be_bytes(*duration);
            let starts_at = DateTime::from_timestamp(i64::from_be_bytes(*starts_at), 0)?;
            let fits = (5..=480).contains(&duration_minutes) && (1970..=9999).contains(&starts_at.year());
            fits.then_some(Self {
                starts_at,
                doctor_id: DoctorId(Uuid::from_bytes(*doctor_id)),
                duration_minutes,
                visit_type_id,
            })
        };
        read().ok_or(crate::kernel::id::InvalidId)
    }
}

/// A bookable time of one doctor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// Which.
    pub key: SlotKey,
    /// Whether it can be booked.
    pub status: SlotStatus,
    /// When the hold on it ends, where it is held.
    pub held_until: Option<DateTime<Utc>>,
    /// The version of the doctor's calendar, not newer than the status.
    pub calendar_version: i32,
}

/// Which slots of a doctor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlotQuery {
    /// When they begin.
    pub range: Interval,
    /// What for.
    pub visit_type_id: Option<VisitTypeId>,
    /// How long, where not for a visit type.
    pub duration_minutes: Option<i32>,
    /// In which states.
    pub statuses: Vec<SlotStatus>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_id_says_what_the_slot_is_and_nothing_else_is_one() {
        for visit_type_id in [None, Some(VisitTypeId::new())] {
            let starts_at = DateTime::from_timestamp(1_790_000_040, 0).unwrap();
            let key = SlotKey { starts_at, doctor_id: DoctorId::new(), duration_minutes: 30, visit_type_id };
            let id = key.to_string();
            assert_eq!(id.parse(), Ok(key));
            assert!(id[..id.len() - 1].parse::<SlotKey>().is_err());
            assert!(format!("{id}A").parse::<SlotKey>().is_err());
        }
        for wrong in ["", "slot", "slot_", "slot_AAAA", "doctor_01h455vb4pex5vsknk084sn02q", "slot_ää"] {
            assert!(wrong.parse::<SlotKey>().is_err(), "{wrong}");
        }
    }
}
