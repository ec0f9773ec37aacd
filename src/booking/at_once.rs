//! Bookings that nobody contends for. Whoever comes while others are being written goes with the next batch, as commits share a flush of
//! the disk: what a batch costs beside its rows is paid once for all of them, and who comes alone waits for nobody.

use super::{
    guard::Permitted,
    idempotency::Attempt,
    model::Transition,
    store::{self, Unwritten},
};
use crate::{
    calendar::{CalendarEvent, Change, Publisher},
    infra::{
        db::{Database, count_statement},
        supervise::supervise,
    },
    kernel::{
        id::{DoctorId, UserId},
        rejection::{Internal, Rejection},
    },
};
use futures_util::{StreamExt, stream};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::sync::{Mutex, mpsc, oneshot};

/// How many batches are under way at a time on PostgreSQL: while one is, the next gathers. SQLite has one writer.
const WRITERS: usize = 2;
/// The most bookings of one batch.
const TOGETHER: usize = 32;
/// How many may wait for their batch. Who does not fit waits to get in.
const WAITING: usize = 256;
/// How many are written at a time, each by itself, where they could not be written together.
const RETRIES: usize = 4;

/// A booking that was let through by what is known of a calendar at a version, and may be written while that is its version.
#[derive(Debug)]
pub struct Ready {
    /// What the guard let through.
    pub permitted: Permitted,
    /// The version of the doctor's calendar.
    pub version: i32,
    /// Who books.
    pub actor_id: UserId,
    /// The caller's key.
    pub attempt: Option<Attempt>,
}

impl Ready {
    /// Whose calendar.
    #[must_use]
    pub fn doctor_id(&self) -> DoctorId {
        self.permitted.appointment().doctor_id
    }

    /// The first step of its history.
    #[must_use]
    pub fn step(&self) -> Transition {
        let appointment = self.permitted.appointment();
        Transition {
            appointment_id: appointment.id,
            from: None,
            to: appointment.status,
            actor_id: Some(self.actor_id),
            reason: self.permitted.reason().map(str::to_owned),
            at: appointment.created_at,
        }
    }

    fn event(&self, id: i64) -> CalendarEvent {
        let appointment = self.permitted.appointment();
        CalendarEvent {
            id,
            doctor_id: appointment.doctor_id,
            version: self.version + 1,
            change: Change::Taken(appointment.visit),
            occurred_at: appointment.created_at,
        }
    }
}

/// The event of a booking that was written; nothing where its calendar has moved on, or something is in its way: then whoever asked takes the
/// calendar's row, and sees.
type Outcome = Result<Option<CalendarEvent>, Rejection>;

#[derive(Debug)]
struct Waiting {
    ready: Ready,
    outcome: oneshot::Sender<Outcome>,
}

impl Waiting {
    fn end(self, outcome: Outcome) {
        // Whoever asked may have gone.
        let _ = self.outcome.send(outcome);
    }
}

/// Writes bookings together.
#[derive(Clone, Debug)]
pub struct AtOnce {
    waiting: mpsc::Sender<Waiting>,
}

impl AtOnce {
    /// Begins to write what is put into the queue.
    #[must_use]
    pub fn start(database: &Database, publisher: &Publisher) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..if database.is_postgres() { WRITERS } else { 1 } {
            let (database, publisher, receiver) = (database.clone(), publisher.clone(), Arc::clone(&receiver));
            supervise("booking.write", move || {
                write_for_ever(database.clone(), publisher.clone(), Arc::clone(&receiver))
            });
        }
        Self { waiting: sender }
    }

    /// Writes a booking.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn write(&self, ready: Ready) -> Outcome {
        let (outcome, written) = oneshot::channel();
        let interrupted = || Rejection::Unavailable(Internal::new("a booking was interrupted"));
        // Another task sends it, and on behalf of this one.
        count_statement();
        self.waiting.send(Waiting { ready, outcome }).await.map_err(|_| interrupted())?;
        written.await.map_err(|_| interrupted())?
    }
}

async fn write_for_ever(
    database: Database,
    publisher: Publisher,
    receiver: Arc<Mutex<mpsc::Receiver<Waiting>>>,
) -> anyhow::Result<()> {
    loop {
        let mut waiting = Vec::with_capacity(TOGETHER);
        if receiver.lock().await.recv_many(&mut waiting, TOGETHER).await == 0 {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
        let together = those_who_go_together(waiting);
        let ready: Vec<_> = together.iter().map(|each| &each.ready).collect();
        match store::write_at_once(&database, &ready).await {
            // It is not said whose fault that is.
            Err(Unwritten::InTheWay | Unwritten::Refused(_)) if together.len() > 1 => {
                let each = together.into_iter().map(|each| write_alone(&database, &publisher, each));
                stream::iter(each).buffer_unordered(RETRIES).collect::<()>().await;
            }
            written => end(&publisher, together, written),
        }
    }
}

/// One for each doctor and for each key, of those who are still there: who came second is behind a calendar that moves on, or a twin.
fn those_who_go_together(waiting: Vec<Waiting>) -> Vec<Waiting> {
    let (mut doctors, mut keys) = (HashSet::new(), HashSet::new());
    let mut together = Vec::with_capacity(waiting.len());
    for each in waiting.into_iter().filter(|each| !each.outcome.is_closed()) {
        let key = each.ready.attempt.as_ref().map(|attempt| (attempt.user_id, attempt.key.clone()));
        if doctors.insert(each.ready.doctor_id()) && key.is_none_or(|key| keys.insert(key)) {
            together.push(each);
        } else {
            each.end(Ok(None));
        }
    }
    together
}

async fn write_alone(database: &Database, publisher: &Publisher, each: Waiting) {
    let written = store::write_at_once(database, &[&each.ready]).await;
    end(publisher, vec![each], written);
}

fn end(publisher: &Publisher, together: Vec<Waiting>, written: Result<HashMap<DoctorId, i64>, Unwritten>) {
    let written = match written {
        Ok(events) => Ok(events),
        // Behind the row is told what it is.
        Err(Unwritten::InTheWay) => Ok(HashMap::new()),
        Err(Unwritten::Refused(rejection) | Unwritten::Unknown(rejection)) => Err(rejection),
    };
    for each in together {
        let outcome = match &written {
            Ok(events) => Ok(events.get(&each.ready.doctor_id()).map(|id| each.ready.event(*id))),
            Err(rejection) => Err(rejection.clone()),
        };
        // Here, for whoever asked may have gone: then the relay publishes it, but nobody is to be shown less before that.
        if let Ok(Some(event)) = &outcome {
            publisher.announce(&[*event]);
        }
        each.end(outcome);
    }
}
