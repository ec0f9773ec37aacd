//! What somebody missed, read from the log.

use super::{
    cursor::{Cursor, Kind},
    feed::{Audience, Delivered, Missed, Selection},
    hub::{CATCH_UP, Hub},
    membership::Membership,
    model::{AppointmentStep, CalendarEvent},
    position::Position,
    store::{self, Between},
};
use crate::kernel::{id::DoctorId, rejection::Rejection};
use futures_util::Stream;
use std::{collections::HashSet, sync::Arc};

/// How many missed events are read at a time.
const PAGE: u64 = 500;

impl Hub {
    /// What was missed of some calendars between two cursors, each doctor's events in order: what a watcher would have heard, also of doctors who
    /// do not belong to a watched place any more. Ends with `CursorExpired` where the log does not go back so far, or is another, and with
    /// `ResumeRequired` where nobody watches the place.
    pub fn missed_events(
        self: &Arc<Self>,
        selection: &Selection,
        from: Arc<Cursor>,
        to: Arc<Cursor>,
    ) -> impl Stream<Item = Result<Delivered<CalendarEvent>, Rejection>> + Send + use<> {
        let (hub, selection) = (Arc::clone(self), selection.clone());
        // Before the moves are read: whoever joins or leaves in between is among them.
        let members = self.members(&selection);
        async_stream::try_stream! {
            hub.check(&from, &to)?;
            let membership = hub.membership(&selection, members, &from).await?;
            let doctors = membership.doctors();
            let mut behind = 0;
            loop {
                let but = &seen(&from, Kind::Events);
                let between = Between { from: &from.position, to: Some(&to.position), but, behind, limit: PAGE };
                let page = store::events(&hub.database, &between, doctors.as_deref()).await?;
                hub.check_cut(&from).await?;
                let Some(last) = page.last() else { break };
                behind = last.id;
                for event in page {
                    if membership.hears_of(&event) && !from.ahead.contains(&event.id) {
                        let cursor = from.resumed(Kind::Events, &to.position, event.id).ok_or(Rejection::CursorExpired)?;
                        yield Delivered { what: event, cursor: Arc::new(cursor) };
                    }
                }
            }
        }
    }

    /// Who belonged to a selection from a cursor on; `members` do by now.
    async fn membership(
        &self,
        selection: &Selection,
        members: Option<HashSet<DoctorId>>,
        from: &Cursor,
    ) -> Result<Membership, Rejection> {
        let Selection::Place(place) = selection else { return Ok(Membership::new(members, Vec::new())) };
        let between = Between { from: &from.position, to: None, but: &[], behind: 0, limit: CATCH_UP };
        let moves = store::moves(&self.database, &between, *place).await?;
        if moves.len() as u64 >= CATCH_UP {
            return Err(Rejection::CursorExpired);
        }
        let members = members.ok_or(Missed)?;
        Ok(Membership::new(Some(members), moves))
    }

    /// The same of appointments.
    pub fn missed_steps(
        self: &Arc<Self>,
        audience: Audience,
        from: Arc<Cursor>,
        to: Arc<Cursor>,
    ) -> impl Stream<Item = Result<Delivered<AppointmentStep>, Rejection>> + Send + use<> {
        let hub = Arc::clone(self);
        async_stream::try_stream! {
            hub.check(&from, &to)?;
            let mut behind = 0;
            loop {
                let but = &seen(&from, Kind::Steps);
                let between = Between { from: &from.position, to: Some(&to.position), but, behind, limit: PAGE };
                let page = store::steps(&hub.database, &between, audience).await?;
                hub.check_cut(&from).await?;
                let Some(last) = page.last() else { break };
                behind = last.id;
                for step in page {
                    let cursor = from.resumed(Kind::Steps, &to.position, step.id).ok_or(Rejection::CursorExpired)?;
                    yield Delivered { what: step, cursor: Arc::new(cursor) };
                }
            }
        }
    }

    fn check(&self, from: &Cursor, to: &Cursor) -> Result<(), Rejection> {
        let positions = from.progress.iter().map(|(_, position, _)| position).chain([&from.position]);
        let is_ours = from.log == self.log && positions.into_iter().all(|position| !position.is_beyond(&to.position));
        if is_ours { Ok(()) } else { Err(Rejection::CursorExpired) }
    }

    /// Asked after what was to be read: then nothing was cut off before it was read.
    async fn check_cut(&self, from: &Cursor) -> Result<(), Rejection> {
        let cut = store::cut(&self.database).await?;
        if from.position.includes_all_of(cut) { Ok(()) } else { Err(Rejection::CursorExpired) }
    }
}

/// What of `kind` was seen of the part of the log behind `from`.
fn seen(from: &Cursor, kind: Kind) -> Vec<(&Position, i64)> {
    let of_kind = from.progress.iter().filter(|(of, ..)| *of == kind);
    of_kind.map(|(_, position, row)| (position, *row)).collect()
}
