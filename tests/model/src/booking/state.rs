//! Where everybody is.

/// The last hour of the model's day; a hold lasts one.
pub(super) const LAST: u8 = 2;
pub(super) const HOURS: u8 = 1;

/// The two times of the one doctor. They overlap, so that only one visit fits, and have locks of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// From nine to ten.
    Early,
    /// From half past nine.
    Late,
}

/// What a patient wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// Book a time at once, and ask again with the same key where no answer comes.
    Book(Start),
    /// Hold a time, then book the hold, and ask again.
    HoldThenBook(Start),
    /// Book a time, then move to the other, and ask again.
    BookThenMove(Start),
}

impl Start {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Early => Self::Late,
            Self::Late => Self::Early,
        }
    }
}

impl Goal {
    pub(super) fn start(self) -> Start {
        match self {
            Self::Book(start) | Self::HoldThenBook(start) | Self::BookThenMove(start) => start,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Status {
    Held {
        until: u8,
    },
    Booked,
    /// Expired, or cancelled because it was moved.
    Released,
}

/// An appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Claim {
    pub client: usize,
    pub start: Start,
    pub status: Status,
}

impl Claim {
    /// As the constraints see it: by status alone.
    pub(super) fn is_claim(&self) -> bool {
        self.status != Status::Released
    }

    pub(super) fn is_overdue(&self, now: u8) -> bool {
        matches!(self.status, Status::Held { until } if now >= until)
    }

    pub(super) fn is_live(&self, now: u8) -> bool {
        self.is_claim() && !self.is_overdue(now)
    }
}

/// What is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Database {
    /// The calendar's version.
    pub version: u8,
    pub claims: Vec<Claim>,
    /// The idempotency records: whose key, and what it made.
    pub keys: Vec<(usize, Wish, usize)>,
    /// The versions of the events, as they were written.
    pub log: Vec<u8>,
    /// How many changes were made, as an observer counts them.
    pub changes: u8,
}

impl Database {
    /// What this request's key made.
    pub(super) fn recorded(&self, request: &Request) -> Option<usize> {
        let mut keys = self.keys.iter();
        keys.find(|(client, wish, _)| (*client, *wish) == (request.client, request.wish)).map(|(_, _, made)| *made)
    }
}

/// Whose a row is that is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Request(usize),
    Worker,
}

/// What a request is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    Booked(usize),
    Held(usize),
    /// The hold is booked, or the visit moved.
    Done,
    Taken,
    HoldExpired,
    /// `SLOT_BUSY`, or an error: nothing is known.
    Unsure,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wish {
    Book,
    Hold,
    BookHold(usize),
    Move(usize),
}

/// How far a request is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Arrived,
    Locked,
    /// The snapshot says that the time is free: everything in one statement, if the version is still this.
    Statement(Plan),
    /// The locking way: first the calendar's row.
    Begun,
    /// Holds the calendar's row and has judged.
    Judged(Plan),
    /// Committed without its events, which are written by themselves.
    Unlogged(u8, Answer),
    Answering(Answer),
}

/// What was read and decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    pub version: u8,
    /// Overdue holds that are in the way.
    pub overdue: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub client: usize,
    pub start: Start,
    pub wish: Wish,
    pub step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Client {
    pub goal: Goal,
    /// What the first wish made, where the goal has two.
    pub first: Option<usize>,
    /// How often the present wish was sent.
    pub sent: usize,
    pub told: Option<Answer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Worker {
    Idle,
    /// Has found these overdue, at this version.
    Found(Plan),
}

/// What an observer noticed who sees everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Noticed {
    /// An overdue hold was booked, or was in somebody's way.
    pub outlived: bool,
    /// Somebody was told that the time is taken whose own booking it was.
    pub estranged: bool,
}

/// Where everybody is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub(super) now: u8,
    pub(super) database: Database,
    /// What is on disk, while a commit that was acknowledged is not.
    pub(super) before: Option<Box<Database>>,
    pub(super) row: Option<Owner>,
    pub(super) locks: [Option<usize>; 2],
    /// Two places for each patient: the request, and the same again.
    pub(super) requests: [Option<Request>; 4],
    pub(super) clients: [Client; 2],
    pub(super) worker: Worker,
    pub(super) noticed: Noticed,
}

impl State {
    pub(super) fn new(goals: [Goal; 2]) -> Self {
        Self {
            now: 0,
            database: Database::default(),
            before: None,
            row: None,
            locks: [None; 2],
            requests: [const { None }; 4],
            clients: goals.map(|goal| Client { goal, first: None, sent: 0, told: None }),
            worker: Worker::Idle,
            noticed: Noticed::default(),
        }
    }

    pub(super) fn frees(&mut self, owner: Owner) {
        if self.row == Some(owner) {
            self.row = None;
        }
    }

    pub(super) fn die(&mut self, place: usize) {
        self.requests[place] = None;
        self.frees(Owner::Request(place));
    }

    pub(super) fn worker_stops(&mut self) {
        self.worker = Worker::Idle;
        self.frees(Owner::Worker);
    }

    pub(super) fn database_dies(&mut self) {
        if let Some(before) = self.before.take() {
            self.database = *before;
        }
        self.row = None;
        for place in 0..self.requests.len() {
            if matches!(&self.requests[place], Some(Request { step: Step::Judged(_), .. })) {
                self.requests[place] = None;
            }
        }
        self.worker = Worker::Idle;
    }

    pub(super) fn has_booked(&self, client: usize) -> bool {
        self.database.claims.iter().any(|claim| claim.client == client && claim.status == Status::Booked)
    }

    /// Whether nobody is in the middle of something.
    pub(super) fn is_quiet(&self) -> bool {
        self.requests.iter().all(Option::is_none) && self.worker == Worker::Idle
    }
}
