//! Live changes of calendars.

use super::{context::Reach, doctor::Doctor, failure::Failure, scalars::DateTime};
use crate::{
    calendar::{CalendarEvent, Change, Missed},
    directory::Watched,
    kernel::rejection::Rejection,
};
use async_graphql::{Context, Description, Enum, ID, Object, Subscription};
use futures_util::{Stream, StreamExt};
use std::collections::HashSet;

/// What happened to a calendar.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
pub enum SlotEventKind {
    /// A time was booked: every slot that overlaps it is taken.
    SlotTaken,
    /// A time is held by somebody who fills in the form, or the hold was renewed; until `heldUntil`, if it is not booked before.
    SlotHeld,
    /// A time became free: ask for the slots around it again.
    SlotReleased,
    /// The hours or the booking settings changed: ask for the slots again.
    ScheduleChanged,
}

/// A change of a doctor's calendar. Says nothing about patients.
#[derive(Description)]
pub struct SlotEvent(CalendarEvent);

#[Object(use_type_description)]
impl SlotEvent {
    /// What happened.
    async fn kind(&self) -> SlotEventKind {
        match self.0.change {
            Change::Taken(_) => SlotEventKind::SlotTaken,
            Change::Held(..) => SlotEventKind::SlotHeld,
            Change::Released(_) => SlotEventKind::SlotReleased,
            Change::ScheduleChanged => SlotEventKind::ScheduleChanged,
        }
    }

    /// Whose calendar.
    async fn doctor(&self, context: &Context<'_>) -> Result<Doctor, Failure> {
        Ok(Doctor(context.loaders().doctors.load_known(self.0.doctor_id).await?))
    }

    /// Whose calendar, by ID.
    async fn doctor_id(&self) -> ID {
        self.0.doctor_id.into()
    }

    /// The version of the doctor's calendar that this event made: each is one more than the one before it.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// The start of the visit that was booked, held or released; null for `SCHEDULE_CHANGED`.
    async fn starts_at(&self) -> Option<DateTime> {
        self.0.change.interval().map(|interval| interval.start.into())
    }

    /// Its end; null for `SCHEDULE_CHANGED`.
    async fn ends_at(&self) -> Option<DateTime> {
        self.0.change.interval().map(|interval| interval.end.into())
    }

    /// Until when the time is held; null for other kinds.
    async fn held_until(&self) -> Option<DateTime> {
        self.0.change.held_until().map(DateTime)
    }

    /// When it happened.
    async fn occurred_at(&self) -> DateTime {
        self.0.occurred_at.into()
    }
}

/// What can be watched.
#[derive(Default)]
pub struct SlotEventSubscription;

/// Live changes, over WebSocket (graphql-transport-ws) or as server-sent events.
#[Subscription(name = "Subscription")]
impl SlotEventSubscription {
    /// Changes of the calendars of the named doctors (at most 100), or of all of a clinic or a specialty: exactly one of the three. Each doctor's
    /// changes come in order, each once. For visitors too.
    async fn slot_events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Those of these doctors, 1 to 100.")] doctor_ids: Option<Vec<ID>>,
        #[graphql(desc = "Those of the doctors who work here, now or later.")] clinic_id: Option<ID>,
        #[graphql(desc = "Those of the doctors who practise this, now or later.")] specialty_id: Option<ID>,
    ) -> Result<impl Stream<Item = Result<SlotEvent, Failure>> + use<>, Failure> {
        let watched = watched(doctor_ids, clinic_id, specialty_id)?;
        let events = context.services().directory.watch(watched).await?;
        Ok(events.map(|event| match event {
            Ok(event) => Ok(SlotEvent(event)),
            Err(Missed) => Err(Rejection::ResumeRequired.into()),
        }))
    }
}

fn watched(doctor_ids: Option<Vec<ID>>, clinic_id: Option<ID>, specialty_id: Option<ID>) -> Result<Watched, Rejection> {
    let missing = |_| Rejection::NotFound;
    match (doctor_ids, clinic_id, specialty_id) {
        (Some(ids), None, None) if (1..=100).contains(&ids.len()) => {
            let ids: Result<HashSet<_>, _> = ids.iter().map(|id| id.parse()).collect();
            Ok(Watched::Doctors(ids.map_err(missing)?))
        }
        (Some(_), None, None) => Err(Rejection::BadInput("`doctorIds` names 1 to 100 doctors.".into())),
        (None, Some(id), None) => Ok(Watched::Clinic(id.parse().map_err(missing)?)),
        (None, None, Some(id)) => Ok(Watched::Specialty(id.parse().map_err(missing)?)),
        _ => Err(Rejection::BadInput("Give one of `doctorIds`, `clinicId` and `specialtyId`.".into())),
    }
}
