//! What stands guard in the protocol, each of which the checker can take out.

/// One thing that keeps a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Guard {
    /// The lock of (doctor, start) in Redis.
    Lock,
    /// The calendar's row: whoever writes holds it, or writes only if its version is still the one that was read.
    Row,
    /// No two occupied ranges of a doctor's claims overlap, by a constraint.
    NoOverlap,
    /// No two claims of a doctor have the same start, by an index.
    UniqueStart,
    /// The answer goes out after the commit.
    AnswerAfterCommit,
    /// The commit is on disk when the database says so.
    DurableCommit,
    /// A hold is over at `t ≥ expires_at` by the database's clock, read behind the calendar's row.
    DatabaseClock,
    /// The worker that expires overdue holds.
    ExpiryWorker,
    /// The event is written in the transaction of its change.
    EventInTransaction,
    /// No two events of a calendar have the same version, by an index; each counts on from the version that its writer read.
    UniqueVersion,
    /// The idempotency record, written in the transaction of its effect.
    KeyRecord,
    /// The key is looked up again once the calendar's row is held.
    KeyBehindRow,
    /// Whoever commits publishes.
    Publishing,
    /// The relay that publishes what is committed and not marked as published.
    Relay,
    /// Every process reads the log, twice a second.
    LogReading,
    /// The position in the log is a snapshot, not the last number seen.
    SnapshotPosition,
    /// A process that sees a version missing reads the log before it delivers more.
    GapReading,
    /// What is not newer than the last version delivered is left out.
    VersionSkipping,
}

impl Guard {
    /// What it is called in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock in Redis",
            Self::Row => "calendar's row",
            Self::NoOverlap => "no-overlap constraint",
            Self::UniqueStart => "unique start",
            Self::AnswerAfterCommit => "answer after commit",
            Self::DurableCommit => "durable commit",
            Self::DatabaseClock => "database's clock behind the row",
            Self::ExpiryWorker => "expiry worker",
            Self::EventInTransaction => "event in the transaction",
            Self::UniqueVersion => "unique version, one more than the one read",
            Self::KeyRecord => "idempotency record",
            Self::KeyBehindRow => "key looked up behind the row",
            Self::Publishing => "publishing",
            Self::Relay => "relay",
            Self::LogReading => "reading the log",
            Self::SnapshotPosition => "snapshot as position",
            Self::GapReading => "reading at a gap",
            Self::VersionSkipping => "skipping by version",
        }
    }
}

/// Which guards stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards(u32);

impl Guards {
    /// All of them: the protocol as it is.
    pub const ALL: Self = Self(u32::MAX);

    /// Whether this one stands.
    #[must_use]
    pub fn has(self, guard: Guard) -> bool {
        self.0 & (1 << guard as u8) != 0
    }

    /// The same with these.
    #[must_use]
    pub fn with(self, guards: &[Guard]) -> Self {
        Self(guards.iter().fold(self.0, |set, guard| set | 1 << *guard as u8))
    }

    /// The same without these.
    #[must_use]
    pub fn without(self, guards: &[Guard]) -> Self {
        Self(guards.iter().fold(self.0, |set, guard| set & !(1 << *guard as u8)))
    }
}
