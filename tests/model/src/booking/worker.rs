//! The worker that tells the world of overdue holds.

use super::{
    Booking,
    state::{Owner, Plan, State, Status, Worker},
};
use crate::Guard;

impl Booking {
    pub(super) fn work(&self, mut state: State) -> Option<State> {
        match state.worker.clone() {
            Worker::Idle => self.find_overdue(state),
            Worker::Found(plan) => {
                let mut after = state.database.clone();
                for overdue in &plan.overdue {
                    after.claims[*overdue].status = Status::Released;
                }
                let changes = u8::try_from(plan.overdue.len()).unwrap_or(u8::MAX);
                if let Ok(unlogged) = self.log(&mut after, plan.version, changes) {
                    after.log.extend(unlogged);
                    self.settle(&mut state, after);
                }
                state.worker_stops();
                Some(state)
            }
        }
    }

    fn find_overdue(&self, mut state: State) -> Option<State> {
        let claims = state.database.claims.iter().enumerate();
        let overdue: Vec<_> = claims.filter(|(_, claim)| claim.is_overdue(state.now)).map(|(place, _)| place).collect();
        if !self.guards.has(Guard::ExpiryWorker) || overdue.is_empty() {
            return None;
        }
        if self.guards.has(Guard::Row) {
            if state.row.is_some() {
                return None;
            }
            state.row = Some(Owner::Worker);
        }
        state.worker = Worker::Found(Plan { version: state.database.version, overdue });
        Some(state)
    }
}
