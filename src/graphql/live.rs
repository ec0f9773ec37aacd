//! How subscriptions run. The edge asks a root field of Subscription for its source once for all who share it, and then lets each thing that
//! happens be answered once: so a field runs either to open its source, or to answer one thing.

use super::failure::Failure;
use crate::{
    board::BoardMessage,
    calendar::{AppointmentStep, CalendarEvent, Cursor, Delivered},
    kernel::rejection::Rejection,
};
use async_graphql::Context;
use futures_util::stream::BoxStream;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

/// Something that a subscription tells of.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A change of a calendar.
    Event(Delivered<CalendarEvent>),
    /// A message of a board.
    Board(Arc<BoardMessage>),
    /// A step in the life of an appointment.
    Step(Delivered<AppointmentStep>),
}

impl Happening {
    /// Names what is told: the same for everybody who is told the same.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Event(event) => event.cursor.to_string(),
            Self::Step(step) => step.cursor.to_string(),
            // Time passes over a board without a new version or cursor: what is told belongs to the name.
            Self::Board(message) => {
                let mut told = DefaultHasher::new();
                for slot in &message.slots {
                    (slot.key, slot.status, slot.held_until).hash(&mut told);
                }
                message.removed.hash(&mut told);
                let (kind, told) = (message.kind, told.finish());
                format!("{kind:?} {} {} {} {told:x}", message.doctor_id, message.version, message.cursor)
            }
        }
    }
}

/// What comes from a source.
#[derive(Debug)]
pub enum News {
    /// Something happened.
    Happened(Vec<Happening>),
    /// Everything that was committed when this mark was asked for has come.
    Mark(u64),
}

/// Where a subscription's events come from, for all who share it.
#[async_trait::async_trait]
pub trait Source: Send {
    /// What comes next. May be dropped and called again, and goes on where it was. Behind an error nothing comes.
    async fn next(&mut self) -> Result<News, Rejection>;

    /// Asks for a mark behind everything that is committed by now; its number.
    fn mark(&self) -> u64;

    /// What somebody has to be told first who joins at this moment: what they missed since `after`, once the mark has come that was asked
    /// for when they gave it.
    fn join(&self, after: Option<Cursor>) -> BoxStream<'static, Result<Happening, Rejection>>;
}

/// Why a root field of Subscription runs.
#[derive(Clone)]
pub enum Phase {
    /// To open its source, which it puts here.
    Open(Arc<Mutex<Option<Box<dyn Source>>>>),
    /// To answer this.
    Answer(Happening),
}

/// What a root field does in its phase: it opens a source, or takes what it is to answer.
pub async fn run<T>(
    context: &Context<'_>,
    open: impl Future<Output = Result<Box<dyn Source>, Rejection>>,
    answer: impl AsyncFnOnce(Happening) -> Result<Option<T>, Failure>,
) -> Result<Option<T>, Failure> {
    match context.data_unchecked::<Phase>() {
        Phase::Open(place) => {
            let source = open.await?;
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
            Ok(None)
        }
        Phase::Answer(happening) => answer(happening.clone()).await,
    }
}
