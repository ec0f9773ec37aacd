//! Where watchers of calendars meet the log. The bus brings news at once; the log, read twice a second and whenever the bus may have lost
//! something, is the truth. So each watcher gets every event once, each doctor's in order.

use super::{
    model::CalendarEvent,
    publisher::from_message,
    store::{self, Position},
};
use crate::{
    infra::{
        bus::{Bus, Listener, Signal},
        db::Database,
        supervise::supervise,
    },
    kernel::{id::DoctorId, rejection::Rejection},
};
use futures_util::Stream;
use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::mpsc::{self, error::TrySendError};

/// How long an event whose message was lost may stay unseen.
const PAUSE: Duration = Duration::from_millis(500);
/// A process that missed more than this begins anew, and so do its watchers.
const CATCH_UP: u64 = 10_000;

/// Which calendars to watch.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Those of these doctors.
    Doctors(HashSet<DoctorId>),
    /// All of them.
    All,
}

impl Selection {
    fn includes(&self, doctor_id: DoctorId) -> bool {
        match self {
            Self::Doctors(doctors) => doctors.contains(&doctor_id),
            Self::All => true,
        }
    }
}

/// Brings the events of calendars to those who watch them in this process.
#[derive(Debug)]
pub struct Hub {
    database: Database,
    queue: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What was committed at it was delivered.
    position: Position,
    /// The last version that was delivered, of every doctor that something was delivered of.
    versions: HashMap<DoctorId, i32>,
    watchers: HashMap<u64, Watcher>,
    next_watcher: u64,
}

#[derive(Debug)]
struct Watcher {
    selection: Selection,
    events: mpsc::Sender<CalendarEvent>,
}

impl Hub {
    /// A hub that delivers what happens from now on. At most `queue` events wait for a slow watcher.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn start(database: Database, bus: Arc<dyn Bus>, queue: usize) -> Result<Arc<Self>, Rejection> {
        let position = store::position(&database).await?;
        let state = State { position, versions: HashMap::new(), watchers: HashMap::new(), next_watcher: 0 };
        let hub = Arc::new(Self { database, queue, state: Mutex::new(state) });
        let follower = Arc::clone(&hub);
        supervise("calendar.hub", move || Arc::clone(&follower).follow(bus.listen()));
        Ok(hub)
    }

    /// Watches from now on.
    #[must_use]
    pub fn watch(self: &Arc<Self>, selection: Selection) -> Watch {
        let (sender, events) = mpsc::channel(self.queue);
        let mut state = self.state();
        let watcher = state.next_watcher;
        state.next_watcher += 1;
        state.watchers.insert(watcher, Watcher { selection, events: sender });
        drop(state);
        Watch { hub: Arc::clone(self), watcher, events, ended: false }
    }

    async fn follow(self: Arc<Self>, mut listener: Listener) -> anyhow::Result<()> {
        let mut pause = tokio::time::interval(PAUSE);
        loop {
            let in_order = tokio::select! {
                signal = listener.next() => match signal {
                    Signal::Message(text) => from_message(&text).is_none_or(|event| self.state().deliver_next(event)),
                    Signal::Gap => false,
                },
                _ = pause.tick() => false,
            };
            if !in_order {
                self.read_log().await?;
            }
        }
    }

    async fn read_log(&self) -> Result<(), Rejection> {
        let from = self.state().position.clone();
        // Taken before the events are read: what is committed at it is among them.
        let position = store::position(&self.database).await?;
        let events = store::since(&self.database, &from, CATCH_UP).await?;
        let mut state = self.state();
        if events.len() as u64 == CATCH_UP {
            tracing::warn!("too much was missed: all watchers have to resume");
            state.versions.clear();
            state.watchers.clear();
        } else {
            for event in events {
                state.deliver(event);
            }
        }
        state.position = position;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Delivers an event that the bus brought, if none is missing before it. Of a doctor that nothing was delivered of, nobody here knows
    /// what comes next, so the log is asked.
    fn deliver_next(&mut self, event: CalendarEvent) -> bool {
        match self.versions.get(&event.doctor_id) {
            Some(version) if event.version <= version + 1 => {
                self.deliver(event);
                true
            }
            _ => false,
        }
    }

    fn deliver(&mut self, event: CalendarEvent) {
        let version = self.versions.entry(event.doctor_id).or_insert(0);
        if event.version <= *version {
            return;
        }
        *version = event.version;
        self.watchers.retain(|_, watcher| {
            // A watcher whose queue is full is let go, for the others must not wait; its stream ends with `Missed`.
            !watcher.selection.includes(event.doctor_id)
                || !matches!(watcher.events.try_send(event), Err(TrySendError::Full(_)))
        });
    }
}

/// Events were lost because they were not taken in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed;

/// The events of the watched calendars. Ends with `Missed` where they were not taken in time, and only then.
#[derive(Debug)]
pub struct Watch {
    hub: Arc<Hub>,
    watcher: u64,
    events: mpsc::Receiver<CalendarEvent>,
    ended: bool,
}

impl Stream for Watch {
    type Item = Result<CalendarEvent, Missed>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let event = std::task::ready!(self.events.poll_recv(context));
        self.ended = event.is_none();
        Poll::Ready(Some(event.ok_or(Missed)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.state().watchers.remove(&self.watcher);
    }
}
