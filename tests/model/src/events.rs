//! From the log to those who watch: transactions of two doctors commit in any order, a bus that loses, repeats and reorders, processes
//! that die between commit and publication, a relay, and one process that listens and reads the log.

use crate::{Guard, Guards, Promise};
use stateright::{Model, Property};

/// How many events each doctor's calendar gets.
const EVENTS: [u8; 2] = [2, 1];
/// How many messages may be under way, and how often the relay publishes one event at most.
const UNDER_WAY: usize = 2;
const DOCTORS: [usize; 2] = [0, 1];

/// What stands guard.
#[derive(Clone, Debug)]
pub struct Events {
    /// What stands guard.
    pub guards: Guards,
    /// Whether the bus loses messages.
    pub loses: bool,
}

/// How far an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// Written, in a transaction that is open: its row has a number.
    Open,
    /// Committed; its process is about to publish it.
    Committed,
    /// Its process has published it, or died.
    Left,
}

/// A row of the log. Its number is its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Row {
    doctor: usize,
    version: u8,
    stage: Stage,
    is_marked: bool,
}

/// Where everybody is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    log: Vec<Row>,
    /// Messages under way: rows of the log.
    messages: Vec<usize>,
    /// How often a message was repeated.
    repeated: bool,
    /// The listener's position: the rows that were settled when it last read, or those below the last number that it saw.
    read: Vec<usize>,
    /// The last version of each doctor that was delivered.
    last: [u8; 2],
    /// What was delivered of each doctor.
    delivered: [Vec<u8>; 2],
}

/// One step of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A transaction writes the next event of a doctor, whose calendar's row it holds until it ends.
    Write(usize),
    /// It commits.
    Commit(usize),
    /// Its process publishes it and notes so.
    Publish(usize),
    /// Its process dies before that.
    Die(usize),
    /// The relay publishes it and notes so.
    Relay(usize),
    /// A message arrives.
    Arrive(usize),
    /// A message arrives, and will once more.
    ArriveTwice(usize),
    /// A message is lost.
    Lose(usize),
    /// The listener reads the log.
    Read,
}

impl Model for Events {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let delivered = [Vec::new(), Vec::new()];
        vec![State { log: vec![], messages: vec![], repeated: false, read: vec![], last: [0; 2], delivered }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for doctor in DOCTORS {
            let rows = state.log.iter().filter(|row| row.doctor == doctor);
            if rows.clone().all(|row| row.stage != Stage::Open) && rows.count() < usize::from(EVENTS[doctor]) {
                actions.push(Action::Write(doctor));
            }
        }
        let is_free = state.messages.len() < UNDER_WAY;
        for (place, row) in state.log.iter().enumerate() {
            match row.stage {
                Stage::Open => actions.push(Action::Commit(place)),
                Stage::Committed if is_free => actions.extend([Action::Publish(place), Action::Die(place)]),
                Stage::Committed => actions.push(Action::Die(place)),
                Stage::Left => {}
            }
            // The relay does not know whether somebody is about to publish.
            if row.stage != Stage::Open && !row.is_marked && is_free && self.guards.has(Guard::Relay) {
                actions.push(Action::Relay(place));
            }
        }
        for place in 0..state.messages.len() {
            actions.push(Action::Arrive(place));
            if self.loses {
                actions.push(Action::Lose(place));
            }
            if !state.repeated {
                actions.push(Action::ArriveTwice(place));
            }
        }
        if self.guards.has(Guard::LogReading) && !self.unread(state).is_empty() {
            actions.push(Action::Read);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Write(doctor) => {
                let before = state.log.iter().filter(|row| row.doctor == doctor).count();
                let version = u8::try_from(before + 1).unwrap_or(u8::MAX);
                next.log.push(Row { doctor, version, stage: Stage::Open, is_marked: false });
            }
            Action::Commit(row) => next.log[row].stage = Stage::Committed,
            Action::Publish(row) => {
                next.log[row].stage = Stage::Left;
                if self.guards.has(Guard::Publishing) {
                    next.publish(row);
                }
            }
            Action::Die(row) => next.log[row].stage = Stage::Left,
            Action::Relay(row) => next.publish(row),
            Action::Arrive(place) => {
                let row = next.messages.remove(place);
                self.hear(&mut next, row);
            }
            Action::ArriveTwice(place) => {
                next.repeated = true;
                self.hear(&mut next, state.messages[place]);
            }
            Action::Lose(place) => {
                next.messages.remove(place);
            }
            Action::Read => self.read(&mut next),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(HEARD_ONCE, |_, state: &State| {
                state.delivered.iter().all(|versions| versions.is_sorted_by(|one, next| one < next))
            }),
            Property::always(HEARD_ALL, |model: &Self, state| !model.is_at_rest(state) || state.is_complete()),
            Property::sometimes(AT_REST, |model: &Self, state| model.is_at_rest(state)),
            Property::sometimes(OUT_OF_ORDER, |_, state: &State| {
                state.log.windows(2).any(|rows| rows[0].stage == Stage::Open && rows[1].stage != Stage::Open)
            }),
        ]
    }
}

