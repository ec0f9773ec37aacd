//! Times of day, as on the clock of a surgery's wall.

use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

const DAY: i16 = 24 * 60;

/// What is refused that is no time of day.
pub const EXPECTED: &str = "expected a time of day such as 09:30, or 24:00";

/// A time of day to the minute. `24:00`, the end of the day, is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LocalTime(i16);

impl LocalTime {
    /// The beginning of a day.
    pub const MIDNIGHT: Self = Self(0);

    /// The time `minutes` after midnight, up to 1,440.
    #[must_use]
    pub fn from_minutes(minutes: i16) -> Option<Self> {
        (0..=DAY).contains(&minutes).then_some(Self(minutes))
    }

    /// Minutes after midnight.
    #[must_use]
    pub fn minutes(self) -> i16 {
        self.0
    }

    /// This time on `date`; `24:00` is the next day's midnight.
    #[must_use]
    pub fn on(self, date: NaiveDate) -> NaiveDateTime {
        date.and_time(NaiveTime::MIN) + Duration::minutes(self.0.into())
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for LocalTime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |index: usize| {
            let digit = text.as_bytes().get(index).filter(|byte| byte.is_ascii_digit());
            digit.map(|byte| i16::from(byte - b'0')).ok_or(EXPECTED)
        };
        if text.len() != 5 || text.as_bytes()[2] != b':' {
            return Err(EXPECTED);
        }
        let (hour, minute) = (digit(0)? * 10 + digit(1)?, digit(3)? * 10 + digit(4)?);
        if minute > 59 {
            return Err(EXPECTED);
        }
        Self::from_minutes(hour * 60 + minute).ok_or(EXPECTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_day_is_a_time_but_nothing_after_it() {
        assert_eq!("24:00".parse::<LocalTime>().unwrap().minutes(), 1440);
        for wrong in ["24:01", "25:00", "9:30", "09:60", "09:3", "09-30", "", "０9:30", "09:300"] {
            assert!(wrong.parse::<LocalTime>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_written_as_it_is_read() {
        assert_eq!("09:05".parse::<LocalTime>().unwrap().to_string(), "09:05");
    }
}
