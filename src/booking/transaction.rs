//! A change of one or two calendars, all or nothing. Rows are locked in one order everywhere: a patient's, calendars by the doctor's id, then
//! whatever they guard; the idempotency key is written last. Everything is read over the transaction's own connection: whoever holds a
//! calendar must not wait for another one.

use super::{
    guard::{Asked, Calendar, Occupant, Permitted},
    idempotency::{Attempt, Failed, KEPT},
    jobs::CONFIRM,
    model::{Appointment, AppointmentStatus, Transition},
    service::Booking,
    store,
};
use crate::{
    accounts,
    availability::read_hours_in,
    calendar::{self, CalendarEvent, Change, Turn},
    directory::{self, Clinic, Doctor},
    infra::{db::Transaction, outbox},
    kernel::{
        id::{AppointmentId, ClinicId, DoctorId, UserId},
        interval::Interval,
        rejection::{Internal, Rejection},
        viewer::Viewer,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::{BTreeMap, HashMap},
    iter,
    sync::Arc,
};

/// What was made true, and what is to be told of it.
#[derive(Debug)]
pub struct Written {
    /// What was asked for, as it is now.
    pub appointments: Vec<Appointment>,
    /// The events of the calendars.
    pub events: Vec<CalendarEvent>,
}

/// Calendars that are ours until this transaction ends.
#[derive(Debug)]
pub struct CalendarTransaction<'a> {
    booking: &'a Booking,
    transaction: Transaction,
    calendars: BTreeMap<DoctorId, (Turn, Vec<Change>)>,
    steps: Vec<Transition>,
    booked: Vec<AppointmentId>,
    /// The time by which everything in it is decided.
    pub now: DateTime<Utc>,
}

