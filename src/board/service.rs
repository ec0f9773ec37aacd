//! Drawing boards and keeping them right.

use super::model::{BoardKind, BoardMessage, BoardQuery, Material, Picture, changes, greetings};
use crate::{
    availability::{REACH, Slot, SlotKey, claims, hours_of, schedule},
    calendar::{Cursor, Feed, Hub, Missed, News, Selection},
    directory::{self, Directory},
    infra::db::Database,
    kernel::{
        clock::Clock,
        id::DoctorId,
        interval::Interval,
        rejection::{Internal, Rejection},
    },
};
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::{Interval as Ticks, MissedTickBehavior, interval, sleep};
use tokio_util::task::AbortOnDropHandle;

/// How many doctors a board shows at most.
const MOST: usize = 100;
/// How often a board looks whether time has passed.
const SECOND: Duration = Duration::from_secs(1);

/// What a board is drawn from.
type Materials = BTreeMap<DoctorId, Arc<Material>>;

/// Draws boards.
#[derive(Debug)]
pub struct Boards {
    /// The data.
    pub database: Database,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Knows the doctors.
    pub directory: Arc<Directory>,
    /// Brings what happens.
    pub hub: Arc<Hub>,
}

/// What comes of a board next.
#[derive(Debug)]
pub enum Turn {
    /// It became different.
    Changed(Vec<BoardMessage>),
    /// Everything that was committed when this mark was asked for is on it.
    Mark(u64),
}

/// A board that is kept right.
#[derive(Debug)]
pub struct Board {
    boards: Arc<Boards>,
    selection: Selection,
    query: BoardQuery,
    feed: Feed,
    /// Behind everything that it shows, of all doctors as of the same moment, the cursor's.
    cursor: Arc<Cursor>,
    pictures: Arc<BTreeMap<DoctorId, Picture>>,
    /// Whose calendars have changed since they were drawn, and the cursor behind those changes.
    stale: BTreeSet<DoctorId>,
    seen: Arc<Cursor>,
    /// What they are drawn from, being read: that goes on while whoever waits for it turns to something else.
    reading: Option<AbortOnDropHandle<Materials>>,
    mark: Option<u64>,
    ticks: Ticks,
}

