//! The life of appointments: where it is kept together, and finding what was booked.

use super::{
    at_once::AtOnce,
    model::Appointment,
    reference,
    requests::{AppointmentFilter, AppointmentOrder},
    store,
    taken::TakenTimes,
};
use crate::{
    availability::{Availability, hours_of, is_within_hours, schedule},
    calendar::Publisher,
    directory,
    infra::{db::Database, lock::Lock},
    kernel::{
        clock::Clock,
        id::DoctorId,
        interval::Interval,
        page::{Page, PageRequest},
        rejection::Rejection,
        viewer::Viewer,
    },
};
use std::sync::Arc;

/// How many conflicts a change of hours tells of at most.
const MOST_CONFLICTS: usize = 1_000;
/// After so many visits others have their turn.
const TURN: usize = 256;

/// The life of appointments.
#[derive(Debug)]
pub struct Booking {
    pub(super) database: Database,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lock: Arc<dyn Lock>,
    pub(super) lock_namespace: String,
    pub(super) publisher: Publisher,
    pub(super) availability: Arc<Availability>,
    pub(super) taken: TakenTimes,
    pub(super) at_once: AtOnce,
}

impl Booking {
    /// Appointments in `database`. Installations that share a Redis keep their locks apart by their namespace.
    #[must_use]
    pub fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        lock: Arc<dyn Lock>,
        lock_namespace: String,
        publisher: Publisher,
        availability: Arc<Availability>,
    ) -> Self {
        let taken = TakenTimes::default();
        let at_once = AtOnce::start(&database, &publisher);
        Self { database, clock, lock, lock_namespace, publisher, availability, taken, at_once }
    }

    /// The appointment with this booking reference, if the viewer may see it.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn find_by_reference(&self, viewer: &Viewer, typed: &str) -> Result<Option<Appointment>, Rejection> {
        let Some(reference) = reference::canonical(typed) else { return Ok(None) };
        store::find_by_reference(&self.database, viewer, &reference).await
    }

    /// The appointments that the viewer may see and the filter lets through.
    ///
    /// # Errors
    /// Where the cursor is none, or the database does not answer.
    pub async fn list(
        &self,
        viewer: &Viewer,
        filter: &AppointmentFilter,
        order: AppointmentOrder,
        request: &PageRequest,
    ) -> Result<Page<Appointment>, Rejection> {
        store::page(&self.database, viewer, filter, order, request).await
    }

    /// The visits to come that lie outside a doctor's hours, the earliest first, at most a thousand. They stay until somebody moves them.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn conflicts(&self, viewer: &Viewer, doctor_id: DoctorId) -> Result<Vec<Appointment>, Rejection> {
        let connection = self.database.reader();
        let upcoming = store::upcoming(&self.database, viewer, doctor_id, self.clock.now()).await?;
        let doctor = directory::doctors(connection, &[doctor_id]).await?.remove(&doctor_id);
        let (Some((_, first)), Some((_, last)), Some(doctor)) = (upcoming.first(), upcoming.last(), doctor) else {
            return Ok(Vec::new());
        };
        let range = Interval { start: first.start, end: last.end };
        let hours = hours_of(connection, &[doctor_id], range).await?.remove(&doctor_id).unwrap_or_default();
        let schedule = schedule(&doctor, hours);
        let mut outside = Vec::new();
        for visits in upcoming.chunks(TURN) {
            let conflicting = visits.iter().filter(|(_, visit)| !is_within_hours(&schedule, *visit));
            outside.extend(conflicting.map(|(id, _)| *id));
            tokio::task::yield_now().await;
        }
        outside.truncate(MOST_CONFLICTS);
        let mut found = store::appointments(connection, viewer, &outside).await?;
        Ok(outside.iter().filter_map(|id| found.remove(id)).collect())
    }
}
