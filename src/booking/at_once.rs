//! Bookings that nobody contends for. Whoever comes while others are being written goes with the next statement, as commits share a flush of
//! the disk: what a statement costs beside its rows is paid once for all of them, and who comes alone waits for nobody.

use super::{guard::Permitted, idempotency::Attempt, store};
use crate::{
    calendar::{CalendarEvent, Change},
    infra::{db::Database, supervise::supervise},
    kernel::{
        id::{DoctorId, UserId},
        rejection::{Internal, Rejection},
    },
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};
use tokio::sync::{Mutex, mpsc, oneshot};

/// How many statements are under way at a time: while one is, the next gathers.
const WRITERS: usize = 2;
/// The most bookings of one statement.
const TOGETHER: usize = 32;
/// How many may wait for their statement. Who does not fit waits to get in.
const WAITING: usize = 256;

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
    fn doctor_id(&self) -> DoctorId {
        self.permitted.appointment().doctor_id
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
    pub fn start(database: &Database) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..WRITERS {
            let (database, receiver) = (database.clone(), Arc::clone(&receiver));
            supervise("booking.write", move || write_for_ever(database.clone(), Arc::clone(&receiver)));
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
        self.waiting.send(Waiting { ready, outcome }).await.map_err(|_| interrupted())?;
        written.await.map_err(|_| interrupted())?
    }
}

async fn write_for_ever(database: Database, receiver: Arc<Mutex<mpsc::Receiver<Waiting>>>) -> anyhow::Result<()> {
    loop {
        let mut waiting = Vec::with_capacity(TOGETHER);
        receiver.lock().await.recv_many(&mut waiting, TOGETHER).await;
        write(&database, waiting).await;
    }
}

async fn write(database: &Database, waiting: Vec<Waiting>) {
    let mut by_doctor = BTreeMap::new();
    // Nothing is under way yet for those who have gone.
    for each in waiting.into_iter().filter(|each| !each.outcome.is_closed()) {
        match by_doctor.entry(each.ready.doctor_id()) {
            Entry::Vacant(entry) => _ = entry.insert(each),
            // The one before moves the calendar on.
            Entry::Occupied(_) => each.end(Ok(None)),
        }
    }
    let together: Vec<_> = by_doctor.into_values().collect();
    match store::write_at_once(database, together.iter().map(|each| &each.ready)).await {
        Ok(events) => {
            for each in together {
                let event = events.get(&each.ready.doctor_id()).map(|id| each.ready.event(*id));
                each.end(Ok(event));
            }
        }
        Err(error) if store::is_taken(&error) || store::is_key_used(&error) => match <[Waiting; 1]>::try_from(together)
        {
            // Somebody has it, or the key was used: behind the row is told what is so.
            Ok([alone]) => alone.end(Ok(None)),
            // Nothing was written, and it is not said whose fault that is.
            Err(together) => {
                let each = together.into_iter().map(|each| Box::pin(write(database, vec![each])));
                join_all(each).await;
            }
        },
        Err(error) => {
            let rejection = Rejection::from(error);
            for each in together {
                each.end(Err(rejection.clone()));
            }
        }
    }
}
