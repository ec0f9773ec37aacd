//! Booking and cancelling, and finding what was booked.

use super::{
    guard::{self, Claimed, refusal},
    jobs::CONFIRM,
    model::{
        Appointment, AppointmentFilter, AppointmentOrder, AppointmentStatus, BookingRequest, CancelRequest, Outcome,
        Transition,
    },
    reference, store,
};
use crate::{
    accounts::{self, RoleName},
    availability::{hours_of, is_within_hours, schedule},
    calendar::{self, Change, Publisher},
    directory,
    infra::{
        db::Database,
        lock::{self, Acquired, Lock},
        outbox,
    },
    kernel::{
        check::{Check, REASON, TEXT},
        clock::Clock,
        id::{AppointmentId, DoctorId, UserId},
        interval::Interval,
        page::{Page, PageRequest},
        rejection::{Code, Refusal, Rejection},
        viewer::{Role, Viewer},
    },
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::{sync::Arc, time::Duration};

/// No transaction of ours takes longer, so nobody loses a lock in the middle of one.
const LOCK_TIME: Duration = Duration::from_secs(10);
/// How many conflicts a change of hours tells of at most.
const MOST_CONFLICTS: u64 = 1_000;

/// The lock of one start of one doctor's.
#[must_use]
pub fn appointment_lock(namespace: &str, doctor_id: DoctorId, start: DateTime<Utc>) -> String {
    format!("medislot:{namespace}:lock:{doctor_id}:{}", start.timestamp())
}

/// The life of appointments.
#[derive(Debug)]
pub struct Booking {
    database: Database,
    clock: Arc<dyn Clock>,
    lock: Arc<dyn Lock>,
    lock_namespace: String,
    publisher: Publisher,
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
    ) -> Self {
        Self { database, clock, lock, lock_namespace, publisher }
    }

    /// Books a time. Of any number who want it at once, one gets it.
    ///
    /// # Errors
    /// What is wrong with the input, `NotFound` of the doctor or the patient, or the reason why the time cannot be had.
    #[tracing::instrument(name = "booking.book", skip_all, fields(doctor.id = %request.wanted.doctor_id))]
    pub async fn book(&self, viewer: &Viewer, request: BookingRequest) -> Result<Appointment, Rejection> {
        let mut check = Check::new();
        check.optional_text("notes", request.notes.as_deref(), TEXT);
        check.finish()?;
        let (patient_id, time_zone) = self.patient(viewer, request.patient_id).await?;
        let claimed = Claimed {
            wanted: request.wanted,
            field: request.field,
            patient_id,
            time_zone: request.time_zone.unwrap_or(time_zone),
            notes: request.notes,
        };
        let key = appointment_lock(&self.lock_namespace, claimed.wanted.doctor_id, claimed.wanted.starts_at);
        let held = match lock::acquire(&self.lock, key, LOCK_TIME).await {
            Acquired::Held(guard) => Some(guard),
            Acquired::Busy => return Err(refusal(claimed.field, Code::SlotBusy).into()),
            // The lock only sheds load: without it the database decides alone.
            Acquired::Unguarded => None,
        };
        let promise = async |transaction: &_, appointment: &Appointment| {
            outbox::promise_in(transaction, CONFIRM, appointment.id.0, appointment.created_at).await
        };
        let claimed = guard::claim(&self.database, &*self.clock, viewer, claimed, promise).await;
        let published = async {
            if let Ok((_, events)) = &claimed {
                self.publisher.publish(events).await;
            }
        };
        let released = async {
            if let Some(held) = held {
                held.release().await;
            }
        };
        // Polled together, both leave in one go.
        tokio::join!(published, released);
        let (appointment, _) = claimed?;
        tracing::info!(appointment.id = %appointment.id, "booked");
        Ok(appointment)
    }

    /// For whom the viewer books, and the time zone that they live in.
    async fn patient(&self, viewer: &Viewer, named: Option<UserId>) -> Result<(UserId, Tz), Rejection> {
        let id = match (viewer.role, named) {
            (Role::Patient, None) => return Ok((viewer.user_id, viewer.time_zone)),
            (Role::Patient, Some(id)) if id == viewer.user_id => return Ok((id, viewer.time_zone)),
            (Role::Patient, Some(_)) => return Err(Refusal::not_found("patientId").into()),
            (_, None) => return Err(Refusal::of("patientId", Code::Invalid, "Say for whom you book.").into()),
            (_, Some(id)) => id,
        };
        let known = viewer.role == Role::PlatformAdmin
            || store::known_patients(&self.database, viewer, &[id]).await?.contains(&id);
        let user = if known { accounts::users(&self.database, &[id]).await?.remove(&id) } else { None };
        let patient = user.filter(|user| user.role == RoleName::Patient && user.active);
        let patient = patient.ok_or_else(|| Refusal::not_found("patientId"))?;
        Ok((patient.id, patient.time_zone))
    }

    /// Calls a visit off.
    ///
    /// # Errors
    /// What is wrong with the input, `NotFound`, `InvalidTransition` or `CancellationWindowPassed`.
    #[tracing::instrument(name = "booking.cancel", skip_all, fields(appointment.id = %request.appointment_id))]
    pub async fn cancel(&self, viewer: &Viewer, request: CancelRequest) -> Result<Appointment, Rejection> {
        let mut check = Check::new();
        check.optional_text("reason", request.reason.as_deref(), REASON);
        check.finish()?;
        let id = request.appointment_id;
        let missing = || Refusal::not_found("appointmentId");
        let seen = store::appointments(self.database.reader(), viewer, &[id]).await?.remove(&id).ok_or_else(missing)?;
        let transaction = self.database.begin().await?;
        let turn = calendar::take_turn_in(&transaction, seen.doctor_id).await?;
        let before = store::find_in(&transaction, viewer, id).await?.ok_or_else(missing)?;
        before.require_version(request.version)?;
        let doctor = directory::doctors(&*transaction, &[before.doctor_id]).await?.remove(&before.doctor_id);
        let notice_hours = doctor.ok_or_else(missing)?.cancellation_notice_hours();
        let now = self.clock.now();
        let in_time = before.cancellable_until(notice_hours).is_some_and(|until| now <= until);
        let from = before.status;
        let after = before.cancel()?;
        if viewer.role == Role::Patient && !in_time {
            let message = "It is too late to cancel: please call the clinic.";
            return Err(Refusal::of("appointmentId", Code::CancellationWindowPassed, message).into());
        }
        store::save_in(&transaction, &after).await?;
        let cancelled = Transition {
            appointment_id: id,
            from: Some(from),
            to: AppointmentStatus::Cancelled,
            actor_id: Some(viewer.user_id),
            reason: request.reason,
            at: now,
        };
        store::record_in(&transaction, vec![cancelled]).await?;
        let event = calendar::record_in(&transaction, turn, &[Change::Released(after.visit)], now).await?;
        transaction.commit().await?;
        self.publisher.publish(&event).await;
        tracing::info!("cancelled");
        Ok(after)
    }

    /// Says how a visit came out, from its start on: for the doctor and admins. Changes nobody's calendar.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `VersionConflict` or `InvalidTransition`.
    #[tracing::instrument(name = "booking.conclude", skip_all, fields(appointment.id = %id))]
    pub async fn conclude(
        &self,
        viewer: &Viewer,
        id: AppointmentId,
        outcome: Outcome,
        version: Option<i32>,
    ) -> Result<Appointment, Rejection> {
        if viewer.role == Role::Patient {
            return Err(Rejection::Forbidden);
        }
        let transaction = self.database.begin().await?;
        let before = store::find_in(&transaction, viewer, id).await?;
        let before = before.ok_or_else(|| Refusal::not_found("appointmentId"))?;
        before.require_version(version)?;
        let (from, now) = (before.status, self.clock.now());
        let after = match outcome {
            Outcome::Completed => before.complete(now)?,
            Outcome::NoShow => before.mark_no_show(now)?,
        };
        store::save_in(&transaction, &after).await?;
        let concluded = Transition {
            appointment_id: id,
            from: Some(from),
            to: after.status,
            actor_id: Some(viewer.user_id),
            reason: None,
            at: now,
        };
        store::record_in(&transaction, vec![concluded]).await?;
        transaction.commit().await?;
        tracing::info!("concluded");
        Ok(after)
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

    /// The visits to come that lie outside a doctor's hours, the earliest first. They stay until somebody moves them.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn conflicts(&self, viewer: &Viewer, doctor_id: DoctorId) -> Result<Vec<Appointment>, Rejection> {
        let connection = self.database.reader();
        let mut upcoming = store::upcoming(&self.database, viewer, doctor_id, self.clock.now(), MOST_CONFLICTS).await?;
        let doctor = directory::doctors(connection, &[doctor_id]).await?.remove(&doctor_id);
        let (Some(first), Some(last), Some(doctor)) = (upcoming.first(), upcoming.last(), doctor) else {
            return Ok(Vec::new());
        };
        let range = Interval { start: first.visit.start, end: last.visit.end };
        let hours = hours_of(connection, &[doctor_id], range).await?.remove(&doctor_id).unwrap_or_default();
        let schedule = schedule(&doctor, hours);
        upcoming.retain(|appointment| !is_within_hours(&schedule, appointment.visit));
        Ok(upcoming)
    }
}
