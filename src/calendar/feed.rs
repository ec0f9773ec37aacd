//! What can be followed, and how it comes.

use super::{
    cursor::Cursor,
    hub::Hub,
    model::{AppointmentStep, CalendarEvent},
};
use crate::kernel::{
    id::{ClinicId, DoctorId, SpecialtyId, UserId},
    rejection::Rejection,
};
use futures_util::Stream;
use std::{
    collections::HashSet,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Which calendars to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those of these doctors.
    Doctors(HashSet<DoctorId>),
    /// Those of the doctors who belong there, now or later.
    Place(Place),
    /// All of them.
    All,
}

/// Where doctors belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// They work there.
    Clinic(ClinicId),
    /// They practise that.
    Specialty(SpecialtyId),
}

impl Place {
    /// Its id, whatever it is.
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::Clinic(id) => id.0,
            Self::Specialty(id) => id.0,
        }
    }
}

/// A doctor joins a place, or leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Where.
    pub place: Place,
    /// Whether they join.
    pub joins: bool,
}

/// Knows which doctors belong where.
#[async_trait::async_trait]
pub trait Roster: fmt::Debug + Send + Sync {
    /// The doctors who belong to a place.
    async fn members(&self, place: Place) -> Result<HashSet<DoctorId>, Rejection>;
}

/// Whose appointments to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// A patient's own.
    Patient(UserId),
    /// Those with this doctor.
    Doctor(DoctorId),
    /// A clinic's.
    Clinic(ClinicId),
    /// All of them.
    All,
}

impl Audience {
    /// Whether a step concerns it.
    #[must_use]
    pub fn hears_of(&self, step: &AppointmentStep) -> bool {
        match self {
            Self::Patient(id) => step.patient_id == *id,
            Self::Doctor(id) => step.doctor_id == *id,
            Self::Clinic(id) => step.clinic_id == *id,
            Self::All => true,
        }
    }
}

/// What to follow.
#[derive(Clone, Debug)]
pub enum Interest {
    /// Calendars.
    Calendars(Selection),
    /// Appointments.
    Appointments(Audience),
}

/// Something that happened, with the cursor behind it.
#[derive(Clone, Debug)]
pub struct Delivered<T> {
    /// What.
    pub what: T,
    /// Give it back to go on behind this.
    pub cursor: Arc<Cursor>,
}

/// What comes to whoever follows.
#[derive(Clone, Debug)]
pub enum News {
    /// A change of a calendar.
    Event(Delivered<CalendarEvent>),
    /// A step of an appointment.
    Step(Delivered<AppointmentStep>),
    /// Everything that was committed when this mark, or a later one, was asked for has come; the cursor behind it.
    Mark(u64, Arc<Cursor>),
}

/// Events were lost because they were not taken in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed;

/// What is followed, from a known place in the log on.
#[derive(Debug)]
pub struct Feed {
    hub: Arc<Hub>,
    watcher: u64,
    news: mpsc::Receiver<News>,
    /// Everything behind it comes.
    pub start: Arc<Cursor>,
}

impl Feed {
    pub(super) fn new(hub: Arc<Hub>, watcher: u64, news: mpsc::Receiver<News>, start: Arc<Cursor>) -> Self {
        Self { hub, watcher, news, start }
    }

    /// The next thing that happens. May be dropped and called again.
    ///
    /// # Errors
    /// `Missed` where things were not taken in time: there will be nothing any more.
    pub async fn next(&mut self) -> Result<News, Missed> {
        self.news.recv().await.ok_or(Missed)
    }

    /// What has happened already, if anything.
    pub fn next_now(&mut self) -> Option<News> {
        self.news.try_recv().ok()
    }

    /// Asks for a mark behind everything that is committed by now; its number.
    #[must_use]
    pub fn mark(&self) -> u64 {
        self.hub.mark(self.watcher)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.hub.leave(self.watcher);
    }
}

/// The events of the watched calendars alone. Ends with `Missed` where they were not taken in time, and only then.
#[derive(Debug)]
pub struct Watch(pub(super) Feed, pub(super) bool);

impl Stream for Watch {
    type Item = Result<CalendarEvent, Missed>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.1 {
            match std::task::ready!(self.0.news.poll_recv(context)) {
                Some(News::Event(event)) => return Poll::Ready(Some(Ok(event.what))),
                Some(_) => {}
                None => {
                    self.1 = true;
                    return Poll::Ready(Some(Err(Missed)));
                }
            }
        }
        Poll::Ready(None)
    }
}
