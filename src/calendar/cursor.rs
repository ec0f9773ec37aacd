//! Places in the log of changes: what is committed at a moment, and what a subscriber has seen.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// The longest cursor, in characters.
const LONGEST: usize = 2_048;
/// How many running transactions a snapshot may name, and how many rows a cursor beyond its position: with these it is short enough.
const MOST: usize = 400;
/// How many parts of the log a cursor may have been in the middle of.
const MOST_PARTS: u64 = 16;

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

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Snapshot(Snapshot { xmin, xmax, running }) => {
                out.push(0);
                write_number(out, *xmin);
                write_number(out, xmax - xmin);
                write_number(out, running.len() as u64);
                let mut last = *xmin;
                for transaction in running {
                    write_number(out, transaction - last);
                    last = *transaction;
                }
            }
            Self::Rows { events, steps } => {
                out.push(1);
                write_number(out, events.unsigned_abs());
                write_number(out, steps.unsigned_abs());
            }
        }
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
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

/// The two kinds of rows in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Changes of calendars.
    Events,
    /// Steps of appointments.
    Steps,
}

/// What a subscriber has seen: behind it the subscription goes on, with no gap and nothing twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Of which log.
    pub log: Uuid,
    /// When it was made, in seconds since 1970.
    pub at: i64,
    /// All that was committed at it was seen.
    pub position: Position,
    /// Changes of calendars that were seen beyond it, by their rows, in order.
    pub ahead: Vec<i64>,
    /// Of these rows, what was committed at that position was seen up to this one; more than once where somebody was interrupted again while
    /// they caught up.
    pub progress: Vec<(Kind, Position, i64)>,
    /// Whether it was given out in the middle of the first picture of a board: then that has to be drawn anew.
    pub unfinished: bool,
}

/// What is given as a cursor and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCursor;

impl Cursor {
    /// Behind everything that was committed at `position`.
    #[must_use]
    pub fn at(log: Uuid, at: i64, position: Position) -> Self {
        Self { log, at, position, ahead: Vec::new(), progress: Vec::new(), unfinished: false }
    }

    /// The cursor behind a row that was missed between this one and `position`. What was seen of rows behind that row stays seen: a row may be
    /// committed after others that have greater numbers.
    #[must_use]
    pub fn resumed(&self, kind: Kind, position: &Position, row: i64) -> Self {
        let mut progress = self.progress.clone();
        progress.retain(|(of, _, seen)| *of != kind || *seen > row);
        progress.push((kind, position.clone(), row));
        Self { progress, unfinished: false, ..self.clone() }
    }

