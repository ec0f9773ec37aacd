//! What must hold, and what must be reached so that it is not held in vain.

use super::{
    Booking, State,
    state::{Answer, Claim, Status, Step, Wish},
};
use crate::{Guard, Promise};
use stateright::Property;

const ONE_WINNER: &str = "never two live claims that overlap";
const NEVER_LOST: &str = "an acknowledged booking is never lost";
const HOLD_ENDS: &str = "no hold outlives its expiry";
const LOGGED_ONCE: &str = "every change is in the log once, with a version of its own";
const KEY_ONCE: &str = "a repeated request books once, and is told so";

/// What is promised of bookings.
pub const PROMISES: &[Promise] = &[
    Promise {
        name: ONE_WINNER,
        served_by: &[Guard::Lock, Guard::UniqueStart, Guard::Row, Guard::NoOverlap, Guard::UniqueVersion],
        suffices: &[&[Guard::Row], &[Guard::NoOverlap], &[Guard::UniqueVersion]],
    },
    Promise {
        name: NEVER_LOST,
        served_by: &[Guard::AnswerAfterCommit, Guard::DurableCommit, Guard::Row, Guard::UniqueVersion],
        suffices: &[
            &[Guard::AnswerAfterCommit, Guard::DurableCommit, Guard::Row],
            &[Guard::AnswerAfterCommit, Guard::DurableCommit, Guard::UniqueVersion],
        ],
    },
    Promise {
        name: HOLD_ENDS,
        served_by: &[Guard::ExpiryWorker, Guard::DatabaseClock, Guard::Row],
        suffices: &[&[Guard::DatabaseClock, Guard::Row]],
    },
    Promise {
        name: LOGGED_ONCE,
        served_by: &[Guard::EventInTransaction, Guard::Row, Guard::UniqueVersion],
        suffices: &[&[Guard::EventInTransaction, Guard::Row], &[Guard::EventInTransaction, Guard::UniqueVersion]],
    },
    Promise {
        name: KEY_ONCE,
        served_by: &[Guard::Lock, Guard::KeyRecord, Guard::KeyBehindRow],
        suffices: &[&[Guard::KeyRecord, Guard::KeyBehindRow]],
    },
];

const STATEMENT: &str = "somebody books in one statement";
const BEHIND_ROW: &str = "somebody books behind the row";
const OVERTAKEN: &str = "an overdue hold gives way";
const HOLD_BOOKED: &str = "a hold is booked";
const MOVED: &str = "a visit is moved to a time that overlaps it";
const REPEATED: &str = "a repeated request gets the same answer";
const BEATEN: &str = "somebody is beaten";

/// What some scenario must reach.
pub const REACHED: &[&str] = &[STATEMENT, BEHIND_ROW, OVERTAKEN, HOLD_BOOKED, MOVED, REPEATED, BEATEN];

pub(super) fn all() -> Vec<Property<Booking>> {
    vec![
        Property::always(ONE_WINNER, |_, state: &State| {
            state.database.claims.iter().filter(|claim| claim.is_live(state.now)).count() <= 1
        }),
        Property::always(NEVER_LOST, |_, state: &State| {
            !state.is_quiet() || (0..2).all(|client| is_kept(state, client))
        }),
        Property::always(HOLD_ENDS, |_, state: &State| !state.noticed.outlived),
        Property::always(LOGGED_ONCE, |_, state: &State| !state.is_quiet() || is_logged(state)),
        Property::always(KEY_ONCE, |_, state: &State| {
            !state.noticed.estranged && (0..2).all(|client| booked(state, client).count() <= 1)
        }),
        Property::sometimes(STATEMENT, |_, state: &State| steps(state).any(|step| matches!(step, Step::Statement(_)))),
        Property::sometimes(BEHIND_ROW, |_, state: &State| steps(state).any(|step| matches!(step, Step::Judged(_)))),
        Property::sometimes(OVERTAKEN, |_, state: &State| {
            let has = |status| state.database.claims.iter().any(|claim| claim.status == status);
            state.clients.iter().any(|client| matches!(client.told, Some(Answer::HoldExpired))) && has(Status::Booked)
        }),
        Property::sometimes(HOLD_BOOKED, |_, state: &State| {
            let mut requests = state.requests.iter().flatten();
            requests.any(|request| {
                matches!(request.wish, Wish::BookHold(_)) && request.step == Step::Answering(Answer::Done)
            })
        }),
        Property::sometimes(MOVED, |_, state: &State| {
            let mut requests = state.requests.iter().flatten();
            requests
                .any(|request| matches!(request.wish, Wish::Move(_)) && request.step == Step::Answering(Answer::Done))
        }),
        Property::sometimes(REPEATED, |_, state: &State| {
            steps(state).filter(|step| matches!(step, Step::Answering(Answer::Booked(_)))).count() == 2
        }),
        Property::sometimes(BEATEN, |_, state: &State| {
            let told = state.clients.map(|client| client.told);
            matches!(told, [Some(Answer::Booked(_)), Some(Answer::Taken)])
        }),
    ]
}

fn steps(state: &State) -> impl Iterator<Item = &Step> {
    state.requests.iter().flatten().map(|request| &request.step)
}

fn booked(state: &State, client: usize) -> impl Iterator<Item = &Claim> {
    state.database.claims.iter().filter(move |claim| claim.client == client && claim.status == Status::Booked)
}

fn is_kept(state: &State, client: usize) -> bool {
    let told = state.clients[client].told;
    !matches!(told, Some(Answer::Booked(_) | Answer::Done)) || state.has_booked(client)
}

fn is_logged(state: &State) -> bool {
    let mut versions = state.database.log.clone();
    versions.sort_unstable();
    let changes = state.database.changes;
    versions.iter().copied().eq(1..=changes) && state.database.version == changes
}
