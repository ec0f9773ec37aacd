//! Where those who follow calendars and appointments meet the log. The bus brings news at once; the log, read twice a second and whenever
//! the bus may have lost something, is the truth. So each of them gets everything once, each doctor's events in order.

use super::{
    announced::Announced,
    cursor::{Cursor, Kind},
    feed::{Audience, Feed, Interest, Missed, Roster, Selection, Watch},
    model::{CalendarEvent, Change},
    position::Position,
    publisher::from_message,
    state::{Moves, Opened, Opening, Order, State},
    store::{self, Between},
};
use crate::{
    infra::{
        bus::{Bus, Listener, Signal},
        db::Database,
        supervise::supervise,
    },
    kernel::{
        clock::Clock,
        id::DoctorId,
        rejection::{Internal, Rejection},
    },
};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, oneshot, watch},
    time::Instant,
};
use uuid::Uuid;

/// How long an event whose message was lost may stay unseen.
const PAUSE: Duration = Duration::from_millis(500);
/// A process that missed more than this begins anew, and so do those who follow.
pub(super) const CATCH_UP: u64 = 10_000;

/// How far a hub has come.
#[derive(Clone, Debug)]
pub struct CaughtUp {
    /// All that was committed at it was delivered.
    pub cursor: Cursor,
    /// When nothing else was committed yet.
    pub at: Instant,
}

/// Brings what happens to those who follow it in this process.
#[derive(Debug)]
pub struct Hub {
    pub(super) database: Database,
    clock: Arc<dyn Clock>,
    roster: Arc<dyn Roster>,
    pub(super) log: Uuid,
    state: Mutex<State>,
    caught_up: watch::Sender<CaughtUp>,
    announced: Arc<Announced>,
    /// Somebody wants something before the next pause is over.
    asked: Notify,
}