impl Boards {
    /// Draws a board, and goes on to keep it right.
    ///
    /// # Errors
    /// `NotFound` where something that is named is not there, `BadInput` where there are too many doctors.
    pub async fn open(self: &Arc<Self>, selection: Selection, query: BoardQuery) -> Result<Board, Rejection> {
        // Listen first: what happens while the board is drawn is heard.
        let feed = self.directory.follow(selection.clone()).await?;
        let doctors: Vec<_> = self.members(&selection)?.into_iter().collect();
        let materials = self.read(&doctors, &query).await?;
        let now = self.clock.now();
        let draw = |(doctor, material)| (doctor, Picture::draw(material, &query, now));
        let pictures = Arc::new(materials.into_iter().map(draw).collect());
        let mut ticks = interval(SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (boards, seen) = (Arc::clone(self), Arc::clone(&feed.start));
        let cursor = as_of(now.timestamp(), &seen);
        let (stale, reading, mark) = (BTreeSet::new(), None, None);
        Ok(Board { boards, selection, query, feed, cursor, pictures, stale, seen, reading, mark, ticks })
    }

    /// Whom a board shows. Where the hub has let go nobody knows who belongs to a place: that does not mean nobody.
    fn members(&self, selection: &Selection) -> Result<HashSet<DoctorId>, Rejection> {
        let members = self.hub.members(selection).ok_or(Missed)?;
        if members.len() > MOST {
            return Err(Rejection::BadInput("A board shows at most 100 doctors.".into()));
        }
        Ok(members)
    }

    async fn read(&self, doctors: &[DoctorId], query: &BoardQuery) -> Result<Materials, Rejection> {
        let connection = self.database.reader();
        // The versions come with the doctors, before anything else.
        let doctors = directory::doctors(connection, doctors).await?;
        let ids: Vec<_> = doctors.keys().copied().collect();
        let visit_type = match query.visit_type_id {
            Some(id) => directory::visit_types(connection, &[id]).await?.remove(&id),
            None => None,
        };
        let mut hours = hours_of(connection, &ids, query.range).await?;
        let reach = Interval { start: query.range.start - REACH, end: query.range.end + REACH };
        let mut claims = claims(connection, &ids, reach).await?;
        let material = |doctor: directory::Doctor| {
            let material = Material {
                schedule: schedule(&doctor, hours.remove(&doctor.id).unwrap_or_default()),
                claims: claims.remove(&doctor.id).unwrap_or_default(),
                visit_type: visit_type.clone(),
                doctor,
            };
            (material.doctor.id, Arc::new(material))
        };
        Ok(doctors.into_values().map(material).collect())
    }

    /// The same, however often it takes.
    async fn read_at_last(self: Arc<Self>, doctors: Vec<DoctorId>, query: BoardQuery) -> Materials {
        loop {
            match self.read(&doctors, &query).await {
                Ok(materials) => return materials,
                Err(error) => tracing::warn!(%error, "a board cannot be drawn, tried again"),
            }
            sleep(SECOND / 2).await;
        }
    }
}

impl Board {
    /// What comes next. May be dropped and called again, and goes on where it was.
    ///
    /// # Errors
    /// `ResumeRequired` where events came faster than the board could be drawn, `BadInput` where there are too many doctors by now.
    pub async fn next(&mut self) -> Result<Turn, Rejection> {
        loop {
            if !self.stale.is_empty() {
                let messages = self.redraw().await?;
                if !messages.is_empty() {
                    return Ok(Turn::Changed(messages));
                }
            } else if let Some(mark) = self.mark.take() {
                return Ok(Turn::Mark(mark));
            } else {
                tokio::select! {
                    news = self.feed.next() => {
                        let mut news = Some(news?);
                        while let Some(next) = news.take() {
                            self.note(next);
                            // What has come already is drawn together.
                            news = if self.mark.is_none() { self.feed.next_now() } else { None };
                        }
                    }
                    _ = self.ticks.tick() => {
                        let now = self.boards.clock.now();
                        // The cursor stays as long as it may: all who join behind the same one share the answers.
                        if self.pictures.values().any(|picture| picture.lasts_until <= now) {
                            let messages = self.pass_time(now, Vec::new());
                            if !messages.is_empty() {
                                return Ok(Turn::Changed(messages));
                            }
                        }
                    }
                }
            }
        }
    }

    /// Asks for a mark behind everything that is committed by now; its number.
    #[must_use]
    pub fn mark(&self) -> u64 {
        self.feed.mark()
    }

    fn note(&mut self, news: News) {
        match news {
            News::Event(event) => {
                self.stale.insert(event.what.doctor_id);
                self.seen = event.cursor;
            }
            News::Mark(mark, cursor) => {
                self.mark = Some(mark);
                self.seen = cursor;
                if self.stale.is_empty() {
                    self.cursor = as_of(self.cursor.at, &self.seen);
                }
            }
            News::Step(_) => {}
        }
    }

