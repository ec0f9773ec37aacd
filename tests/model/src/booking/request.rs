//! How a request is handled.

use super::{
    Booking,
    state::{Answer, Claim, Database, Goal, HOURS, Owner, Plan, Request, State, Status, Step, Wish},
};
use crate::Guard;

/// How often a wish is sent at most.
const ATTEMPTS: usize = 2;

/// Another event of this calendar has the version.
pub(super) struct VersionTaken;

impl Booking {
    pub(super) fn may_send(state: &State, client: usize) -> bool {
        let at = &state.clients[client];
        let is_unsure = matches!(at.told, None | Some(Answer::Unsure));
        let attempts = if wish(state, client) == Wish::Hold { 1 } else { ATTEMPTS };
        is_unsure && at.sent < attempts && state.requests[place(client, at.sent)].is_none()
    }

    pub(super) fn send(&self, state: &mut State, client: usize) {
        let (start, wish) = (state.clients[client].goal.start(), wish(state, client));
        let start = if let Wish::Move(_) = wish { start.other() } else { start };
        // Whoever books their own hold needs no lock.
        let needs_lock = self.guards.has(Guard::Lock) && !matches!(wish, Wish::BookHold(_));
        let step = if needs_lock { Step::Arrived } else { after_lock(wish) };
        let at = &mut state.clients[client];
        state.requests[place(client, at.sent)] = Some(Request { client, start, wish, step });
        at.sent += 1;
        at.told = None;
    }

    pub(super) fn step(&self, mut state: State, place: usize) -> Option<State> {
        let request = state.requests[place].clone()?;
        let step = match request.step.clone() {
            Step::Arrived => self.lock(&mut state, place, &request),
            Step::Locked => self.read(&mut state, &request),
            Step::Statement(plan) => self.write_at_once(&mut state, &request, &plan),
            Step::Begun => self.take_row(&mut state, place, &request)?,
            Step::Judged(plan) => {
                state.frees(Owner::Request(place));
                self.commit(&mut state, &request, &plan)
            }
            Step::Unlogged(version, answer) => {
                state.database.log.push(version);
                Step::Answering(answer)
            }
            Step::Answering(answer) => {
                if state.locks[request.start as usize] == Some(place) {
                    state.locks[request.start as usize] = None;
                }
                state.requests[place] = None;
                tell(&mut state, &request, answer);
                return Some(state);
            }
        };
        state.noticed.estranged |= step == Step::Answering(Answer::Taken) && state.has_booked(request.client);
        if let Some(request) = &mut state.requests[place] {
            request.step = step;
        }
        Some(state)
    }

    fn lock(&self, state: &mut State, place: usize, request: &Request) -> Step {
        let lock = &mut state.locks[request.start as usize];
        if lock.is_none() {
            *lock = Some(place);
            return after_lock(request.wish);
        }
        match self.recorded(state, request) {
            Some(answer) => Step::Answering(answer),
            None => Step::Answering(Answer::Unsure),
        }
    }

    /// Judges by what the process knows of the calendar at this version. Whatever speaks against it is for the row to decide.
    fn read(&self, state: &mut State, request: &Request) -> Step {
        match self.judge(state, request) {
            Ok(plan) if plan.overdue.is_empty() => self.decided(state, request, Step::Statement(plan)),
            _ => Step::Begun,
        }
    }

    /// Everything in one statement, which waits for nobody: where the row is held or has moved on, or the key was used, a transaction begins.
    fn write_at_once(&self, state: &mut State, request: &Request, plan: &Plan) -> Step {
        let has_moved = state.row.is_some() || state.database.version != plan.version;
        if (self.guards.has(Guard::Row) && has_moved) || self.recorded(state, request).is_some() {
            return Step::Begun;
        }
        self.commit(state, request, plan)
    }

    /// Begins a transaction with the calendar's row, then judges behind it.
    fn take_row(&self, state: &mut State, place: usize, request: &Request) -> Option<Step> {
        if self.guards.has(Guard::Row) {
            if state.row.is_some() {
                return None;
            }
            state.row = Some(Owner::Request(place));
        }
        let recorded = if self.guards.has(Guard::KeyBehindRow) { self.recorded(state, request) } else { None };
        let judged = recorded.map_or_else(|| self.judge(state, request), Err);
        Some(match judged {
            Ok(plan) => self.decided(state, request, Step::Judged(plan)),
            Err(answer) => {
                state.frees(Owner::Request(place));
                Step::Answering(answer)
            }
        })
    }

    fn recorded(&self, state: &State, request: &Request) -> Option<Answer> {
        let made = self.guards.has(Guard::KeyRecord).then(|| state.database.recorded(request))??;
        Some(answer(request.wish, made))
    }

    /// Where the answer does not wait for the commit it goes out now.
    fn decided(&self, state: &mut State, request: &Request, step: Step) -> Step {
        if !self.guards.has(Guard::AnswerAfterCommit) && request.wish != Wish::Hold {
            tell(state, request, answer(request.wish, state.database.claims.len()));
        }
        step
    }