impl Hub {
    /// A hub that delivers what happens from now on.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn start(
        database: Database,
        clock: Arc<dyn Clock>,
        bus: Arc<dyn Bus>,
        roster: Arc<dyn Roster>,
        announced: Arc<Announced>,
    ) -> Result<Arc<Self>, Rejection> {
        let log = store::log_id(&database).await?;
        let at = Instant::now();
        let position = store::position(&database).await?;
        let cursor = Cursor::at(log, clock.now().timestamp(), position.clone());
        let caught_up = watch::Sender::new(CaughtUp { cursor, at });
        let state = Mutex::new(State::new(position, Arc::clone(&announced)));
        let asked = Notify::new();
        let hub = Arc::new(Self { database, clock, roster, log, state, caught_up, announced, asked });
        let follower = Arc::clone(&hub);
        supervise("calendar.hub", move || Arc::clone(&follower).run(bus.listen()));
        Ok(hub)
    }

    /// Watches calendars from now on, at once.
    #[must_use]
    pub fn watch(self: &Arc<Self>, selection: Selection) -> Watch {
        let mut state = self.state();
        let start = Arc::new(self.cursor_at(state.position.clone()));
        let (watcher, news) = state.add(Interest::Calendars(selection));
        Watch(Feed::new(Arc::clone(self), watcher, news, start), false)
    }

    /// Follows from now on: whatever is not committed when this is called, and nothing else, comes.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn follow(self: &Arc<Self>, interest: Interest) -> Result<Feed, Rejection> {
        let (opened, opening) = oneshot::channel();
        self.state().openings.push(Opening { interest, opened });
        self.asked.notify_one();
        let silent = || Rejection::Unavailable(Internal::new("the hub does not answer"));
        let opened = tokio::time::timeout(PAUSE * 10, opening).await.map_err(|_| silent())?;
        let (watcher, news, position) = opened.map_err(|_| silent())??;
        Ok(Feed::new(Arc::clone(self), watcher, news, Arc::new(self.cursor_at(position))))
    }

    /// What was announced in this process.
    #[must_use]
    pub fn announced(&self) -> &Announced {
        &self.announced
    }

    /// How far it has come, and each time that it has come further: at least twice a second while the database answers.
    #[must_use]
    pub fn caught_up(&self) -> watch::Receiver<CaughtUp> {
        self.caught_up.subscribe()
    }

    fn cursor_at(&self, position: Position) -> Cursor {
        Cursor::at(self.log, self.clock.now().timestamp(), position)
    }

    /// The doctors that a selection means at this moment; nothing where it means all, or a place that nobody watches.
    #[must_use]
    pub fn members(&self, selection: &Selection) -> Option<HashSet<DoctorId>> {
        match selection {
            Selection::Doctors(doctors) => Some(doctors.clone()),
            Selection::Place(place) => self.state().places.get(place).cloned(),
            Selection::All => None,
        }
    }

    pub(super) fn mark(&self, watcher: u64) -> u64 {
        let mut state = self.state();
        if !state.marks.contains(&watcher) {
            state.marks.push(watcher);
        }
        self.asked.notify_one();
        state.mark + 1
    }

    pub(super) fn leave(&self, watcher: u64) {
        self.state().remove(watcher);
    }

    async fn run(self: Arc<Self>, mut listener: Listener) -> anyhow::Result<()> {
        let mut pause = tokio::time::interval(PAUSE);
        pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let in_order = tokio::select! {
                signal = listener.next() => match signal {
                    Signal::Message(text) => match from_message(&text) {
                        Some(event) => self.bring(event).await.unwrap_or(false),
                        None => true,
                    },
                    Signal::Gap => false,
                },
                _ = pause.tick() => false,
                () = self.asked.notified() => false,
            };
            // Nothing is lost where it cannot be read now: it is read from the same position at the next tick.
            if !in_order && let Err(rejection) = self.read_log().await {
                tracing::warn!(%rejection, "the log could not be read");
            }
        }
    }

    /// Delivers an event that the bus brought; false where the log has to be read for it, or for what came with it.
    async fn bring(&self, event: CalendarEvent) -> Result<bool, Rejection> {
        match self.state().order_of(&event) {
            Order::Old => return Ok(true),
            Order::Next => {}
            Order::Unknown => return Ok(false),
        }
        let moves = self.moves(&[event]).await?;
        let mut state = self.state();
        // Where a cursor would become too long, delivery waits for the position.
        if !state.has_room_for(event.id) {
            return Ok(false);
        }
        state.ahead.push((event.id, event.doctor_id));
        let base = self.cursor_at(state.position.clone());
        state.deliver(event, &moves, &base);
        Ok(!state.follows_appointments())
    }

    async fn read_log(&self) -> Result<(), Rejection> {
        let (from, asked) = self.state().begin_reading();
        let result = self.read_from(&from).await;
        self.answer_marks(asked.marks, asked.mark, result.is_ok());
        for Opening { interest, opened } in asked.openings {
            let answer = match &result {
                Ok(()) => self.open(interest).await,
                Err(rejection) => Err(rejection.clone()),
            };
            // Who asked may not wait any more.
            if let Err(Ok((watcher, ..))) = opened.send(answer) {
                self.leave(watcher);
            }
        }
        result
    }

    fn answer_marks(&self, marks: Vec<u64>, mark: u64, is_read: bool) {
        let mut state = self.state();
        if is_read {
            let cursor = Arc::new(self.cursor_at(state.position.clone()));
            state.answer(marks, mark, &cursor);
        } else {
            // They are answered when the database is back.
            state.marks.extend(marks);
        }
    }

    async fn open(&self, interest: Interest) -> Result<Opened, Rejection> {
        let Interest::Calendars(Selection::Place(place)) = interest else {
            let mut state = self.state();
            let (watcher, news) = state.add(interest);
            return Ok((watcher, news, state.position.clone()));
        };
        let members = self.roster.members(place).await?;
        let mut state = self.state();
        // Where others watch it, it is known as of the last event; nothing is delivered meanwhile.
        state.places.entry(place).or_insert(members);
        let (watcher, news) = state.add(interest);
        Ok((watcher, news, state.position.clone()))
    }

    async fn read_from(&self, from: &Position) -> Result<(), Rejection> {
        let at = Instant::now();
        let to = store::position(&self.database).await?;
        let between = Between { from, to: Some(&to), but: &[], behind: 0, limit: CATCH_UP };
        let events = store::events(&self.database, &between, None).await?;
        let follows_appointments = self.state().follows_appointments();
        let steps = if follows_appointments {
            store::steps(&self.database, &between, Audience::All).await?
        } else {
            Vec::new()
        };
        let moves = self.moves(&events).await?;
        let mut state = self.state();
        if events.len().max(steps.len()) as u64 >= CATCH_UP {
            tracing::warn!("too much was missed: all who follow have to resume");
            state.forget_all();
        } else {
            let base = self.cursor_at(from.clone());
            let behind = |kind, row| Cursor { progress: vec![(kind, to.clone(), row)], ..base.clone() };
            for event in events {
                state.deliver(event, &moves, &behind(Kind::Events, event.id));
            }
            for step in steps {
                state.deliver_step(&step, &Arc::new(behind(Kind::Steps, step.id)));
            }
        }
        self.caught_up.send_replace(CaughtUp { cursor: self.cursor_at(to.clone()), at });
        state.position = to;
        state.ahead.clear();
        Ok(())
    }

    /// Which doctors joined or left a place with these changes, as far as anybody watches one: one query for all.
    async fn moves(&self, events: &[CalendarEvent]) -> Result<Moves, Rejection> {
        let changed = events.iter().filter(|event| event.change == Change::ScheduleChanged);
        let changed: Vec<_> = changed.map(|event| event.id).collect();
        if changed.is_empty() || self.state().places.is_empty() {
            return Ok(Moves::new());
        }
        store::moves_with(&self.database, &changed).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Missed> for Rejection {
    fn from(_: Missed) -> Self {
        Self::ResumeRequired
    }
}