    async fn redraw(&mut self) -> Result<Vec<BoardMessage>, Rejection> {
        let reading = if let Some(reading) = &mut self.reading {
            reading
        } else {
            let members = self.boards.members(&self.selection)?;
            let wanted = self.stale.iter().copied().filter(|doctor| members.contains(doctor)).collect();
            let reading = tokio::spawn(Arc::clone(&self.boards).read_at_last(wanted, self.query));
            self.reading.insert(AbortOnDropHandle::new(reading))
        };
        let read = reading.await;
        // From here on nothing is waited for: either all of it happens or nothing.
        self.reading = None;
        let mut materials = read.map_err(|_| Internal::new("what a board is drawn from was not read"))?;
        let now = self.boards.clock.now();
        let mut messages = Vec::new();
        for doctor in std::mem::take(&mut self.stale) {
            let pictures = Arc::make_mut(&mut self.pictures);
            let after = materials.remove(&doctor).map(|material| Picture::draw(material, &self.query, now));
            match (pictures.remove(&doctor), after) {
                (None, Some(picture)) => {
                    messages.push(self.message(BoardKind::Snapshot, &picture, (picture.slots.to_vec(), Vec::new())));
                    Arc::make_mut(&mut self.pictures).insert(doctor, picture);
                }
                (Some(before), Some(after)) => {
                    messages.extend(self.change(&after, changes(&before.slots, &after.slots)));
                    Arc::make_mut(&mut self.pictures).insert(doctor, after);
                }
                (Some(before), None) => messages.extend(self.change(&before, changes(&before.slots, &[]))),
                (None, _) => {}
            }
        }
        Ok(self.pass_time(now, messages))
    }

    /// What is different because time has passed, behind what else is at `now`.
    fn pass_time(&mut self, now: DateTime<Utc>, mut messages: Vec<BoardMessage>) -> Vec<BoardMessage> {
        let due = self.pictures.iter().filter(|(_, picture)| picture.lasts_until <= now);
        let due: Vec<_> = due.map(|(doctor, picture)| (*doctor, picture.clone())).collect();
        for (doctor, before) in due {
            let after = Picture::draw(Arc::clone(&before.material), &self.query, now);
            messages.extend(self.change(&after, changes(&before.slots, &after.slots)));
            Arc::make_mut(&mut self.pictures).insert(doctor, after);
        }
        self.cursor = as_of(now.timestamp(), &self.seen);
        // Only the last one may say that all of them were told.
        if let Some(last) = messages.last_mut() {
            last.cursor = Arc::clone(&self.cursor);
        }
        messages
    }

    fn message(&self, kind: BoardKind, picture: &Picture, (slots, removed): (Vec<Slot>, Vec<SlotKey>)) -> BoardMessage {
        let (doctor_id, version) = (picture.material.doctor.id, picture.version());
        BoardMessage { kind, doctor_id, version, slots, removed, cursor: Arc::clone(&self.cursor) }
    }

    /// What changes nothing says nothing.
    fn change(&self, picture: &Picture, changes: (Vec<Slot>, Vec<SlotKey>)) -> Option<BoardMessage> {
        let is_nothing = changes.0.is_empty() && changes.1.is_empty();
        (!is_nothing).then(|| self.message(BoardKind::Change, picture, changes))
    }

    /// What somebody has to be told who looks at the board from this moment on; `after` is the cursor behind what they have seen of it. For
    /// those who have seen something: ask for a mark first, and wait for it.
    pub fn join(&self, after: Option<Cursor>) -> impl Stream<Item = Result<BoardMessage, Rejection>> + Send + use<> {
        let (query, cursor, pictures) = (self.query, Arc::clone(&self.cursor), Arc::clone(&self.pictures));
        // Not when it is read: who belongs to a place is known at this moment.
        let missed = |after| self.boards.hub.missed_events(&self.selection, Arc::new(after), Arc::clone(&cursor));
        let missed = after.clone().map(missed);
        let messages = async move {
            let changed = match missed {
                None => HashMap::new(),
                Some(missed) => missed.map_ok(|event| (event.what.doctor_id, event.what.version)).try_collect().await?,
            };
            Ok(greetings(&pictures, &query, cursor, after.as_ref(), &changed))
        };
        stream::once(messages).flat_map(|messages| {
            let (messages, error) = match messages {
                Ok(messages) => (messages, None),
                Err(rejection) => (Vec::new(), Some(Err(rejection))),
            };
            stream::iter(messages.into_iter().map(Ok).chain(error))
        })
    }
}

/// Behind the same, as of another moment, in seconds since 1970.
fn as_of(at: i64, cursor: &Cursor) -> Arc<Cursor> {
    Arc::new(Cursor { at, ..cursor.clone() })
}
