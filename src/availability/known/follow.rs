//! Hears what happens, and brings what is known on by it.

use super::{
    calendar::{DoctorCalendar, changes_schedule},
    keeper::{BATCH, Keeper},
    read::read_whole_hours,
};
use crate::{
    calendar::{self, CalendarEvent, CaughtUp, Missed, Selection, Watch},
    directory,
    infra::db::Database,
    kernel::{id::DoctorId, interval::Interval, rejection::Rejection},
};
use futures_util::{FutureExt, StreamExt};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::watch;

impl Keeper {
    /// Follows all that happens, for ever.
    pub(super) async fn follow(self: Arc<Self>) -> anyhow::Result<()> {
        let mut caught_up = self.hub.caught_up();
        loop {
            // Listen first: what happens while it is compared is heard.
            let mut events = self.hub.watch(Selection::All);
            let until = caught_up.borrow_and_update().clone();
            self.catch_up().await?;
            self.settled.send_replace(until);
            while let Ok((batch, until)) = self.hear(&mut events, &mut caught_up).await {
                self.apply(&batch).await?;
                let behind = self.memory.behind(*self.wanted.borrow());
                self.read(&behind).await?;
                if let Some(until) = until {
                    self.settled.send_replace(until);
                }
            }
        }
    }

    /// Reads again what has changed while nobody listened.
    async fn catch_up(&self) -> Result<(), Rejection> {
        let mut after = None;
        loop {
            let ids = directory::doctor_ids(self.database.reader(), after, 1_000).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            let versions = calendar::versions(self.database.reader(), &ids).await?;
            // Somebody may be reading an older one at this moment.
            self.announced().note(versions.iter().map(|(id, version)| (*id, *version)));
            let all = *self.complete.borrow();
            let has_moved = |(id, version): (DoctorId, i32)| {
                let is_known = self.memory.find(id).map(|calendar| calendar.version() >= version);
                (!is_known.unwrap_or(!all)).then_some(id)
            };
            let moved: Vec<_> = versions.into_iter().filter_map(has_moved).collect();
            self.read(&moved).await?;
        }
        Ok(())
    }

    /// The events that have happened, once there is something to do; with how far the hub had come, where there are no more of them.
    async fn hear(
        &self,
        events: &mut Watch,
        caught_up: &mut watch::Receiver<CaughtUp>,
    ) -> Result<(Vec<CalendarEvent>, Option<CaughtUp>), Missed> {
        let mut batch = tokio::select! {
            first = events.next() => vec![first.unwrap_or(Err(Missed))?],
            () = self.late.notified() => Vec::new(),
            changed = caught_up.changed() => changed.map(|()| Vec::new()).map_err(|_| Missed)?,
        };
        // Asked for before the queue is emptied: what was delivered by then is in it.
        let mut until = Some(caught_up.borrow_and_update().clone());
        while let Some(Some(event)) = events.next().now_or_never() {
            batch.push(event?);
            if batch.len() == BATCH {
                // There may be more: they come next, and this after them.
                until = None;
                caught_up.mark_changed();
                break;
            }
        }
        let now = self.clock.now();
        for event in &batch {
            self.memory.hear(event, now);
        }
        Ok((batch, until))
    }

    /// Brings calendars on by what has happened to them: one statement for the claims of all, five for profiles and hours where those changed.
    pub(super) async fn apply(&self, batch: &[CalendarEvent]) -> Result<(), Rejection> {
        let mut by_doctor: HashMap<DoctorId, Vec<CalendarEvent>> = HashMap::new();
        for event in batch {
            by_doctor.entry(event.doctor_id).or_default().push(*event);
        }
        // Calendars that lack more than these events are behind afterwards, and read from the beginning.
        by_doctor.retain(|id, events| {
            let known = self.memory.find(*id).map_or(i32::MAX, |calendar| calendar.version());
            events.retain(|event| event.version > known);
            events.first().is_some_and(|event| event.version == known + 1)
                && events.windows(2).all(|pair| pair[0].version + 1 == pair[1].version)
        });
        let rescheduled: Vec<_> =
            by_doctor.iter().filter(|(_, events)| changes_schedule(events)).map(|(id, _)| *id).collect();
        if by_doctor.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let doctors = directory_rows(&self.database, &rescheduled).await?;
        let mut hours: HashMap<_, _> = read_whole_hours(&self.database, doctors, now)
            .await?
            .into_iter()
            .map(|calendar| (calendar.doctor.id, calendar))
            .collect();
        let times: Vec<(DoctorId, Interval)> = by_doctor
            .values()
            .flatten()
            .filter_map(|event| Some((event.doctor_id, event.change.interval()?)))
            .collect();
        let claims = super::super::store::claims_at(self.database.reader(), &times).await?;
        let mut changed = Vec::new();
        for (id, events) in by_doctor {
            let Some(known) = self.memory.find(id) else { continue };
            let base = match hours.remove(&id) {
                Some(hours) => {
                    let (read_at, known_until, claims) = (known.read_at, known.known_until, known.claims.clone());
                    DoctorCalendar { read_at, known_until, claims, ..hours }
                }
                None => (*known).clone(),
            };
            changed.push(base.after(&events, claims.get(&id).map_or(&[], Vec::as_slice)));
        }
        self.keep(changed);
        Ok(())
    }
}

async fn directory_rows(database: &Database, ids: &[DoctorId]) -> Result<Vec<directory::Doctor>, Rejection> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(directory::doctors(database.reader(), ids).await?.into_values().collect())
}
