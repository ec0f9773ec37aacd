//! What a hub remembers: how far it has come, and who follows what.

use super::{
    announced::Announced,
    cursor::Cursor,
    feed::{Delivered, Interest, News, Place, Selection},
    model::{AppointmentStep, CalendarEvent},
    position::Position,
};
use crate::kernel::{id::DoctorId, rejection::Rejection};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use uuid::Uuid;

/// What waits for somebody who follows and is busy. They pass it on to queues of their own.
const QUEUE: usize = 10_000;

/// By rows of the log, which places the doctor joined (true) or left (false) with that change.
pub type Moves = HashMap<i64, Vec<(Uuid, bool)>>;

/// Who follows, what comes to them, and from where on.
pub type Opened = (u64, mpsc::Receiver<News>, Position);

/// Somebody wants to follow.
#[derive(Debug)]
pub struct Opening {
    pub interest: Interest,
    pub opened: oneshot::Sender<Result<Opened, Rejection>>,
}

/// What was asked for before the log is read.
#[derive(Debug)]
pub struct Asked {
    pub marks: Vec<u64>,
    pub mark: u64,
    pub openings: Vec<Opening>,
}

/// How an event follows what was delivered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It was delivered.
    Old,
    /// It is the next one.
    Next,
    /// Something is missing before it, or nobody here knows what comes next.
    Unknown,
}

/// What a hub remembers.
#[derive(Debug)]
pub struct State {
    /// What was committed at it was delivered.
    pub position: Position,
    /// What was delivered since that position was read, by row and doctor.
    pub ahead: Vec<(i64, DoctorId)>,
    /// Who belongs to the places that are watched.
    pub places: HashMap<Place, HashSet<DoctorId>>,
    /// Who wants a mark behind what is read next.
    pub marks: Vec<u64>,
    /// The number of the last mark.
    pub mark: u64,
    /// Who wants to follow behind what is read next.
    pub openings: Vec<Opening>,
    /// The last version that was delivered, of every doctor that something was delivered of.
    versions: HashMap<DoctorId, i32>,
    announced: Arc<Announced>,
    watchers: HashMap<u64, Watcher>,
    next_watcher: u64,
    of_appointments: usize,
}

#[derive(Debug)]
struct Watcher {
    interest: Interest,
    news: mpsc::Sender<News>,
}

impl State {
    pub fn new(position: Position, announced: Arc<Announced>) -> Self {
        Self {
            position,
            ahead: Vec::new(),
            places: HashMap::new(),
            marks: Vec::new(),
            mark: 0,
            openings: Vec::new(),
            versions: HashMap::new(),
            announced,
            watchers: HashMap::new(),
            next_watcher: 0,
            of_appointments: 0,
        }
    }

    pub fn add(&mut self, interest: Interest) -> (u64, mpsc::Receiver<News>) {
        let (news, receiver) = mpsc::channel(QUEUE);
        self.next_watcher += 1;
        self.of_appointments += usize::from(matches!(interest, Interest::Appointments(_)));
        self.watchers.insert(self.next_watcher, Watcher { interest, news });
        (self.next_watcher, receiver)
    }

    pub fn remove(&mut self, watcher: u64) {
        let Some(Watcher { interest, .. }) = self.watchers.remove(&watcher) else { return };
        match interest {
            Interest::Appointments(_) => self.of_appointments -= 1,
            Interest::Calendars(Selection::Place(place)) if !self.is_watched(place) => {
                self.places.remove(&place);
            }
            Interest::Calendars(_) => {}
        }
    }

    fn is_watched(&self, place: Place) -> bool {
        let watches =
            |watcher: &Watcher| matches!(watcher.interest, Interest::Calendars(Selection::Place(of)) if of == place);
        self.watchers.values().any(watches)
    }

    /// Lets everybody go: they have to resume.
    pub fn forget_all(&mut self) {
        self.versions.clear();
        self.watchers.clear();
        self.places.clear();
        self.of_appointments = 0;
    }

    pub fn follows_appointments(&self) -> bool {
        self.of_appointments > 0
    }

