//! Holding a time while a patient fills in the form.

use super::{
    guard::{Asked, Terms},
    idempotency::{Attempt, Failed, only},
    model::Appointment,
    requests::{HoldRequest, Wanted},
    service::Booking,
    transaction::{CalendarTransaction, Written},
};
use crate::{
    calendar::Change,
    kernel::{
        rejection::{Code, Internal, Refusal, Rejection},
        viewer::{Role, Viewer},
    },
};
use chrono::TimeDelta;

/// How many slots a patient holds at a time.
const MOST_HOLDS: u64 = 3;
const FIELD: &str = "slotId";

impl Booking {
    /// Holds a time for a patient, or renews the patient's own hold on it, once. Nobody else can have it meanwhile.
    ///
    /// # Errors
    /// `Forbidden` for staff, `NotFound` of the doctor, `TooManyHolds`, `HoldNotRenewable`, or the reason why the time cannot be had.
    #[tracing::instrument(name = "booking.hold", skip_all, fields(doctor.id = %request.wanted.doctor_id))]
    pub async fn hold(&self, viewer: &Viewer, request: HoldRequest) -> Result<Appointment, Rejection> {
        if viewer.role != Role::Patient {
            return Err(Rejection::Forbidden);
        }
        let attempt = Attempt::new(viewer, "holdSlot", request.idempotency_key.as_deref(), &request)?;
        let (attempt, wanted) = (attempt.as_ref(), request.wanted);
        let crowded = Some(viewer.user_id);
        let held =
            self.behind_lock((&wanted, crowded), attempt, Box::pin(self.hold_in_turn(viewer, wanted, attempt))).await;
        let appointment = only(self.settle(viewer, held, (FIELD, attempt)).await?)?;
        tracing::info!(appointment.id = %appointment.id, "held");
        Ok(appointment)
    }

    async fn hold_in_turn(
        &self,
        viewer: &Viewer,
        wanted: Wanted,
        attempt: Option<&Attempt>,
    ) -> Result<Written, Failed> {
        let Wanted { doctor_id, starts_at, .. } = wanted;
        // The patient's row first: holds are counted by patient.
        let begun = CalendarTransaction::begin(self, Some(viewer.user_id), [doctor_id]).await?;
        let mut transaction = begun.ok_or_else(|| Refusal::not_found(FIELD))?;
        transaction.require_first(attempt).await?;
        let calendar = transaction.calendar(doctor_id, starts_at).await?;
        let clinic = transaction.clinic(calendar.known.doctor.clinic_id).await?;
        let time = TimeDelta::minutes(clinic.hold_minutes.into());
        let asked = Asked {
            wanted,
            field: FIELD,
            terms: Terms::Offered,
            patient_id: viewer.user_id,
            time_zone: viewer.time_zone,
            notes: None,
            held_for: Some(time),
            replaces: None,
        };
        let hold = if let Some(own) = calendar.own_hold(viewer, &asked) {
            let before = transaction.appointments(viewer, &[own.id]).await?.remove(&own.id);
            let before = before.ok_or_else(|| Internal::new("a hold that is not there"))?;
            let after = before.clone().renew(transaction.now + time)?;
            let held = Change::Held(after.visit, after.expires_at.unwrap_or(transaction.now));
            transaction.save(Some(viewer), &before, &after, None, Some(held)).await?;
            after
        } else {
            if transaction.count_holds(viewer.user_id).await? >= MOST_HOLDS {
                let message = "You hold 3 slots already: book one, or let go of one.";
                return Err(Refusal::of(FIELD, Code::TooManyHolds, message).into());
            }
            transaction.claim(viewer, &calendar, asked).await?
        };
        transaction.finish(attempt, vec![hold]).await
    }
}
