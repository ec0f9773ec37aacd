//! Two patients, one doctor, two times that overlap, and a worker; a request is handled step by step by a process that may die between
//! any two. What is asked in one statement, or committed in one transaction, is one step.

mod properties;
mod request;
mod state;
mod worker;

pub use properties::{PROMISES, REACHED};
pub use state::{Goal, Start, State};

use crate::Guards;
use state::{LAST, Worker};
use stateright::{Model, Property};

/// What the two patients want, and what stands guard.
#[derive(Clone, Debug)]
pub struct Booking {
    /// What each wants.
    pub goals: [Goal; 2],
    /// What stands guard.
    pub guards: Guards,
    /// Whether a lock's time can be over.
    pub locks_expire: bool,
}

/// One step of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A patient sends the request, or sends it again because no answer has come.
    Send(usize),
    /// A process does the next step of a request.
    Step(usize),
    /// The process dies; its open transaction is undone, and no answer will come.
    Die(usize),
    /// A lock's time is over, whether or not its holder goes on; or Redis was flushed.
    LockExpires(Start),
    /// An hour passes.
    Tick,
    /// The worker does its next step.
    Work,
    /// The worker dies.
    WorkerDies,
    /// The database dies and comes back with what it had on disk.
    DatabaseDies,
}

impl Model for Booking {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.goals)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend((0..2).filter(|client| Self::may_send(state, *client)).map(Action::Send));
        for (place, request) in state.requests.iter().enumerate() {
            if request.is_some() {
                actions.extend([Action::Step(place), Action::Die(place)]);
            }
        }
        let is_held = |start: &Start| self.locks_expire && state.locks[*start as usize].is_some();
        actions.extend([Start::Early, Start::Late].into_iter().filter(is_held).map(Action::LockExpires));
        if state.now < LAST && self.is_about_holds() {
            actions.push(Action::Tick);
        }
        actions.push(Action::Work);
        if state.worker != Worker::Idle {
            actions.push(Action::WorkerDies);
        }
        if state.before.is_some() {
            actions.push(Action::DatabaseDies);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Send(client) => self.send(&mut next, client),
            Action::Step(place) => return self.step(next, place),
            Action::Die(place) => next.die(place),
            Action::LockExpires(start) => next.locks[start as usize] = None,
            Action::Tick => next.now += 1,
            Action::Work => return self.work(next),
            Action::WorkerDies => next.worker_stops(),
            Action::DatabaseDies => next.database_dies(),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Booking {
    fn is_about_holds(&self) -> bool {
        self.goals.iter().any(|goal| matches!(goal, Goal::HoldThenBook(_)))
    }
}