    /// Whether a cursor can name one more row beyond the position.
    pub fn has_room_for(&self, row: i64) -> bool {
        let mut rows: Vec<_> = self.ahead.iter().map(|(row, _)| *row).chain([row]).collect();
        rows.sort_unstable();
        Cursor::can_name(&rows)
    }

    /// How an event follows what was delivered of its doctor's.
    pub fn order_of(&self, event: &CalendarEvent) -> Order {
        match self.versions.get(&event.doctor_id) {
            Some(version) if event.version <= *version => Order::Old,
            Some(version) if event.version == version + 1 => Order::Next,
            _ => Order::Unknown,
        }
    }

    /// From where the log is to be read, and for whom.
    pub fn begin_reading(&mut self) -> (Position, Asked) {
        self.mark += 1;
        let (marks, openings) = (std::mem::take(&mut self.marks), std::mem::take(&mut self.openings));
        (self.position.clone(), Asked { marks, mark: self.mark, openings })
    }

    pub fn answer(&mut self, marks: Vec<u64>, mark: u64, cursor: &Arc<Cursor>) {
        for watcher in marks {
            if let Some(Watcher { news, .. }) = self.watchers.get(&watcher)
                && news.try_send(News::Mark(mark, Arc::clone(cursor))).is_err()
            {
                self.remove(watcher);
            }
        }
    }

    /// Delivers an event to those who watch its doctor, unless it was delivered before: with `base` as the cursor, and what was delivered
    /// beyond the position of the calendars that they watch.
    pub fn deliver(&mut self, event: CalendarEvent, moves: &Moves, base: &Cursor) {
        let doctor = event.doctor_id;
        let version = self.versions.entry(doctor).or_insert(0);
        if event.version <= *version {
            return;
        }
        *version = event.version;
        self.announced.announce(&[event]);
        let moves = moves.get(&event.id).map_or(&[][..], Vec::as_slice);
        let joins = |place: &Place| moves.iter().find(|(id, _)| *id == place.id()).map(|(_, joins)| *joins);
        for (_, members) in self.places.iter_mut().filter(|(place, _)| joins(place).is_some()) {
            members.insert(doctor);
        }
        let (places, beyond) = (&self.places, &self.ahead);
        let mut gone = Vec::new();
        for (watcher, Watcher { interest, news }) in &self.watchers {
            let Interest::Calendars(selection) = interest else { continue };
            let includes = |doctor: DoctorId| match selection {
                Selection::Doctors(doctors) => doctors.contains(&doctor),
                Selection::Place(place) => places.get(place).is_some_and(|members| members.contains(&doctor)),
                Selection::All => true,
            };
            if includes(doctor) {
                let mut ahead: Vec<_> =
                    beyond.iter().filter(|(_, doctor)| includes(*doctor)).map(|(row, _)| *row).collect();
                ahead.sort_unstable();
                let cursor = Arc::new(Cursor { ahead, ..base.clone() });
                let delivered = Delivered { what: event, cursor };
                // Whoever's queue is full is let go, for the others must not wait.
                if matches!(news.try_send(News::Event(delivered)), Err(TrySendError::Full(_))) {
                    gone.push(*watcher);
                }
            }
        }
        // Who leaves a place is heard of for the last time.
        for (_, members) in self.places.iter_mut().filter(|(place, _)| joins(place) == Some(false)) {
            members.remove(&doctor);
        }
        for watcher in gone {
            self.remove(watcher);
        }
    }

    pub fn deliver_step(&mut self, step: &AppointmentStep, cursor: &Arc<Cursor>) {
        let mut gone = Vec::new();
        for (watcher, Watcher { interest, news }) in &self.watchers {
            if matches!(interest, Interest::Appointments(audience) if audience.hears_of(step)) {
                let delivered = Delivered { what: step.clone(), cursor: Arc::clone(cursor) };
                if matches!(news.try_send(News::Step(delivered)), Err(TrySendError::Full(_))) {
                    gone.push(*watcher);
                }
            }
        }
        for watcher in gone {
            self.remove(watcher);
        }
    }
}
