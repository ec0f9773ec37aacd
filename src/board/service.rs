//! Drawing boards and keeping them right.

use super::model::{BoardKind, BoardMessage, BoardQuery, Material, Picture, changes};
use crate::{
    availability::{claims, hours_of, schedule},
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
use chrono::{DateTime, TimeDelta};
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
/// How far claims reach into slots that begin later: the longest visit and both of the longest pauses.
const REACH: TimeDelta = TimeDelta::minutes(480 + 240 + 240);
/// How often a board looks whether time has passed.
const SECOND: Duration = Duration::from_secs(1);

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
    /// Behind everything that it shows.
    cursor: Arc<Cursor>,
    pictures: Arc<BTreeMap<DoctorId, Picture>>,
    /// Whose calendars have changed since they were drawn, and the cursor behind those changes.
    stale: BTreeSet<DoctorId>,
    seen: Arc<Cursor>,
    /// Those, being drawn: it goes on while whoever waits for it turns to something else.
    drawing: Option<AbortOnDropHandle<BTreeMap<DoctorId, Picture>>>,
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
        let pictures = self.draw(&doctors, &query).await?;
        let mut ticks = interval(SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (cursor, seen) = (Arc::clone(&feed.start), Arc::clone(&feed.start));
        let pictures = Arc::new(pictures);
        let boards = Arc::clone(self);
        let (stale, drawing, mark) = (BTreeSet::new(), None, None);
        Ok(Board { boards, selection, query, feed, cursor, pictures, stale, seen, drawing, mark, ticks })
    }

    /// Whom a board shows. Where the hub has let go nobody knows who belongs to a place: that does not mean nobody.
    fn members(&self, selection: &Selection) -> Result<HashSet<DoctorId>, Rejection> {
        let members = self.hub.members(selection).ok_or(Missed)?;
        if members.len() > MOST {
            return Err(Rejection::BadInput("A board shows at most 100 doctors.".into()));
        }
        Ok(members)
    }

    async fn draw(&self, doctors: &[DoctorId], query: &BoardQuery) -> Result<BTreeMap<DoctorId, Picture>, Rejection> {
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
        let now = self.clock.now();
        let picture = |doctor: directory::Doctor| {
            let material = Material {
                schedule: schedule(&doctor, hours.remove(&doctor.id).unwrap_or_default()),
                claims: claims.remove(&doctor.id).unwrap_or_default(),
                visit_type: visit_type.clone(),
                doctor,
            };
            (material.doctor.id, Picture::draw(Arc::new(material), query, now))
        };
        Ok(doctors.into_values().map(picture).collect())
    }

    /// The same, however often it takes.
    async fn draw_at_last(self: Arc<Self>, doctors: Vec<DoctorId>, query: BoardQuery) -> BTreeMap<DoctorId, Picture> {
        loop {
            match self.draw(&doctors, &query).await {
                Ok(pictures) => return pictures,
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
                        let messages = self.pass_time();
                        if !messages.is_empty() {
                            return Ok(Turn::Changed(messages));
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
                    self.cursor = Arc::clone(&self.seen);
                }
            }
            News::Step(_) => {}
        }
    }

    async fn redraw(&mut self) -> Result<Vec<BoardMessage>, Rejection> {
        let drawing = if let Some(drawing) = &mut self.drawing {
            drawing
        } else {
            let members = self.boards.members(&self.selection)?;
            let wanted = self.stale.iter().copied().filter(|doctor| members.contains(doctor)).collect();
            let drawing = tokio::spawn(Arc::clone(&self.boards).draw_at_last(wanted, self.query));
            self.drawing.insert(AbortOnDropHandle::new(drawing))
        };
        let drawn = drawing.await;
        // From here on nothing is waited for: either all of it happens or nothing.
        self.drawing = None;
        let mut drawn = drawn.map_err(|_| Internal::new("a board was not drawn"))?;
        let mut messages = Vec::new();
        for doctor in std::mem::take(&mut self.stale) {
            let pictures = Arc::make_mut(&mut self.pictures);
            match (pictures.remove(&doctor), drawn.remove(&doctor)) {
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
        self.cursor = Arc::clone(&self.seen);
        // Only the last one may say that all of them were seen.
        if let Some(last) = messages.last_mut() {
            last.cursor = Arc::clone(&self.cursor);
        }
        Ok(messages)
    }

    /// Redraws what is different because time has passed.
    fn pass_time(&mut self) -> Vec<BoardMessage> {
        let now = self.boards.clock.now();
        let due = self.pictures.iter().filter(|(_, picture)| picture.lasts_until <= now);
        let due: Vec<_> = due.map(|(doctor, picture)| (*doctor, picture.clone())).collect();
        let mut messages = Vec::new();
        for (doctor, before) in due {
            let after = Picture::draw(Arc::clone(&before.material), &self.query, now);
            messages.extend(self.change(&after, changes(&before.slots, &after.slots)));
            Arc::make_mut(&mut self.pictures).insert(doctor, after);
        }
        messages
    }

    fn message(
        &self,
        kind: BoardKind,
        picture: &Picture,
        (slots, removed): (Vec<crate::availability::Slot>, Vec<crate::availability::SlotKey>),
    ) -> BoardMessage {
        let (doctor_id, version) = (picture.material.doctor.id, picture.version());
        BoardMessage { kind, doctor_id, version, slots, removed, cursor: Arc::clone(&self.cursor) }
    }

    /// What changes nothing says nothing.
    fn change(
        &self,
        picture: &Picture,
        changes: (Vec<crate::availability::Slot>, Vec<crate::availability::SlotKey>),
    ) -> Option<BoardMessage> {
        let is_nothing = changes.0.is_empty() && changes.1.is_empty();
        (!is_nothing).then(|| self.message(BoardKind::Change, picture, changes))
    }

    /// What somebody has to be told who looks at the board from this moment on; `after` is the cursor behind what they have seen of it. For
    /// those who have seen something: ask for a mark first, and wait for it.
    pub fn join(&self, after: Option<Cursor>) -> impl Stream<Item = Result<BoardMessage, Rejection>> + Send + use<> {
        let (query, now) = (self.query, self.boards.clock.now());
        let (cursor, pictures) = (Arc::clone(&self.cursor), Arc::clone(&self.pictures));
        // Not when it is read: who belongs to a place is known at this moment.
        let missed = after.clone().map(|after| {
            self.boards.hub.missed_events(&self.selection, Arc::new(after), Arc::clone(&cursor))
        });
        let messages = async move {
            let changed: HashMap<_, _> = match missed {
                None => HashMap::new(),
                Some(missed) => missed.map_ok(|event| (event.what.doctor_id, event.what.version)).try_collect().await?,
            };
            let begins = after.as_ref().is_none_or(|after| after.unfinished);
            let on_the_way = match &after {
                Some(after) => after.clone(),
                None => Cursor { unfinished: true, ..(*cursor).clone() },
            };
            let on_the_way = Arc::new(on_the_way);
            let since = after.and_then(|after| DateTime::from_timestamp(after.at, 0)).unwrap_or(now);
            let message = |(doctor, picture): (&DoctorId, &Picture)| {
                let (kind, (slots, removed)) = if begins || changed.contains_key(doctor) {
                    (BoardKind::Snapshot, (picture.slots.to_vec(), Vec::new()))
                } else {
                    let before = picture.material.slots(&query, since);
                    (BoardKind::Change, super::model::changes(&before, &picture.slots))
                };
                let version = picture.version();
                BoardMessage { kind, doctor_id: *doctor, version, slots, removed, cursor: Arc::clone(&on_the_way) }
            };
            let mut messages: Vec<_> = pictures.iter().map(message).collect();
            // Who is not on the board any more has nothing on it.
            let left = changed.iter().filter(|(doctor, _)| !pictures.contains_key(doctor));
            messages.extend(left.map(|(doctor, version)| BoardMessage {
                kind: BoardKind::Snapshot,
                doctor_id: *doctor,
                version: *version,
                slots: Vec::new(),
                removed: Vec::new(),
                cursor: Arc::clone(&on_the_way),
            }));
            if let Some(last) = messages.last_mut() {
                last.cursor = cursor;
            }
            Ok(messages)
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
