//! Live changes of calendars.

use super::{
    context::Reach,
    doctor::Doctor,
    failure::Failure,
    live::{self, Happening, News, Source},
    page,
    scalars::{Cursor, DateTime},
};
use crate::{
    calendar::{self, CalendarEvent, Change, Delivered, Feed, Hub, Place, Selection},
    kernel::rejection::Rejection,
};
use async_graphql::{Context, Description, Enum, ID, Object, Subscription};
use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use std::{collections::HashSet, sync::Arc};

/// What happened to a calendar.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
pub enum SlotEventKind {
    /// A time was booked: every slot that overlaps it is taken.
    SlotTaken,
    /// A time is held by somebody who fills in the form, or the hold was renewed; until `heldUntil`, if it is not booked before.
    SlotHeld,
    /// A time became free: ask for the slots around it again.
    SlotReleased,
    /// The profile, the hours or the booking settings changed: ask for the doctor and the slots again.
    ScheduleChanged,
}

/// A change of a doctor's calendar. Says nothing about patients.
#[derive(Description)]
pub struct SlotEvent(Delivered<CalendarEvent>);

#[Object(use_type_description)]
impl SlotEvent {
    /// Give it back as `after` to go on behind this event.
    async fn cursor(&self) -> Cursor {
        Cursor((*self.0.cursor).clone())
    }

    /// What happened.
    async fn kind(&self) -> SlotEventKind {
        match self.0.what.change {
            Change::Taken(_) => SlotEventKind::SlotTaken,
            Change::Held(..) => SlotEventKind::SlotHeld,
            Change::Released(_) => SlotEventKind::SlotReleased,
            Change::ScheduleChanged => SlotEventKind::ScheduleChanged,
        }
    }

    /// Whose calendar.
    async fn doctor(&self, context: &Context<'_>) -> Result<Doctor, Failure> {
        Ok(Doctor(context.loaders().doctors.load_known(self.0.what.doctor_id).await?))
    }

    /// Whose calendar, by ID.
    async fn doctor_id(&self) -> ID {
        self.0.what.doctor_id.into()
    }

    /// The version of the doctor's calendar that this event made: each is one more than the one before it.
    async fn version(&self) -> i32 {
        self.0.what.version
    }

    /// The start of the visit that was booked, held or released; null for `SCHEDULE_CHANGED`.
    async fn starts_at(&self) -> Option<DateTime> {
        self.0.what.change.interval().map(|interval| interval.start.into())
    }

    /// Its end; null for `SCHEDULE_CHANGED`.
    async fn ends_at(&self) -> Option<DateTime> {
        self.0.what.change.interval().map(|interval| interval.end.into())
    }

    /// Until when the time is held; null for other kinds.
    async fn held_until(&self) -> Option<DateTime> {
        self.0.what.change.held_until().map(DateTime)
    }

    /// When it happened.
    async fn occurred_at(&self) -> DateTime {
        self.0.what.occurred_at.into()
    }
}

/// What can be watched of calendars.
#[derive(Default)]
pub struct SlotEventSubscription;

#[Subscription]
impl SlotEventSubscription {
    /// Changes of the calendars of the named doctors (at most 100), or of all of a clinic or a specialty: exactly one of the three. Each doctor's
    /// changes come in order, each once. Costs what an event does for each doctor; a clinic or a specialty counts as 100. For visitors too.
    #[graphql(complexity = "page::times(count(doctor_ids.as_deref()), child_complexity)")]
    async fn slot_events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Those of these doctors, 1 to 100.")] doctor_ids: Option<Vec<ID>>,
        #[graphql(desc = "Those of the doctors who work here, now or later.")] clinic_id: Option<ID>,
        #[graphql(desc = "Those of the doctors who practise this, now or later.")] specialty_id: Option<ID>,
        #[graphql(
            desc = "Go on behind this event: what was missed comes first. CURSOR_EXPIRED where that is longer ago than the log goes back."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = SlotEvent> + use<>, Failure> {
        // The edge looks at it, for each subscriber.
        let _ = after;
        let open = async {
            let selection = selection(doctor_ids, clinic_id, specialty_id)?;
            let services = context.services();
            let feed = services.directory.follow(selection.clone()).await?;
            let at = Arc::clone(&feed.start);
            Ok(Box::new(Events { hub: Arc::clone(&services.hub), selection, feed, at }) as Box<dyn Source>)
        };
        let event = live::run(context, open, async |happening| match happening {
            Happening::Event(event) => Ok(Some(SlotEvent(event))),
            _ => Ok(None),
        });
        Ok(stream::iter(event.await?))
    }
}

/// The source of `slotEvents`.
struct Events {
    hub: Arc<Hub>,
    selection: Selection,
    feed: Feed,
    /// Behind what has come.
    at: Arc<calendar::Cursor>,
}

#[async_trait::async_trait]
impl Source for Events {
    async fn next(&mut self) -> Result<News, Rejection> {
        loop {
            match self.feed.next().await? {
                calendar::News::Event(event) => return Ok(News::Happened(vec![Happening::Event(event)])),
                calendar::News::Mark(mark, cursor) => {
                    self.at = cursor;
                    return Ok(News::Mark(mark));
                }
                calendar::News::Step(_) => {}
            }
        }
    }

    fn mark(&self) -> u64 {
        self.feed.mark()
    }

    fn join(&self, after: Option<calendar::Cursor>) -> BoxStream<'static, Result<Happening, Rejection>> {
        let Some(after) = after else { return stream::empty().boxed() };
        let missed = self.hub.missed_events(&self.selection, Arc::new(after), Arc::clone(&self.at));
        missed.map_ok(Happening::Event).boxed()
    }
}

/// How many doctors a subscription may name.
const MOST: usize = 100;

/// How many doctors a subscription is about, for its cost. Of a place it is not known before it is looked up.
pub fn count(doctor_ids: Option<&[ID]>) -> usize {
    doctor_ids.map_or(MOST, |ids| ids.len().min(MOST))
}

/// The calendars that a subscription names.
pub fn selection(
    doctor_ids: Option<Vec<ID>>,
    clinic_id: Option<ID>,
    specialty_id: Option<ID>,
) -> Result<Selection, Rejection> {
    let missing = |_| Rejection::NotFound;
    match (doctor_ids, clinic_id, specialty_id) {
        (Some(ids), None, None) if (1..=MOST).contains(&ids.len()) => {
            let ids: Result<HashSet<_>, _> = ids.iter().map(|id| id.parse()).collect();
            Ok(Selection::Doctors(ids.map_err(missing)?))
        }
        (Some(_), None, None) => Err(Rejection::BadInput("`doctorIds` names 1 to 100 doctors.".into())),
        (None, Some(id), None) => Ok(Selection::Place(Place::Clinic(id.parse().map_err(missing)?))),
        (None, None, Some(id)) => Ok(Selection::Place(Place::Specialty(id.parse().map_err(missing)?))),
        _ => Err(Rejection::BadInput("Give one of `doctorIds`, `clinicId` and `specialtyId`.".into())),
    }
}
