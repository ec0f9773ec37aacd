//! What a subscriber has seen of the log of changes.

use super::{
    encoding::{read_ascending, read_byte, read_number, read_row, write_ascending, write_number},
    position::Position,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// The longest cursor, in characters: these are three bytes each four.
const LONGEST: usize = 2_048;
const LONGEST_BYTES: usize = LONGEST / 4 * 3;
/// How many bytes rows beyond the position may take. With two positions there is room for them in any case.
const AHEAD_BYTES: usize = 400;
/// How many parts of the log a cursor may have been in the middle of.
const MOST_PARTS: usize = 16;

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

    /// The cursor behind a row that was missed between this one and `position`; none where it would be too long to be given back. What was seen of
    /// rows behind that row stays seen: a row may be committed after others that have greater numbers.
    #[must_use]
    pub fn resumed(&self, kind: Kind, position: &Position, row: i64) -> Option<Self> {
        let mut progress = self.progress.clone();
        progress.retain(|(of, _, seen)| *of != kind || *seen > row);
        progress.push((kind, position.clone(), row));
        let cursor = Self { progress, unfinished: false, ..self.clone() };
        (cursor.progress.len() <= MOST_PARTS && cursor.bytes().len() <= LONGEST_BYTES).then_some(cursor)
    }

    /// Whether a cursor can name these rows, in order, or any of them, beyond its position.
    #[must_use]
    pub fn can_name(rows: &[i64]) -> bool {
        let mut out = Vec::new();
        write_ascending(&mut out, 0, rows.iter().map(|row| row.unsigned_abs()));
        out.len() <= AHEAD_BYTES
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.push(u8::from(self.unfinished));
        out.extend(self.log.as_bytes());
        write_number(&mut out, self.at.unsigned_abs());
        self.position.write(&mut out);
        write_ascending(&mut out, 0, self.ahead.iter().map(|row| row.unsigned_abs()));
        write_number(&mut out, self.progress.len() as u64);
        for (kind, position, row) in &self.progress {
            out.push(u8::from(*kind == Kind::Steps));
            position.write(&mut out);
            write_number(&mut out, row.unsigned_abs());
        }
        out
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.bytes()))
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
            for _ in 0..read_number(bytes).filter(|count| *count <= MOST_PARTS as u64)? {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::position::Snapshot;
    use proptest::prelude::*;

    fn positions() -> impl Strategy<Value = Position> {
        let snapshot = (1_u64..1 << 40, prop::collection::btree_set(0_u64..5_000, 0..20), 0_u64..100).prop_map(
            |(xmin, running, beyond)| {
                let running: Vec<_> = running.into_iter().map(|offset| xmin + offset).collect();
                let xmax = running.last().map_or(xmin, |last| last + 1) + beyond;
                Position::Snapshot(Snapshot { xmin, xmax, running })
            },
        );
        let rows = (0_i64..1 << 40, 0_i64..1 << 40).prop_map(|(events, steps)| Position::Rows { events, steps });
        prop_oneof![snapshot, rows]
    }

    /// As large as they come, cut down until they fit.
    fn large_positions() -> impl Strategy<Value = Position> {
        let gaps = prop_oneof![1_u64..3, 1_u64..1 << 10, 1_u64..1 << 40];
        (1_u64..1 << 50, prop::collection::vec(gaps, 0..600)).prop_map(|(xmin, gaps)| {
            let mut running: Vec<_> =
                gaps.iter().scan(xmin, |last, gap| Some(std::mem::replace(last, *last + gap))).collect();
            loop {
                let xmax = running.last().map_or(xmin, |last| last + 1);
                let position = Position::Snapshot(Snapshot { xmin, xmax, running: running.clone() });
                if position.fits() {
                    return position;
                }
                running.pop();
            }
        })
    }

    fn is_read(cursor: &Cursor) -> bool {
        cursor.to_string().parse().as_ref() == Ok(cursor)
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
        fn no_cursor_that_is_given_out_is_too_long_to_be_given_back(
            (from, to) in (large_positions(), large_positions()),
            rows in prop::collection::vec(prop_oneof![0_i64..1_000, 0_i64..1 << 20, 0_i64..1 << 60], 0..700),
            interruptions in prop::collection::vec((any::<bool>(), prop_oneof![positions(), large_positions()], 0_i64..1 << 40), 0..40),
        ) {
            // As the hub does: a row for which there is no room waits.
            let mut ahead = Vec::new();
            for row in rows {
                let mut more: Vec<_> = ahead.iter().copied().chain([row]).collect();
                more.sort_unstable();
                more.dedup();
                if Cursor::can_name(&more) {
                    ahead = more;
                }
            }
            let at = Cursor::at(Uuid::max(), i64::MAX, from);
            let live = Cursor { ahead: ahead.clone(), ..at.clone() };
            let read = Cursor { progress: vec![(Kind::Events, to, i64::MAX)], ..live.clone() };
            let of_some = Cursor { ahead: ahead.into_iter().step_by(2).collect(), unfinished: true, ..read.clone() };
            for cursor in [&at, &live, &read, &of_some] {
                prop_assert!(is_read(cursor), "{} bytes", cursor.bytes().len());
            }
            for begin in [at, read] {
                let mut cursor = begin;
                for (place, (is_event, position, row)) in interruptions.iter().enumerate() {
                    let kind = if *is_event { Kind::Events } else { Kind::Steps };
                    match cursor.resumed(kind, position, *row) {
                        Some(next) => cursor = next,
                        None => prop_assert!(place > 0 || !cursor.progress.is_empty()),
                    }
                    prop_assert!(is_read(&cursor));
                }
            }
        }

        #[test]
        fn no_text_is_too_odd_to_be_refused(text in "[A-Za-z0-9_-]{0,100}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            }
        }
    }

    #[test]
    fn a_late_row_does_not_make_what_lies_behind_it_unseen() {
        let place = |events| Position::Rows { events, steps: 1 };
        let begin = Cursor::at(Uuid::from_u128(7), 0, place(1));
        let interrupted = begin.resumed(Kind::Events, &place(60), 50).unwrap();
        let late = interrupted.resumed(Kind::Events, &place(70), 40).unwrap();
        assert_eq!(late.progress, [(Kind::Events, place(60), 50), (Kind::Events, place(70), 40)]);
        assert_eq!(late.resumed(Kind::Events, &place(70), 55).unwrap().progress, [(Kind::Events, place(70), 55)]);
        assert_eq!(late.resumed(Kind::Steps, &place(70), 55).unwrap().progress.len(), 3);
    }
}