    /// Whether it names so many rows beyond its position that it would become too long.
    #[must_use]
    pub fn is_full(ahead: usize) -> bool {
        ahead >= MOST
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(64);
        out.push(u8::from(self.unfinished));
        out.extend(self.log.as_bytes());
        write_number(&mut out, self.at.unsigned_abs());
        self.position.write(&mut out);
        write_number(&mut out, self.ahead.len() as u64);
        let mut last = 0;
        for row in &self.ahead {
            write_number(&mut out, row.abs_diff(last));
            last = *row;
        }
        write_number(&mut out, self.progress.len() as u64);
        for (kind, position, row) in &self.progress {
            out.push(u8::from(*kind == Kind::Steps));
            position.write(&mut out);
            write_number(&mut out, row.unsigned_abs());
        }
        formatter.write_str(&BASE64_URL_SAFE_NO_PAD.encode(out))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let read = || {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok().filter(|_| text.len() <= LONGEST)?;
            let bytes = &mut bytes.as_slice();
            let flags = read_byte(bytes).filter(|flags| flags & !1 == 0)?;
            let (log, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            let at = read_row(bytes)?;
            let position = Position::read(bytes)?;
            let ahead = read_ascending(bytes, 0)?.into_iter().map(i64::try_from).collect::<Result<_, _>>().ok()?;
            let mut progress = Vec::new();
            for _ in 0..read_number(bytes).filter(|count| *count <= MOST_PARTS)? {
                let kind = match read_byte(bytes)? {
                    0 => Kind::Events,
                    1 => Kind::Steps,
                    _ => return None,
                };
                progress.push((kind, Position::read(bytes)?, read_row(bytes)?));
            }
            let log = Uuid::from_bytes(*log);
            bytes.is_empty().then_some(Self { log, at, position, ahead, progress, unfinished: flags == 1 })
        };
        read().ok_or(InvalidCursor)
    }
}

/// Seven bits a byte, the lowest first; all but the last byte have the eighth set.
fn write_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

fn read_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..63).step_by(7) {
        let byte = read_byte(bytes)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn read_row(bytes: &mut &[u8]) -> Option<i64> {
    i64::try_from(read_number(bytes)?).ok()
}

fn read_ascending(bytes: &mut &[u8], from: u64) -> Option<Vec<u64>> {
    let count = usize::try_from(read_number(bytes)?).ok().filter(|count| *count <= 2 * MOST)?;
    let mut last = from;
    (0..count)
        .map(|_| {
            last = last.checked_add(read_number(bytes)?)?;
            Some(last)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn positions() -> impl Strategy<Value = Position> {
        let snapshot = (0_u64..1 << 40, prop::collection::btree_set(0_u64..5_000, 0..20), 0_u64..100).prop_map(
            |(xmin, running, beyond)| {
                let running: Vec<_> = running.into_iter().map(|offset| xmin + offset).collect();
                let xmax = running.last().map_or(xmin, |last| last + 1) + beyond;
                Position::Snapshot(Snapshot { xmin, xmax, running })
            },
        );
        let rows = (0_i64..1 << 40, 0_i64..1 << 40).prop_map(|(events, steps)| Position::Rows { events, steps });
        prop_oneof![snapshot, rows]
    }

    fn cursors() -> impl Strategy<Value = Cursor> {
        let progress = prop::collection::vec((prop::bool::ANY, positions(), 0_i64..1 << 40), 0..4);
        let ahead = prop::collection::btree_set(0_i64..1 << 40, 0..40);
        (any::<u128>(), 0_i64..1 << 40, positions(), ahead, progress, any::<bool>()).prop_map(
            |(log, at, position, ahead, progress, unfinished)| Cursor {
                log: Uuid::from_u128(log),
                at,
                position,
                ahead: ahead.into_iter().collect(),
                progress: progress
                    .into_iter()
                    .map(|(events, position, row)| (if events { Kind::Events } else { Kind::Steps }, position, row))
                    .collect(),
                unfinished,
            },
        )
    }

    proptest! {
        #[test]
        fn a_cursor_survives_being_written_and_read(cursor in cursors()) {
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn no_text_is_too_odd_to_be_refused(text in "[A-Za-z0-9_-]{0,100}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            }
        }
    }

    #[test]
    fn the_longest_cursor_fits_into_two_kilobytes() {
        let rows = (0..400_i64).map(|row| (1 << 40) + row * 100).collect();
        let running = (0..100_u64).map(|place| (1 << 40) + place * 100).collect();
        let position = Position::Snapshot(Snapshot { xmin: 1 << 40, xmax: (1 << 40) + 10_000, running });
        let mut cursor = Cursor::at(Uuid::from_u128(7), 1 << 33, position.clone());
        cursor.ahead = rows;
        cursor.progress = vec![(Kind::Events, position, 1 << 41)];
        assert!(cursor.to_string().len() < LONGEST);
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn a_snapshot_is_written_as_postgresql_does() {
        let snapshot: Snapshot = "10:20:10,14,15".parse().unwrap();
        assert_eq!(snapshot, Snapshot { xmin: 10, xmax: 20, running: vec![10, 14, 15] });
        assert_eq!(snapshot.to_string(), "10:20:10,14,15");
        assert_eq!("10:10:".parse(), Ok(Snapshot { xmin: 10, xmax: 10, running: Vec::new() }));
        assert!("x".parse::<Snapshot>().is_err());
    }

    #[test]
    fn a_late_row_does_not_make_what_lies_behind_it_unseen() {
        let place = |events| Position::Rows { events, steps: 1 };
        let begin = Cursor::at(Uuid::from_u128(7), 0, place(1));
        let interrupted = begin.resumed(Kind::Events, &place(60), 50);
        let late = interrupted.resumed(Kind::Events, &place(70), 40);
        assert_eq!(late.progress, [(Kind::Events, place(60), 50), (Kind::Events, place(70), 40)]);
        assert_eq!(late.resumed(Kind::Events, &place(70), 55).progress, [(Kind::Events, place(70), 55)]);
        assert_eq!(late.resumed(Kind::Steps, &place(70), 55).progress.len(), 3);
    }
}
