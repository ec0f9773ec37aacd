//! Moving a visit to another time, and letting two visits change places. Either is one transaction: all of it, or nothing.

use super::{
    cancel::at_what_cost,
    guard::{Asked, Calendar, Terms},
    idempotency::{Attempt, Failed, only},
    model::Appointment,
    requests::{RescheduleRequest, SwapRequest, Wanted},
    service::Booking,
    store,
    transaction::{CalendarTransaction, Written},
};
use crate::{
    calendar::Change,
    kernel::{
        check::{Check, REASON},
        rejection::{Code, Internal, Refusal, Rejection},
        viewer::{Role, Viewer},
    },
};

/// Why an appointment was cancelled that lives on in another.
const RESCHEDULED: &str = "rescheduled";
const FIELD: &str = "slotId";

impl Booking {
    /// Moves a visit to another time, also of another doctor.
    ///
    /// # Errors
    /// `NotFound`, `VersionConflict`, `InvalidTransition`, `CancellationWindowPassed`, or the reason why the time cannot be had.
    #[tracing::instrument(name = "booking.reschedule", skip_all, fields(appointment.id = %request.appointment_id))]
    pub async fn reschedule(&self, viewer: &Viewer, request: RescheduleRequest) -> Result<Appointment, Rejection> {
        let attempt = Attempt::new(viewer, "rescheduleAppointment", request.idempotency_key.as_deref(), &request)?;
        let attempt = attempt.as_ref();
        // Whoever moves a visit may have the time already, so the crowd's memory says nothing here.
        let moving = Box::pin(self.reschedule_in_turn(viewer, &request, attempt));
        let moved = self.behind_lock((&request.wanted, None), attempt, moving).await;
        let moved = only(self.settle(viewer, moved, (FIELD, attempt)).await?)?;
        tracing::info!(moved.id = %moved.id, "rescheduled");
        Ok(moved)
    }

    async fn reschedule_in_turn(
        &self,
        viewer: &Viewer,
        request: &RescheduleRequest,
        attempt: Option<&Attempt>,
    ) -> Result<Written, Failed> {
        let (id, wanted) = (request.appointment_id, request.wanted);
        let missing = || Refusal::not_found("appointmentId");
        let seen = store::appointments(self.database.reader(), viewer, &[id]).await?.remove(&id).ok_or_else(missing)?;
        let begun = CalendarTransaction::begin(self, None, [seen.doctor_id, wanted.doctor_id]).await?;
        let mut transaction = begun.ok_or_else(|| Refusal::not_found(FIELD))?;
        transaction.require_first(attempt).await?;
        let before = transaction.appointments(viewer, &[id]).await?.remove(&id).ok_or_else(missing)?;
        before.require_version("version", request.version)?;
        let after = before.clone().give_way()?;
        let after = at_what_cost(&transaction, viewer, &before, after).await?;
        make_room(&mut transaction, viewer, &before, &after, RESCHEDULED).await?;
        // Read after that, so that the visit is not in its own way.
        let calendar = transaction.calendar(wanted.doctor_id, wanted.starts_at).await?;
        let moved = transaction.claim(viewer, &calendar, asked(&before, wanted, Terms::Offered)).await?;
        transaction.finish(attempt, vec![moved]).await
    }

