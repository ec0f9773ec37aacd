//! From the commit to the bus.

use super::{
    announced::Announced,
    model::CalendarEvent,
    store::{self, kind, to_change},
};
use crate::{
    infra::{bus::Bus, db::Database, supervise::supervise},
    kernel::id::DoctorId,
};
use ::entity::calendar_event::CalendarEventKind;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Mutex, mpsc};

/// How many events may wait to be marked; what does not fit is published again by the relay.
const WAITING: usize = 10_000;
const PAUSE: Duration = Duration::from_millis(200);

/// Tells every process what was committed.
#[derive(Clone, Debug)]
pub struct Publisher {
    bus: Arc<dyn Bus>,
    announced: Arc<Announced>,
    published: mpsc::Sender<i64>,
}

impl Publisher {
    /// A publisher over `bus`, which notes in the background what the bus has taken.
    #[must_use]
    pub fn start(database: Database, bus: Arc<dyn Bus>, announced: Arc<Announced>) -> Self {
        let (published, waiting) = mpsc::channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        supervise("calendar.mark_published", move || mark(database.clone(), Arc::clone(&waiting)));
        Self { bus, announced, published }
    }

    /// Announces events that are committed in this process alone, at once.
    pub fn announce(&self, events: &[CalendarEvent]) {
        self.announced.announce(events);
    }

    /// Publishes events that are committed. Nothing is lost where this fails or never comes to an end: the relay publishes them.
    pub async fn publish(&self, events: &[CalendarEvent]) {
        self.announced.announce(events);
        let messages = events.iter().map(to_message).collect();
        if self.bus.publish(messages).await.is_ok() {
            for event in events {
                // A full queue only means that the relay publishes it once more.
                let _ = self.published.try_send(event.id);
            }
        }
    }
}

async fn mark(database: Database, waiting: Arc<Mutex<mpsc::Receiver<i64>>>) -> anyhow::Result<()> {
    let mut waiting = waiting.lock().await;
    loop {
        let mut ids = Vec::new();
        waiting.recv_many(&mut ids, 1_000).await;
        store::mark_published(&database, ids).await?;
        tokio::time::sleep(PAUSE).await;
    }
}

#[derive(Deserialize, Serialize)]
struct Message {
    id: i64,
    doctor_id: DoctorId,
    version: i32,
    kind: CalendarEventKind,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    held_until: Option<DateTime<Utc>>,
    occurred_at: DateTime<Utc>,
}

fn to_message(event: &CalendarEvent) -> String {
    let interval = event.change.interval();
    let message = Message {
        id: event.id,
        doctor_id: event.doctor_id,
        version: event.version,
        kind: kind(&event.change),
        starts_at: interval.map(|interval| interval.start),
        ends_at: interval.map(|interval| interval.end),
        held_until: event.change.held_until(),
        occurred_at: event.occurred_at,
    };
    serde_json::to_string(&message).unwrap_or_default()
}

/// The event that a message tells of; nothing where it is not one of ours.
pub(super) fn from_message(text: &str) -> Option<CalendarEvent> {
    let message: Message = serde_json::from_str(text).ok()?;
    Some(CalendarEvent {
        id: message.id,
        doctor_id: message.doctor_id,
        version: message.version,
        change: to_change(message.kind, message.starts_at.zip(message.ends_at), message.held_until)?,
        occurred_at: message.occurred_at,
    })
}
