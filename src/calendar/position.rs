//! What of the log is committed at a moment.

use super::encoding::{read_ascending, read_byte, read_number, read_row, write_ascending, write_number};
use std::{fmt, str::FromStr};

/// The longest position that a cursor may have, in bytes: there is room for hundreds of transactions that are running at the same time.
const LONGEST: usize = 450;

/// What of the log is committed at a moment. Two databases, two ways to say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// PostgreSQL, where transactions commit out of the order of their rows' numbers: a snapshot.
    Snapshot(Snapshot),
    /// SQLite, which has one writer: the next row of each kind.
    Rows {
        /// The next change of a calendar.
        events: i64,
        /// The next step of an appointment.
        steps: i64,
    },
}

/// Which transactions are committed, in the words of `pg_snapshot`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// All below it are over.
    pub xmin: u64,
    /// None from it on has begun.
    pub xmax: u64,
    /// Those between that are running.
    pub running: Vec<u64>,
}

impl FromStr for Snapshot {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split(':');
        let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or(());
        let (xmin, xmax) = (number()?, number()?);
        let running = parts.next().unwrap_or_default().split(',').filter(|part| !part.is_empty());
        let running = running.map(|part| part.parse().map_err(|_| ())).collect::<Result<_, _>>()?;
        Ok(Self { xmin, xmax, running })
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running: Vec<_> = self.running.iter().map(u64::to_string).collect();
        write!(formatter, "{}:{}:{}", self.xmin, self.xmax, running.join(","))
    }
}

impl Position {
    /// Whether something is committed at it that is not at `now`: it belongs to another history of the same log.
    #[must_use]
    pub fn is_beyond(&self, now: &Self) -> bool {
        match (self, now) {
            (Self::Snapshot(this), Self::Snapshot(now)) => this.xmin > now.xmax,
            (Self::Rows { events, steps }, Self::Rows { events: now, steps: now_steps }) => {
                events > now || steps > now_steps
            }
            _ => true,
        }
    }

    /// Whether all is committed at it that was cut off the log up to `cut`, a transaction or a row.
    #[must_use]
    pub fn includes_all_of(&self, cut: i64) -> bool {
        match self {
            Self::Snapshot(snapshot) => i64::try_from(snapshot.xmin).is_ok_and(|xmin| xmin > cut),
            Self::Rows { events, .. } => *events > cut,
        }
    }

    /// Whether it is short enough for a cursor, in which it may stand twice: fewer transactions are running than would make it too long.
    #[must_use]
    pub fn fits(&self) -> bool {
        let mut out = Vec::new();
        self.write(&mut out);
        out.len() <= LONGEST
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Snapshot(Snapshot { xmin, xmax, running }) => {
                out.push(0);
                write_number(out, *xmin);
                write_number(out, xmax - xmin);
                write_ascending(out, *xmin, running.iter().copied());
            }
            Self::Rows { events, steps } => {
                out.push(1);
                write_number(out, events.unsigned_abs());
                write_number(out, steps.unsigned_abs());
            }
        }
    }

    pub(super) fn read(bytes: &mut &[u8]) -> Option<Self> {
        match read_byte(bytes)? {
            0 => {
                let xmin = read_number(bytes)?;
                let xmax = xmin.checked_add(read_number(bytes)?)?;
                let running = read_ascending(bytes, xmin)?;
                // A transaction has a number below 2^63 for some thousand years.
                let is_sound = xmin > 0 && xmax < 1 << 63 && running.last().is_none_or(|last| *last < xmax);
                is_sound.then_some(Self::Snapshot(Snapshot { xmin, xmax, running }))
            }
            1 => Some(Self::Rows { events: read_row(bytes)?, steps: read_row(bytes)? }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_written_as_postgresql_does() {
        let snapshot: Snapshot = "10:20:10,14,15".parse().unwrap();
        assert_eq!(snapshot, Snapshot { xmin: 10, xmax: 20, running: vec![10, 14, 15] });
        assert_eq!(snapshot.to_string(), "10:20:10,14,15");
        assert_eq!("10:10:".parse(), Ok(Snapshot { xmin: 10, xmax: 10, running: Vec::new() }));
        assert!("x".parse::<Snapshot>().is_err());
    }
}
