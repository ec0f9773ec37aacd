//! Keeps what is known right: reads what is asked for, and looks after what time does. What happens is heard in [`super::follow`].

use super::{
    super::claim::Claim,
    calendar::{DoctorCalendar, HORIZON},
    memory::Memory,
    read::{read_shared, whole},
    shared::SharedCalendars,
};
use crate::{
    calendar::{self, Announced, CalendarEvent, CaughtUp, Cursor, Hub},
    directory,
    infra::{db::Database, supervise::supervise},
    kernel::{
        clock::Clock,
        id::DoctorId,
        rejection::{Internal, Rejection},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Mutex, Notify, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// How many calendars are read at a time.
const PART: usize = 100;
/// How many events are taken at a time.
pub(super) const BATCH: usize = 50;
/// How long anybody waits for a version that is not there yet.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);
/// How long a search waits for a process that has just begun.
const WARMING_UP: Duration = Duration::from_secs(9);
/// What happens reaches what is known within this time, whatever is lost on the way; where that cannot be told, nothing is answered from memory.
const DELAY: Duration = Duration::from_secs(1);
/// What is read at first of somebody whom nobody has asked for: a busy doctor has four times as much ahead.
const NEAR: TimeDelta = TimeDelta::days(15);
/// What was read longer ago is read anew: what has passed is forgotten, and the horizon has moved on.
const AGE: TimeDelta = TimeDelta::days(1);

/// What this process knows of calendars, kept right.
#[derive(Debug)]
pub struct Keeper {
    /// What is known.
    pub memory: Memory,
    pub(super) database: Database,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) hub: Arc<Hub>,
    shared: Option<SharedCalendars>,
    /// Whoever reads what somebody asks for: a crowd waits for the one who came first, and finds what that one has read.
    reading: Mutex<()>,
    pub(super) late: Notify,
    pub(super) wanted: watch::Sender<bool>,
    pub(super) complete: watch::Sender<bool>,
    /// How far what is known has come.
    pub(super) settled: watch::Sender<CaughtUp>,
}

impl Keeper {
    /// Begins to hear events. All calendars are read only when somebody wants them all.
    #[must_use]
    pub fn start(
        database: Database,
        clock: Arc<dyn Clock>,
        hub: Arc<Hub>,
        shared: Option<SharedCalendars>,
    ) -> Arc<Self> {
        let settled = watch::Sender::new(hub.caught_up().borrow().clone());
        let keeper = Arc::new(Self {
            memory: Memory::new(),
            database,
            clock,
            hub,
            shared,
            reading: Mutex::default(),
            late: Notify::new(),
            wanted: watch::Sender::new(false),
            complete: watch::Sender::new(false),
            settled,
        });
        let (follower, reader) = (Arc::clone(&keeper), Arc::clone(&keeper));
        supervise("availability.follow", move || Arc::clone(&follower).follow());
        supervise("availability.read_all", move || Arc::clone(&reader).read_all());
        keeper
    }

    /// Begins to read all calendars, in the background.
    pub fn warm_up(&self) {
        self.wanted.send_if_modified(|wanted| !std::mem::replace(wanted, true));
    }

    /// Whether all calendars are known.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        *self.complete.borrow()
    }

    /// Waits until all calendars are known as they were a second ago or later.
    ///
    /// # Errors
    /// `Unavailable` where that takes too long.
    pub async fn warm(&self) -> Result<(), Rejection> {
        self.warm_up();
        let (mut complete, mut settled) = (self.complete.subscribe(), self.settled.subscribe());
        let warm = async {
            complete.wait_for(|complete| *complete).await?;
            settled.wait_for(is_fresh).await.map(|_| ())
        };
        match timeout(WARMING_UP, warm).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Rejection::Unavailable(Internal::new("not all calendars are known as they were a second ago"))),
        }
    }

    /// A cursor behind which there is all that is not known yet.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.settled.borrow().cursor.clone()
    }

    /// What was announced in this process.
    pub fn announced(&self) -> &Announced {
        self.hub.announced()
    }

    /// The calendars of those of these doctors whom this process knows as they were a second ago or later, where nothing newer was announced in
    /// it.
    #[must_use]
    pub fn current(&self, doctors: &[DoctorId]) -> HashMap<DoctorId, Arc<DoctorCalendar>> {
        if !is_fresh(&self.settled.borrow()) {
            return HashMap::new();
        }
        self.memory.get(&self.announced().of(doctors), self.clock.now())
    }

    /// The calendars of those of these doctors who are there and whose calendars come to the given versions within a second; slots that begin
    /// before `until` can be told from them.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn calendars(
        &self,
        wanted: &[(DoctorId, i32)],
        until: DateTime<Utc>,
    ) -> Result<HashMap<DoctorId, Arc<DoctorCalendar>>, Rejection> {
        // Nothing can be booked behind that.
        let until = until.min(self.clock.now() + HORIZON);
        let mut newest: HashMap<DoctorId, i32> = HashMap::new();
        for (id, version) in wanted {
            let newest = newest.entry(*id).or_insert(*version);
            *newest = (*newest).max(*version);
        }
        let wanted: &Vec<_> = &newest.into_iter().collect();
        let deadline = Instant::now() + PATIENCE;
        let mut found = self.memory.get(wanted, until);
        while found.len() < wanted.len() {
            // What the database itself has not come to is waited for, and nobody else with it.
            let late = self.not_there_yet(wanted, &found).await?;
            let readable = wanted.iter().map(|(id, _)| *id).filter(|id| !found.contains_key(id) && !late.contains(id));
            self.read_missing((wanted, until), readable.collect()).await?;
            found = self.memory.get(wanted, until);
            let missing = wanted.iter().filter(|(id, _)| !found.contains_key(id));
            let is_late = missing.into_iter().any(|(id, _)| self.memory.find(*id).is_some());
            if !is_late || Instant::now() >= deadline {
                break;
            }
            sleep(PAUSE).await;
        }
        Ok(found)
    }

    /// Those of these doctors whose calendars are known, and in the database are not as new as they are wanted either.
    async fn not_there_yet(
        &self,
        wanted: &[(DoctorId, i32)],
        found: &HashMap<DoctorId, Arc<DoctorCalendar>>,
    ) -> Result<HashSet<DoctorId>, Rejection> {
        let behind = wanted.iter().filter(|(id, _)| !found.contains_key(id) && self.memory.find(*id).is_some());
        let behind: HashMap<_, _> = behind.copied().collect();
        if behind.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: Vec<_> = behind.keys().copied().collect();
        let present = calendar::versions(self.database.reader(), &ids).await?;
        Ok(present.into_iter().filter(|(id, version)| *version < behind[id]).map(|(id, _)| id).collect())
    }

    /// Reads what is missing, one reader at a time; a crowd finds what the first of it has read. Of whom nothing is known only the near future
    /// is read, where that is enough.
    async fn read_missing(
        &self,
        (wanted, until): (&[(DoctorId, i32)], DateTime<Utc>),
        mut missing: Vec<DoctorId>,
    ) -> Result<(), Rejection> {
        if missing.is_empty() {
            return Ok(());
        }
        let _turn = self.reading.lock().await;
        let found = self.memory.get(wanted, until);
        missing.retain(|id| !found.contains_key(id));
        self.bring_on(&missing).await?;
        let found = self.memory.get(wanted, until);
        missing.retain(|id| !found.contains_key(id));
        let (known, unknown): (Vec<_>, Vec<_>) = missing.into_iter().partition(|id| self.memory.find(*id).is_some());
        let now = self.clock.now();
        let until = if until <= now + NEAR { now + NEAR } else { whole(now) };
        self.read_until(&unknown, until).await?;
        self.read(&known).await
    }

    /// Keeps what a booking of this process has changed, without waiting for the event to come round.
    pub fn note(&self, event: &CalendarEvent, claim: Claim) {
        let known = self.memory.find(event.doctor_id).filter(|known| known.version() + 1 == event.version);
        if let Some(known) = known {
            self.keep(vec![(*known).clone().after(&[*event], &[claim])]);
        }
    }

    /// Brings those of these calendars on that are known, by what the log says has happened to them since: less to read than all of it.
    async fn bring_on(&self, ids: &[DoctorId]) -> Result<(), Rejection> {
        let known = ids.iter().filter_map(|id| Some((*id, self.memory.find(*id)?.version())));
        let known: Vec<_> = known.take(PART).collect();
        let events = calendar::events_after(self.database.reader(), &known, BATCH as u64).await?;
        self.apply(&events).await
    }

    /// Reads whole calendars, and keeps them.
    pub(super) async fn read(&self, ids: &[DoctorId]) -> Result<(), Rejection> {
        self.read_until(ids, whole(self.clock.now())).await
    }

    /// The same as far as until then.
    async fn read_until(&self, ids: &[DoctorId], until: DateTime<Utc>) -> Result<(), Rejection> {
        let now = self.clock.now();
        for part in ids.chunks(PART) {
            self.keep(read_shared(&self.database, self.shared.as_ref(), part, (now, until)).await?);
        }
        Ok(())
    }

    pub(super) fn keep(&self, calendars: Vec<DoctorCalendar>) {
        if !self.memory.insert(calendars, self.clock.now()) {
            self.late.notify_one();
        }
    }

    async fn read_all(self: Arc<Self>) -> anyhow::Result<()> {
        self.wanted.subscribe().wait_for(|wanted| *wanted).await?;
        let mut after = None;
        loop {
            let ids = directory::doctor_ids(self.database.reader(), after, 2 * PART as u64).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            let now = self.clock.now();
            let is_whole = |id| self.memory.find(id).is_some_and(|known| known.is_whole(now));
            let unknown: Vec<_> = ids.into_iter().filter(|id| !is_whole(*id)).collect();
            // Two at a time: what comes from the database is to be made sense of, too.
            let mut parts = JoinSet::new();
            for part in unknown.chunks(PART) {
                let (keeper, part) = (Arc::clone(&self), part.to_vec());
                parts.spawn(async move { keeper.read(&part).await });
            }
            while let Some(read) = parts.join_next().await {
                read??;
            }
        }
        self.complete.send_replace(true);
        self.grow_older().await
    }

    /// Does once a second what time asks for.
    async fn grow_older(&self) -> anyhow::Result<()> {
        loop {
            sleep(PAUSE * 20).await;
            while !self.memory.raise(self.clock.now()) {
                tokio::task::yield_now().await;
            }
            let old = self.memory.read_before(self.clock.now() - AGE, PART);
            self.read(&old).await?;
        }
    }
}

fn is_fresh(caught_up: &CaughtUp) -> bool {
    caught_up.at.elapsed() <= DELAY
}
