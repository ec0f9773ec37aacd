//! Booking a time, or what the patient holds.

use super::{
    at_once::Ready,
    guard::{Asked, Calendar, Terms},
    idempotency::{Attempt, Failed, only},
    model::Appointment,
    requests::{BookingRequest, Target, Wanted},
    service::Booking,
    store,
    transaction::{CalendarTransaction, Written},
};
use crate::{
    accounts::{self, RoleName},
    availability::Claim,
    calendar::Change,
    kernel::{
        check::{Check, REASON, TEXT},
        id::{AppointmentId, UserId},
        rejection::{Code, Refusal, Rejection},
        viewer::{Role, Viewer},
    },
};
use chrono_tz::Tz;

impl Booking {
    /// Books a time. Of any number who want it at once, one gets it.
    ///
    /// # Errors
    /// What is wrong with the input, `NotFound` of the doctor, the hold or the patient, or the reason why the time cannot be had.
    #[tracing::instrument(name = "booking.book", skip_all)]
    pub async fn book(&self, viewer: &Viewer, request: BookingRequest) -> Result<Appointment, Rejection> {
        check(viewer, &request)?;
        let attempt = Attempt::new(viewer, "bookAppointment", request.idempotency_key.as_deref(), &request)?;
        let attempt = attempt.as_ref();
        let booked = match request.target {
            Target::Hold(id) => {
                let booked = self.book_hold(viewer, id, &request, attempt).await;
                self.tell(booked).await
            }
            Target::Time(wanted) => {
                // Whoever gives a reason to override is not one of a crowd.
                let patient_id = request.patient_id.unwrap_or(viewer.user_id);
                let crowded = request.override_reason.is_none().then_some(patient_id);
                let booking = Box::pin(self.book_time(viewer, wanted, &request, attempt));
                self.behind_lock((&wanted, crowded), attempt, booking).await
            }
        };
        let appointment = only(self.settle(viewer, booked, (request.field, attempt)).await?)?;
        tracing::info!(appointment.id = %appointment.id, doctor.id = %appointment.doctor_id, "booked");
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
        let known = async {
            let all = viewer.role == Role::PlatformAdmin;
            Ok(all || store::known_patients(&self.database, viewer, &[id]).await?.contains(&id))
        };
        let ids = [id];
        let (known, mut users) = tokio::try_join!(known, accounts::users(&self.database, &ids))?;
        let patient = users.remove(&id).filter(|user| known && user.role == RoleName::Patient && user.active);
        let patient = patient.ok_or_else(|| Refusal::not_found("patientId"))?;
        Ok((patient.id, patient.time_zone))
    }

    /// Books a time: together with others where nobody contends, and else behind the calendar's row.
    async fn book_time(
        &self,
        viewer: &Viewer,
        wanted: Wanted,
        request: &BookingRequest,
        attempt: Option<&Attempt>,
    ) -> Result<Written, Failed> {
        let (patient_id, time_zone) = match self.patient(viewer, request.patient_id).await {
            Ok(patient) => patient,
            Err(rejection) => {
                // A twin is answered whatever has become of the patient since.
                self.require_new(attempt).await?;
                return Err(rejection.into());
            }
        };
        let asked = Asked {
            wanted,
            field: request.field,
            terms: request.override_reason.clone().map_or(Terms::Offered, Terms::Override),
            patient_id,
            time_zone: request.time_zone.unwrap_or(time_zone),
            notes: request.notes.clone(),
            held_for: None,
            replaces: None,
        };
        if let Some(written) = self.book_at_once(viewer, &asked, attempt).await? {
            return Ok(written);
        }
        let Wanted { doctor_id, starts_at, .. } = asked.wanted;
        let begun = CalendarTransaction::begin(self, None, [doctor_id]).await?;
        let mut transaction = begun.ok_or_else(|| no_doctor(asked.field))?;
        transaction.require_first(attempt).await?;
        let calendar = transaction.calendar(doctor_id, starts_at).await?;
        let appointment = transaction.claim(viewer, &calendar, asked).await?;
        transaction.finish(attempt, vec![appointment]).await
    }

    /// Judges by what this process knows of the calendar at some version, and writes on the condition that it still has that version. Nothing
    /// where it has not, or where anything speaks against the booking: then the calendar's row decides.
    async fn book_at_once(
        &self,
        viewer: &Viewer,
        asked: &Asked,
        attempt: Option<&Attempt>,
    ) -> Result<Option<Written>, Failed> {
        if !matches!(asked.terms, Terms::Offered) {
            // Whoever overrides the horizon may be further ahead than anything that is known.
            return Ok(None);
        }
        let Wanted { doctor_id, starts_at, .. } = asked.wanted;
        let known = self.availability.known_calendar(doctor_id, starts_at).await?;
        let known = known.ok_or_else(|| no_doctor(asked.field))?;
        let version = known.version();
        let calendar = Calendar { known, occupants: Vec::new(), now: self.clock.now() };
        let Some(permitted) = calendar.judge_known(viewer, asked.clone()) else { return Ok(None) };
        let appointment = permitted.appointment().clone();
        let ready = Ready { permitted, version, actor_id: viewer.user_id, attempt: attempt.cloned() };
        let Some(event) = self.at_once.write(ready).await? else { return Ok(None) };
        let Appointment { visit, occupied, .. } = appointment;
        self.availability.note(&event, Claim { visit, occupied, is_hold: false, expires_at: None });
        Ok(Some(Written { appointments: vec![appointment], events: vec![event] }))
    }

    /// Books what the patient holds: sure to succeed while the hold lives, so no lock and no question to the hours.
    async fn book_hold(
        &self,
        viewer: &Viewer,
        id: AppointmentId,
        request: &BookingRequest,
        attempt: Option<&Attempt>,
    ) -> Result<Written, Failed> {
        let missing = || Refusal::not_found("holdId");
        let (_, time_zone) = self.patient(viewer, request.patient_id).await?;
        let (time_zone, notes) = (request.time_zone.unwrap_or(time_zone), request.notes.clone());
        let seen = store::appointments(self.database.reader(), viewer, &[id]).await?.remove(&id);
        let seen = seen.filter(|hold| hold.patient_id == viewer.user_id).ok_or_else(missing)?;
        let begun = CalendarTransaction::begin(self, None, [seen.doctor_id]).await?;
        let mut transaction = begun.ok_or_else(missing)?;
        transaction.require_first(attempt).await?;
        let before = transaction.appointments(viewer, &[id]).await?.remove(&id).ok_or_else(missing)?;
        let asked = Appointment { time_zone, notes, ..before.clone() };
        let after = asked.book(transaction.now)?;
        let taken = Change::Taken(after.visit);
        transaction.save(Some(viewer), &before, &after, None, Some(taken)).await?;
        transaction.finish(attempt, vec![after]).await
    }
}

fn no_doctor(field: &str) -> Refusal {
    Refusal::not_found(if field == "time" { "time.doctorId" } else { field })
}

fn check(viewer: &Viewer, request: &BookingRequest) -> Result<(), Rejection> {
    let is_admin = matches!(viewer.role, Role::ClinicAdmin(_) | Role::PlatformAdmin);
    if request.override_reason.is_some() && !is_admin {
        return Err(Rejection::Forbidden);
    }
    let mut check = Check::new();
    check.optional_text("notes", request.notes.as_deref(), TEXT);
    check.optional_text("overrideReason", request.override_reason.as_deref(), REASON);
    if request.override_reason.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        check.refuse("overrideReason", Code::Invalid, "Say why.");
    }
    check.finish()
}