    /// Whether the time can be had, by the clock of this moment.
    fn judge(&self, state: &mut State, request: &Request) -> Result<Plan, Answer> {
        let now = state.now;
        let by_clock = self.guards.has(Guard::DatabaseClock);
        let claims = &state.database.claims;
        let plan = Plan { version: state.database.version, overdue: Vec::new() };
        if let Wish::BookHold(hold) = request.wish {
            let is_overdue = claims[hold].is_overdue(now);
            return match claims[hold].status {
                Status::Held { .. } if !(by_clock && is_overdue) => {
                    state.noticed.outlived |= is_overdue;
                    Ok(plan)
                }
                // Without a second look at the key this is all that one's own twin leaves to see.
                Status::Booked => Err(Answer::Taken),
                _ => Err(Answer::HoldExpired),
            };
        }
        let moved = if let Wish::Move(moved) = request.wish { Some(moved) } else { None };
        if moved.is_some_and(|moved| !claims[moved].is_claim()) {
            return Err(Answer::Taken);
        }
        let in_the_way = claims.iter().enumerate().filter(|(place, claim)| claim.is_claim() && Some(*place) != moved);
        let (overdue, live): (Vec<_>, Vec<_>) = in_the_way.partition(|(_, claim)| by_clock && claim.is_overdue(now));
        if live.is_empty() {
            return Ok(Plan { overdue: overdue.into_iter().map(|(place, _)| place).collect(), ..plan });
        }
        state.noticed.outlived |= live.iter().all(|(_, claim)| claim.is_overdue(now));
        Err(Answer::Taken)
    }

    /// Writes everything in one transaction: overdue holds expire, the claim is made, and so are the record and the events.
    fn commit(&self, state: &mut State, request: &Request, plan: &Plan) -> Step {
        let mut after = state.database.clone();
        for overdue in &plan.overdue {
            after.claims[*overdue].status = Status::Released;
        }
        let made = claim(&mut after, state.now, request);
        after.keys.push((request.client, request.wish, made));
        if !self.is_allowed(&after, made) {
            return Step::Answering(Answer::Taken);
        }
        let own = if matches!(request.wish, Wish::Move(_)) { 2 } else { 1 };
        let changes = u8::try_from(plan.overdue.len() + own).unwrap_or(u8::MAX);
        let Ok(unlogged) = self.log(&mut after, plan.version, changes) else {
            return Step::Answering(Answer::Unsure);
        };
        // Behind the row the time of the judgement counts, since nothing could happen in between.
        if let (Wish::BookHold(hold), false) = (request.wish, self.guards.has(Guard::Row)) {
            state.noticed.outlived |= !state.database.claims[hold].is_live(state.now);
        }
        self.settle(state, after);
        let answer = answer(request.wish, made);
        unlogged.map_or(Step::Answering(answer), |version| Step::Unlogged(version, answer))
    }

    /// The constraints of the table.
    fn is_allowed(&self, after: &Database, made: usize) -> bool {
        let claim = after.claims[made];
        let others = after.claims.iter().enumerate().filter(|(place, other)| *place != made && other.is_claim());
        let (overlaps, same_start) =
            others.fold((false, false), |(_, same), (_, other)| (true, same || other.start == claim.start));
        !(self.guards.has(Guard::NoOverlap) && overlaps || self.guards.has(Guard::UniqueStart) && same_start)
    }

    /// Gives each change a version and an event, if the index does not refuse; a version that is still to be written where events are
    /// written by themselves.
    pub(super) fn log(&self, after: &mut Database, read: u8, changes: u8) -> Result<Option<u8>, VersionTaken> {
        after.version = read + changes;
        after.changes += changes;
        let mut versions: Vec<_> = (read + 1..=read + changes).collect();
        if self.guards.has(Guard::UniqueVersion) && versions.iter().any(|version| after.log.contains(version)) {
            return Err(VersionTaken);
        }
        let unlogged = if self.guards.has(Guard::EventInTransaction) { None } else { versions.pop() };
        after.log.extend(versions);
        Ok(unlogged)
    }

    pub(super) fn settle(&self, state: &mut State, after: Database) {
        let before = std::mem::replace(&mut state.database, after);
        if !self.guards.has(Guard::DurableCommit) {
            state.before = Some(Box::new(before));
        }
    }
}

/// Makes the claim; its place.
fn claim(after: &mut Database, now: u8, request: &Request) -> usize {
    let status = match request.wish {
        Wish::BookHold(hold) => {
            after.claims[hold].status = Status::Booked;
            return hold;
        }
        Wish::Hold => Status::Held { until: now + HOURS },
        Wish::Book => Status::Booked,
        Wish::Move(moved) => {
            after.claims[moved].status = Status::Released;
            Status::Booked
        }
    };
    after.claims.push(Claim { client: request.client, start: request.start, status });
    after.claims.len() - 1
}

fn answer(wish: Wish, made: usize) -> Answer {
    match wish {
        Wish::Hold => Answer::Held(made),
        Wish::Book => Answer::Booked(made),
        Wish::BookHold(_) | Wish::Move(_) => Answer::Done,
    }
}

fn place(client: usize, sent: usize) -> usize {
    client * ATTEMPTS + sent
}

fn wish(state: &State, client: usize) -> Wish {
    match (state.clients[client].goal, state.clients[client].first) {
        (Goal::Book(_), _) | (Goal::BookThenMove(_), None) => Wish::Book,
        (Goal::HoldThenBook(_), None) => Wish::Hold,
        (Goal::HoldThenBook(_), Some(hold)) => Wish::BookHold(hold),
        (Goal::BookThenMove(_), Some(booked)) => Wish::Move(booked),
    }
}

/// Holds always go the locking way, and so does booking them.
fn after_lock(wish: Wish) -> Step {
    if wish == Wish::Book { Step::Locked } else { Step::Begun }
}

fn tell(state: &mut State, request: &Request, answer: Answer) {
    let client = &mut state.clients[request.client];
    if matches!(client.told, Some(told) if told != Answer::Unsure) {
        return;
    }
    let goes_on = match (client.goal, answer) {
        (Goal::HoldThenBook(_), Answer::Held(made)) | (Goal::BookThenMove(_), Answer::Booked(made)) => Some(made),
        _ => None,
    };
    if goes_on.is_some() && client.first.is_none() {
        (client.first, client.sent) = (goes_on, 0);
    } else if goes_on.is_none() {
        client.told = Some(answer);
    }
}
