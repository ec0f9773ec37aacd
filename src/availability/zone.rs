//! Where local time meets UTC, and nowhere else.

use crate::kernel::local_time::LocalTime;
use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// The instant of a local time, as RFC 5545 and Temporal's "compatible" have it: a time that does not exist moves forward by the gap, of a
/// time that exists twice it is the earlier one.
pub fn to_utc(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.to_utc(),
        LocalResult::None => {
            // No gap is longer than a day, so a day before the old offset was in force; by it the time lies behind the gap.
            let before = zone.offset_from_utc_datetime(&(local - TimeDelta::days(1)));
            (local - before.fix()).and_utc()
        }
    }
}

/// The date of an instant.
pub fn date_of(zone: Tz, instant: DateTime<Utc>) -> NaiveDate {
    instant.with_timezone(&zone).date_naive()
}

/// When the day after that of an instant begins.
#[must_use]
pub fn next_midnight(zone: Tz, instant: DateTime<Utc>) -> DateTime<Utc> {
    let next = date_of(zone, instant).succ_opt().unwrap_or(NaiveDate::MAX);
    to_utc(zone, LocalTime::MIDNIGHT.on(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utc(zone: &str, local: &str) -> String {
        let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M").unwrap();
        to_utc(zone.parse().unwrap(), local).format("%Y-%m-%d %H:%M").to_string()
    }

    #[test]
    fn a_time_in_the_gap_moves_forward_by_it_and_of_a_time_that_comes_twice_the_first_counts() {
        assert_eq!(utc("America/New_York", "2026-03-08 02:30"), "2026-03-08 07:30");
        assert_eq!(utc("America/New_York", "2026-11-01 01:30"), "2026-11-01 05:30");
        assert_eq!(utc("Pacific/Apia", "2011-12-30 09:00"), "2011-12-30 19:00", "a whole day was left out");
        assert_eq!(utc("Australia/Lord_Howe", "2026-10-04 02:15"), "2026-10-03 15:45", "half an hour was left out");
        assert_eq!(utc("Africa/Cairo", "2026-04-24 00:30"), "2026-04-23 22:30", "a day that begins at one o'clock");
    }

    proptest! {
        #[test]
        fn later_local_times_are_never_earlier_instants_but_where_clocks_go_back(
            zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()),
            minute in 0_i64..60 * 24 * 365 * 30,
        ) {
            let local = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap().and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(minute);
            let (this, next) = (to_utc(zone, local), to_utc(zone, local + TimeDelta::minutes(1)));
            prop_assert!(next >= this || local + TimeDelta::minutes(1) != next.with_timezone(&zone).naive_local());
            // What exists is found again.
            if zone.from_local_datetime(&local) != LocalResult::None {
                prop_assert_eq!(this.with_timezone(&zone).naive_local(), local);
            }
        }
    }
}