    /// Lets two visits change places: each gets the other's doctor, time and visit type. For doctors and admins.
    ///
    /// # Errors
    /// `Forbidden`, what is wrong with the input, `NotFound`, `VersionConflict`, `InvalidTransition`, or the reason why a time cannot be had.
    #[tracing::instrument(name = "booking.swap", skip_all, fields(first.id = %request.first_id, second.id = %request.second_id))]
    pub async fn swap(&self, viewer: &Viewer, request: SwapRequest) -> Result<(Appointment, Appointment), Rejection> {
        if viewer.role == Role::Patient {
            return Err(Rejection::Forbidden);
        }
        let mut check = Check::new();
        check.text("reason", &request.reason, REASON);
        if request.reason.trim().is_empty() {
            check.refuse("reason", Code::Invalid, "Say why.");
        }
        if request.first_id == request.second_id {
            check.refuse("secondId", Code::Invalid, "An appointment cannot change places with itself.");
        }
        check.finish()?;
        let attempt = Attempt::new(viewer, "swapAppointments", request.idempotency_key.as_deref(), &request)?;
        let attempt = attempt.as_ref();
        let swapped = self.tell(self.swap_in_turn(viewer, &request, attempt).await).await;
        let swapped = self.settle(viewer, swapped, ("firstId", attempt)).await?;
        let [first, second] = <[_; 2]>::try_from(swapped).map_err(|_| Internal::new("a swap of other than two"))?;
        tracing::info!("swapped");
        Ok((first, second))
    }

    async fn swap_in_turn(
        &self,
        viewer: &Viewer,
        request: &SwapRequest,
        attempt: Option<&Attempt>,
    ) -> Result<Written, Failed> {
        let ids = [request.first_id, request.second_id];
        let seen = store::appointments(self.database.reader(), viewer, &ids).await?;
        let find = |id, field| seen.get(id).ok_or_else(|| Refusal::not_found(field));
        let doctors = [find(&ids[0], "firstId")?.doctor_id, find(&ids[1], "secondId")?.doctor_id];
        let begun = CalendarTransaction::begin(self, None, doctors).await?;
        let mut transaction = begun.ok_or_else(|| Internal::new("an appointment without a calendar"))?;
        transaction.require_first(attempt).await?;
        let mut found = transaction.appointments(viewer, &ids).await?;
        let mut find = |id, field| found.remove(&id).ok_or_else(|| Refusal::not_found(field));
        let (first, second) = (find(ids[0], "firstId")?, find(ids[1], "secondId")?);
        first.require_version("firstVersion", request.first_version)?;
        second.require_version("secondVersion", request.second_version)?;
        for (before, field) in [(&first, "firstId"), (&second, "secondId")] {
            let after =
                before.clone().give_way().map_err(|refusal| Refusal { field: vec![field.to_owned()], ..refusal })?;
            make_room(&mut transaction, viewer, before, &after, &request.reason).await?;
        }
        let mut swapped = Vec::with_capacity(2);
        for (visit, place, field) in [(&first, &second, "secondId"), (&second, &first, "firstId")] {
            let calendar = transaction.calendar(place.doctor_id, place.visit.start).await?;
            swapped.push(take_place(&mut transaction, viewer, &calendar, (visit, place), field).await?);
        }
        transaction.finish(attempt, swapped).await
    }
}

/// Cancels what lives on in another appointment.
async fn make_room(
    transaction: &mut CalendarTransaction<'_>,
    viewer: &Viewer,
    before: &Appointment,
    after: &Appointment,
    reason: &str,
) -> Result<(), Rejection> {
    let released = Change::Released(after.visit);
    transaction.save(Some(viewer), before, after, Some(reason.to_owned()), Some(released)).await
}

/// Claims the place of another appointment for a visit.
async fn take_place(
    transaction: &mut CalendarTransaction<'_>,
    viewer: &Viewer,
    calendar: &Calendar,
    (visit, place): (&Appointment, &Appointment),
    field: &'static str,
) -> Result<Appointment, Failed> {
    let wanted = Wanted {
        doctor_id: place.doctor_id,
        starts_at: place.visit.start,
        visit_type_id: place.visit_type_id,
        duration_minutes: None,
    };
    let terms = Terms::InPlaceOf(place.visit, place.occupied);
    transaction.claim(viewer, calendar, Asked { field, ..asked(visit, wanted, terms) }).await
}

/// The claim that replaces `before`.
fn asked(before: &Appointment, wanted: Wanted, terms: Terms) -> Asked {
    Asked {
        wanted,
        field: FIELD,
        terms,
        patient_id: before.patient_id,
        time_zone: before.time_zone,
        notes: before.notes.clone(),
        held_for: None,
        replaces: Some(before.id),
    }
}