impl<'a> CalendarTransaction<'a> {
    /// Takes the rows of the patient, where one is named, and of the calendars; nothing where a doctor is not there.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn begin(
        booking: &'a Booking,
        patient: Option<UserId>,
        doctors: impl IntoIterator<Item = DoctorId>,
    ) -> Result<Option<Self>, Rejection> {
        let transaction = booking.database.begin().await?;
        if let Some(patient) = patient {
            accounts::lock_user_in(&transaction, patient).await?;
        }
        let mut doctors: Vec<_> = doctors.into_iter().collect();
        doctors.sort_unstable();
        doctors.dedup();
        let mut calendars = BTreeMap::new();
        // Whoever waited for a calendar decides by the time at which it came free.
        let mut now = None;
        for doctor_id in doctors {
            let Some(turn) = calendar::try_turn_in(&transaction, doctor_id).await? else { return Ok(None) };
            now = now.max(Some(turn.now(&*booking.clock)));
            calendars.insert(doctor_id, (turn, Vec::new()));
        }
        let now = now.ok_or_else(|| Internal::new("a transaction of no calendar"))?;
        Ok(Some(Self { booking, transaction, calendars, steps: Vec::new(), booked: Vec::new(), now }))
    }

    /// Goes on unless the caller's key was used before.
    ///
    /// # Errors
    /// `Twin`.
    pub async fn require_first(&self, attempt: Option<&Attempt>) -> Result<(), Failed> {
        let Some(attempt) = attempt else { return Ok(()) };
        match store::find_key(&*self.transaction, attempt).await? {
            Some(record) if record.is_kept(self.now) => Err(Failed::Twin),
            Some(_) => Ok(store::replace_key_in(&self.transaction, attempt, self.now - KEPT).await?),
            None => Ok(()),
        }
    }

    /// Those of these appointments that the viewer may see.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn appointments(
        &self,
        viewer: &Viewer,
        ids: &[AppointmentId],
    ) -> Result<HashMap<AppointmentId, Appointment>, Rejection> {
        store::find_in(&self.transaction, viewer, ids).await
    }

    /// The calendar of a doctor around a start, with everything that was written so far.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn calendar(&self, doctor_id: DoctorId, start: DateTime<Utc>) -> Result<Calendar, Rejection> {
        let reading = store::read(&*self.transaction, doctor_id, around(start)).await?;
        let reading = reading.ok_or_else(|| Internal::new("a doctor without a calendar"))?;
        let known = match self.booking.availability.known_at(doctor_id, reading.schedule_version, start) {
            Some(known) => known,
            None => Arc::new(read_hours_in(&self.transaction, doctor_id, start, self.now).await?),
        };
        Ok(Calendar { known, occupants: reading.occupants, now: self.now })
    }

    /// A clinic, by its present settings.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn clinic(&self, id: ClinicId) -> Result<Clinic, Rejection> {
        let clinic = directory::clinics(&*self.transaction, &[id]).await?.remove(&id);
        Ok(clinic.ok_or_else(|| Internal::new("a doctor without a clinic"))?)
    }

    /// A doctor, by the present settings.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn doctor(&self, id: DoctorId) -> Result<Doctor, Rejection> {
        let doctor = directory::doctors(&*self.transaction, &[id]).await?.remove(&id);
        Ok(doctor.ok_or_else(|| Internal::new("an appointment without a doctor"))?)
    }

    /// How many holds of a patient are alive.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn count_holds(&self, patient_id: UserId) -> Result<u64, Rejection> {
        store::count_holds_in(&self.transaction, patient_id, self.now).await
    }

    /// Makes a claim: books, or holds. What the patient holds already is booked without asking the hours again.
    ///
    /// # Errors
    /// `Taken`, or the reason why the time cannot be had.
    pub async fn claim(&mut self, viewer: &Viewer, calendar: &Calendar, asked: Asked) -> Result<Appointment, Failed> {
        if asked.held_for.is_none()
            && let Some(hold) = calendar.own_hold(viewer, &asked)
        {
            return self.book_hold(viewer, hold, asked).await;
        }
        let permitted = calendar.judge(viewer, asked)?;
        let doctor_id = permitted.appointment().doctor_id;
        if !permitted.overdue().is_empty() {
            self.expire(doctor_id, Some(permitted.overdue())).await?;
        }
        self.insert(viewer, &permitted).await?;
        Ok(permitted.appointment().clone())
    }

    async fn book_hold(&mut self, viewer: &Viewer, hold: &Occupant, asked: Asked) -> Result<Appointment, Failed> {
        let mut found = self.appointments(viewer, &[hold.id]).await?;
        let found = found.remove(&hold.id).ok_or_else(|| Internal::new("a hold that is not there"))?;
        let before =
            Appointment { notes: asked.notes, time_zone: asked.time_zone, rescheduled_from: asked.replaces, ..found };
        let after = before.clone().book(self.now)?;
        let taken = Change::Taken(after.visit);
        self.save(Some(viewer), &before, &after, None, Some(taken)).await?;
        Ok(after)
    }

    async fn insert(&mut self, viewer: &Viewer, permitted: &Permitted) -> Result<(), Failed> {
        match store::insert_in(&self.transaction, iter::once(permitted)).await {
            Err(error) if store::is_taken(&error) => return Err(Failed::Taken(None)),
            other => other.map_err(Rejection::from)?,
        }
        let appointment = permitted.appointment();
        let change = match appointment.expires_at {
            Some(until) => Change::Held(appointment.visit, until),
            None => Change::Taken(appointment.visit),
        };
        self.note(appointment, None, Some(viewer), permitted.reason().map(str::to_owned));
        self.change(appointment.doctor_id, change);
        Ok(())
    }

    /// Lets holds of a doctor run out: all that are overdue, or those among these. Tells how many.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn expire(&mut self, doctor_id: DoctorId, among: Option<&[AppointmentId]>) -> Result<usize, Rejection> {
        let overdue = store::overdue_in(&self.transaction, doctor_id, among, self.now).await?;
        let count = overdue.len();
        for before in overdue {
            let after = before.clone().expire(self.now)?;
            let released = Change::Released(after.visit);
            self.save(None, &before, &after, None, Some(released)).await?;
        }
        Ok(count)
    }

    /// Writes what a move made of an appointment, its history, and what that changes of its calendar.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn save(
        &mut self,
        actor: Option<&Viewer>,
        before: &Appointment,
        after: &Appointment,
        reason: Option<String>,
        change: Option<Change>,
    ) -> Result<(), Rejection> {
        store::save_in(&self.transaction, before.version, after).await?;
        if before.status != after.status {
            self.note(after, Some(before.status), actor, reason);
        }
        if let Some(change) = change {
            self.change(after.doctor_id, change);
        }
        Ok(())
    }

    fn note(
        &mut self,
        appointment: &Appointment,
        from: Option<AppointmentStatus>,
        actor: Option<&Viewer>,
        reason: Option<String>,
    ) {
        if appointment.status == AppointmentStatus::Pending {
            self.booked.push(appointment.id);
        }
        self.steps.push(Transition {
            appointment_id: appointment.id,
            from,
            to: appointment.status,
            actor_id: actor.map(|viewer| viewer.user_id),
            reason,
            at: self.now,
        });
    }

    fn change(&mut self, doctor_id: DoctorId, change: Change) {
        if let Some((_, changes)) = self.calendars.get_mut(&doctor_id) {
            changes.push(change);
        }
    }

    /// Makes everything in it true at once; the answer is `appointments`, which the caller's key is noted with.
    ///
    /// # Errors
    /// `Twin` where another attempt with the same key was faster.
    pub async fn finish(self, attempt: Option<&Attempt>, appointments: Vec<Appointment>) -> Result<Written, Failed> {
        let Self { transaction, calendars, steps, booked, now, .. } = self;
        store::record_in(&transaction, steps).await?;
        let mut events = Vec::new();
        for (turn, changes) in calendars.into_values() {
            events.extend(calendar::record_in(&transaction, turn, &changes, now).await?);
        }
        outbox::promise_in(&transaction, CONFIRM, booked.into_iter().map(|id| (id.0, now))).await?;
        if let Some(attempt) = attempt {
            let ids: Vec<_> = appointments.iter().map(|appointment| appointment.id).collect();
            match store::insert_keys_in(&transaction, iter::once((attempt, ids.as_slice(), now))).await {
                Err(error) if store::is_key_used(&error) => return Err(Failed::Twin),
                other => other.map_err(Rejection::from)?,
            }
        }
        transaction.commit().await?;
        Ok(Written { appointments, events })
    }
}

/// What can be in the way of a visit that begins at `start`: the longest one, with the longest pauses.
fn around(start: DateTime<Utc>) -> Interval {
    Interval { start: start - TimeDelta::minutes(240), end: start + TimeDelta::minutes(480 + 240) }
}