impl Events {
    /// The rows that the listener finds when it reads on from its position.
    fn unread(&self, state: &State) -> Vec<usize> {
        let committed = (0..state.log.len()).filter(|place| state.log[*place].stage != Stage::Open);
        let is_behind = |place: &usize| {
            if self.guards.has(Guard::SnapshotPosition) {
                !state.read.contains(place)
            } else {
                state.read.iter().max().is_none_or(|last| place > last)
            }
        };
        committed.filter(is_behind).collect()
    }

    fn read(&self, state: &mut State) {
        let unread = self.unread(state);
        state.read.extend(&unread);
        state.read.sort_unstable();
        for row in unread {
            self.deliver(state, row);
        }
    }

    fn hear(&self, state: &mut State, row: usize) {
        let Row { doctor, version, .. } = state.log[row];
        if version > state.last[doctor] + 1 && self.guards.has(Guard::GapReading) {
            let is_missing =
                |row: &Row| row.doctor == doctor && row.version > state.last[doctor] && row.version < version;
            let missing: Vec<_> = (0..state.log.len()).filter(|place| is_missing(&state.log[*place])).collect();
            for row in missing {
                self.deliver(state, row);
            }
        }
        self.deliver(state, row);
    }

    fn deliver(&self, state: &mut State, row: usize) {
        let Row { doctor, version, .. } = state.log[row];
        if version <= state.last[doctor] && self.guards.has(Guard::VersionSkipping) {
            return;
        }
        state.last[doctor] = state.last[doctor].max(version);
        state.delivered[doctor].push(version);
    }

    /// Nothing is open, under way or waiting: what has not been heard by now never will be.
    fn is_at_rest(&self, state: &State) -> bool {
        let is_left =
            state.log.iter().all(|row| row.stage == Stage::Left && (row.is_marked || !self.guards.has(Guard::Relay)));
        let is_read = !self.guards.has(Guard::LogReading) || self.unread(state).is_empty();
        is_left && is_read && state.messages.is_empty()
    }
}

impl State {
    /// Whether the bus takes a message says nothing about whether it arrives.
    fn publish(&mut self, row: usize) {
        self.log[row].is_marked = true;
        self.messages.push(row);
    }

    fn is_complete(&self) -> bool {
        self.log.iter().all(|row| self.delivered[row.doctor].contains(&row.version))
    }
}

const HEARD_ONCE: &str = "nobody hears an event twice, or after a later one";
const HEARD_ALL: &str = "everybody hears every event in the end";
const AT_REST: &str = "everything comes to rest";
const OUT_OF_ORDER: &str = "a later row is committed before an earlier one";

/// What is promised of events.
pub const PROMISES: &[Promise] = &[
    Promise {
        name: HEARD_ONCE,
        served_by: &[Guard::GapReading, Guard::VersionSkipping],
        suffices: &[&[Guard::VersionSkipping]],
    },
    Promise {
        name: HEARD_ALL,
        served_by: &[Guard::Publishing, Guard::Relay, Guard::GapReading, Guard::LogReading, Guard::SnapshotPosition],
        suffices: &[&[Guard::LogReading, Guard::SnapshotPosition]],
    },
];

/// What must be reached, so that nothing is promised in vain.
pub const REACHED: &[&str] = &[AT_REST, OUT_OF_ORDER];
