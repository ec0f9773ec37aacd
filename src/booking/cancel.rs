//! Calling visits off, and saying how they came out.

use super::{
    idempotency::{Attempt, Failed, only},
    model::{Appointment, AppointmentStatus, Transition},
    requests::{CancelRequest, Outcome},
    service::Booking,
    store,
    transaction::{CalendarTransaction, Written},
};
use crate::{
    calendar::Change,
    directory::CancellationPolicy,
    kernel::{
        check::{Check, REASON},
        id::AppointmentId,
        rejection::{Code, Refusal, Rejection},
        viewer::{Role, Viewer},
    },
};

const FIELD: &str = "appointmentId";

/// On which terms a visit is called off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// The clinic's.
    Policy,
    /// At any time, and for nothing.
    Free,
}

impl Booking {
    /// Calls a visit off, or lets go of a hold.
    ///
    /// # Errors
    /// What is wrong with the input, `NotFound`, `Forbidden` for another's hold, `VersionConflict`, `InvalidTransition` or
    /// `CancellationWindowPassed`.
    #[tracing::instrument(name = "booking.cancel", skip_all, fields(appointment.id = %request.appointment_id))]
    pub async fn cancel(&self, viewer: &Viewer, request: CancelRequest) -> Result<Appointment, Rejection> {
        let mut check = Check::new();
        check.optional_text("reason", request.reason.as_deref(), REASON);
        check.finish()?;
        let attempt = Attempt::new(viewer, "cancelAppointment", request.idempotency_key.as_deref(), &request)?;
        let attempt = attempt.as_ref();
        let cancelled = self.tell(self.cancel_in_turn(viewer, request, attempt, Terms::Policy).await).await;
        let after = only(self.settle(viewer, cancelled, (FIELD, attempt)).await?)?;
        tracing::info!("cancelled");
        Ok(after)
    }

    /// The same on these terms, for a wish that has no key.
    pub(super) async fn call_off(
        &self,
        viewer: &Viewer,
        request: CancelRequest,
        terms: Terms,
    ) -> Result<Appointment, Rejection> {
        let cancelled = self.tell(self.cancel_in_turn(viewer, request, None, terms).await).await;
        only(self.settle(viewer, cancelled, (FIELD, None)).await?)
    }

    async fn cancel_in_turn(
        &self,
        viewer: &Viewer,
        request: CancelRequest,
        attempt: Option<&Attempt>,
        terms: Terms,
    ) -> Result<Written, Failed> {
        let id = request.appointment_id;
        let missing = || Refusal::not_found(FIELD);
        let seen = store::appointments(self.database.reader(), viewer, &[id]).await?.remove(&id).ok_or_else(missing)?;
        let begun = CalendarTransaction::begin(self, None, [seen.doctor_id]).await?;
        let mut transaction = begun.ok_or_else(missing)?;
        transaction.require_first(attempt).await?;
        let before = transaction.appointments(viewer, &[id]).await?.remove(&id).ok_or_else(missing)?;
        before.require_version("version", request.version)?;
        if before.status == AppointmentStatus::Held && before.patient_id != viewer.user_id {
            return Err(Rejection::Forbidden.into());
        }
        let after = before.clone().cancel(transaction.now)?;
        let after = match terms {
            Terms::Policy => at_what_cost(&transaction, viewer, &before, after).await?,
            Terms::Free => after,
        };
        let released = Change::Released(after.visit);
        transaction.save(Some(viewer), &before, &after, request.reason, Some(released)).await?;
        transaction.finish(attempt, vec![after]).await
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
        let before = store::find_in(&transaction, viewer, &[id]).await?.remove(&id);
        let before = before.ok_or_else(|| Refusal::not_found(FIELD))?;
        before.require_version("version", version)?;
        let (from, seen, now) = (before.status, before.version, transaction.now(&*self.clock).await?);
        let after = match outcome {
            Outcome::Completed => before.complete(now)?,
            Outcome::NoShow => before.mark_no_show(now)?,
        };
        store::save_in(&transaction, seen, &after).await?;
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
}

/// What the clinic's policy makes of giving up a visit now: free in time and for staff, for a fee or not at all after that.
///
/// # Errors
/// `CancellationWindowPassed`.
pub async fn at_what_cost(
    transaction: &CalendarTransaction<'_>,
    viewer: &Viewer,
    before: &Appointment,
    after: Appointment,
) -> Result<Appointment, Rejection> {
    if viewer.role != Role::Patient || before.status == AppointmentStatus::Held {
        return Ok(after);
    }
    let doctor = transaction.doctor(before.doctor_id).await?;
    let clinic = transaction.clinic(before.clinic_id).await?;
    let notice_hours = doctor.cancellation_notice_hours.unwrap_or(clinic.cancellation_notice_hours);
    if before.cancellable_until(notice_hours).is_some_and(|until| transaction.now <= until) {
        return Ok(after);
    }
    if clinic.cancellation_policy == CancellationPolicy::Fee && transaction.now < before.visit.start {
        return Ok(Appointment { cancellation_fee: clinic.cancellation_fee, ..after });
    }
    let message = "It is too late to cancel: please call the clinic.";
    Err(Refusal::of(FIELD, Code::CancellationWindowPassed, message).into())
}
