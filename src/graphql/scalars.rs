//! Scalars: each refuses what it cannot mean before a resolver runs.

use crate::{
    accounts::{EMAIL_EXPECTED, parse_email},
    calendar,
    kernel::local_time,
};
use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{Datelike, NaiveDate, SecondsFormat, SubsecRound, Utc};
use chrono_tz::Tz;
use std::str::FromStr;

/// The years that both databases keep and compare.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

const CURSOR: &str = "expected a cursor that an event or a doctor has given";
const INSTANT: &str = "expected an instant as RFC 3339 has it, such as 2026-03-29T08:30:00Z";
const DATE: &str = "expected a date such as 2026-03-29";
const ZONE: &str = "expected the IANA name of a time zone, such as Europe/Warsaw";

/// What each scalar takes, in words.
pub const FORMATS: [(&str, &str); 6] = [
    ("Cursor", CURSOR),
    ("DateTime", INSTANT),
    ("Date", DATE),
    ("LocalTime", local_time::EXPECTED),
    ("TimeZone", ZONE),
    ("EmailAddress", EMAIL_EXPECTED),
];

macro_rules! scalar {
    ($(#[$doc:meta])* $Name:ident($Inner:ty), $url:literal, $read:path, $write:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $Name(pub $Inner);

        $(#[$doc])*
        #[Scalar(specified_by_url = $url)]
        impl ScalarType for $Name {
            fn parse(value: Value) -> InputValueResult<Self> {
                match &value {
                    Value::String(text) => $read(text).map(Self).map_err(InputValueError::custom),
                    _ => Err(InputValueError::expected_type(value)),
                }
            }

            fn is_valid(value: &Value) -> bool {
                matches!(value, Value::String(text) if $read(text).is_ok())
            }

            fn to_value(&self) -> Value {
                Value::String($write(self.0.clone()))
            }
        }

        impl From<$Inner> for $Name {
            fn from(inner: $Inner) -> Self {
                Self(inner)
            }
        }

        impl From<$Name> for $Inner {
            fn from(scalar: $Name) -> Self {
                scalar.0
            }
        }
    };
}

scalar!(
    /// An instant as RFC 3339 has it, such as `2026-03-29T08:30:00Z`. Any offset is taken; what comes back is always UTC.
    DateTime(chrono::DateTime<Utc>), "https://scalars.graphql.org/andimarek/date-time.html", read_instant, write_instant
);
scalar!(
    /// A date without a time, such as `2026-03-29` (ISO 8601).
    Date(NaiveDate), "https://scalars.graphql.org/andimarek/local-date.html", read_date, write_date
);
scalar!(
    /// A time of day to the minute, such as `09:30`; `24:00` is the end of a day.
    LocalTime(local_time::LocalTime), "https://scalars.graphql.org/apollographql/localtime-v0.1.html", read_time, write_time
);
scalar!(
    /// A time zone by its IANA name, such as `Europe/Warsaw`.
    TimeZone(Tz), "https://www.iana.org/time-zones", read_zone, write_zone
);
scalar!(
    /// An e-mail address (RFC 5321), at most 254 characters.
    EmailAddress(String), "https://www.rfc-editor.org/rfc/rfc5321", parse_email, std::convert::identity
);

/// A place in the log of changes, as an event names it: give it back as `after` to go on behind that event. At most 2 kB; what is in it is
/// nobody's business, and changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub calendar::Cursor);

/// A place in the log of changes, as an event names it: give it back as `after` to go on behind that event. At most 2 kB; what is in it is
/// nobody's business, and changes.
#[Scalar]
impl ScalarType for Cursor {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => text.parse().map(Self).map_err(|_| InputValueError::custom(CURSOR)),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if text.parse::<calendar::Cursor>().is_ok())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

fn read_instant(text: &str) -> Result<chrono::DateTime<Utc>, &'static str> {
    let instant = chrono::DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc().trunc_subsecs(6));
    instant.ok().filter(|instant| YEARS.contains(&instant.year())).ok_or(INSTANT)
}

fn write_instant(instant: chrono::DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn read_date(text: &str) -> Result<NaiveDate, &'static str> {
    let date = if text.len() == 10 { NaiveDate::from_str(text).ok() } else { None };
    date.filter(|date| YEARS.contains(&date.year())).ok_or(DATE)
}

fn write_date(date: NaiveDate) -> String {
    date.to_string()
}

fn read_time(text: &str) -> Result<local_time::LocalTime, &'static str> {
    text.parse()
}

fn write_time(time: local_time::LocalTime) -> String {
    time.to_string()
}

fn read_zone(text: &str) -> Result<Tz, &'static str> {
    text.parse().map_err(|_| ZONE)
}

fn write_zone(zone: Tz) -> String {
    zone.name().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_scalar_cannot_mean_is_refused() {
        for wrong in [
            "2026-02-30T08:00:00Z",
            "2026-03-29T25:00:00Z",
            "2026-03-29",
            "0000-01-01T00:00:00Z",
            "+275760-09-13T00:00:00Z",
            "",
        ] {
            assert!(read_instant(wrong).is_err(), "{wrong}");
        }
        for wrong in ["2026-02-30", "2026-2-3", "0000-01-01", "2026-03-29T08:00:00Z", "29.03.2026"] {
            assert!(read_date(wrong).is_err(), "{wrong}");
        }
        for wrong in ["Mars/Olympus", "", "CET+1", "europe/warsaw"] {
            assert!(read_zone(wrong).is_err(), "{wrong}");
        }
        let long = format!("{}@example.com", "a".repeat(10_000));
        for wrong in [
            "ada",
            "ada@",
            "@example.com",
            "Ada <ada@example.com>",
            "a@b.c\r\nBcc: d@e.f",
            "a b@example.com",
            "a@localhost",
            &long,
        ] {
            assert!(parse_email(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn instants_come_back_in_utc_to_the_microsecond() {
        let instant = read_instant("2026-03-29T10:30:00.1234567+02:00").unwrap();
        assert_eq!(write_instant(instant), "2026-03-29T08:30:00.123456Z");
        assert_eq!(write_instant(read_instant("2026-03-29T10:30:00+02:00").unwrap()), "2026-03-29T08:30:00Z");
    }
}
