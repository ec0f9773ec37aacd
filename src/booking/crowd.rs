//! Keeping a crowd from the database, and telling everybody how it came out.

use super::{
    guard::refusal,
    idempotency::{Attempt, Failed},
    model::Appointment,
    requests::Wanted,
    service::Booking,
    store,
    transaction::Written,
};
use crate::{
    calendar::Change,
    infra::lock::{self, Acquired, Guard},
    kernel::{
        id::{DoctorId, UserId},
        rejection::{Code, Internal, Rejection},
        viewer::Viewer,
    },
};
use chrono::{DateTime, Utc};
use std::time::Duration;
use tokio::time::Instant;

/// No operation takes longer, so nobody loses a lock in the middle of one.
const LOCK_TIME: Duration = Duration::from_secs(10);
/// How long an attempt waits for its twin, and how often it looks.
const TWIN_TIME: Duration = Duration::from_secs(2);
const TWIN_PAUSE: Duration = Duration::from_millis(25);

/// The lock of one start of one doctor's.
#[must_use]
pub fn appointment_lock(namespace: &str, doctor_id: DoctorId, start: DateTime<Utc>) -> String {
    format!("medislot:{namespace}:lock:{doctor_id}:{}", start.timestamp())
}

impl Booking {
    /// Does `work` behind the lock of a time, unless another has the lock or, where `crowded` names the patient of a plain booking, has just
    /// taken the time. Being right is not the lock's business: without Redis the work is done all the same.
    pub(super) async fn behind_lock(
        &self,
        (wanted, crowded): (&Wanted, Option<UserId>),
        attempt: Option<&Attempt>,
        work: impl Future<Output = Result<Written, Failed>>,
    ) -> Result<Written, Failed> {
        if crowded.is_some_and(|patient| self.taken.has(wanted, patient)) {
            self.require_new(attempt).await?;
            return Err(Failed::Taken(None));
        }
        let held = self.acquire(wanted, attempt).await?;
        // What is found to be taken was so at this instant or later.
        let since = std::time::Instant::now();
        let done = work.await;
        match &done {
            Ok(written) => self.remember(wanted, written, since),
            Err(Failed::Taken(Some(owner))) if crowded.is_some() => self.taken.remember(*wanted, *owner, since),
            Err(_) => {}
        }
        let released = async {
            if let Some(held) = held {
                held.release().await;
            }
        };
        // Polled together, both leave in one go.
        tokio::join!(self.publish(&done), released);
        done
    }

    async fn acquire(&self, wanted: &Wanted, attempt: Option<&Attempt>) -> Result<Option<Guard>, Failed> {
        let key = appointment_lock(&self.lock_namespace, wanted.doctor_id, wanted.starts_at);
        let name = attempt.map(Attempt::name).unwrap_or_default();
        let patience = Instant::now() + TWIN_TIME;
        loop {
            match lock::acquire(&self.lock, key.clone(), &name, LOCK_TIME).await {
                Acquired::Held(guard) => return Ok(Some(guard)),
                // The lock only sheds load: without it the database decides alone.
                Acquired::Unguarded => return Ok(None),
                Acquired::Busy { by_namesake } => {
                    self.require_new(attempt).await?;
                    if !by_namesake || Instant::now() >= patience {
                        return Err(Failed::Busy);
                    }
                    tokio::time::sleep(TWIN_PAUSE).await;
                }
            }
        }
    }

    /// Goes on unless the caller's key was used before: one read where there is a key.
    pub(super) async fn require_new(&self, attempt: Option<&Attempt>) -> Result<(), Failed> {
        let Some(attempt) = attempt else { return Ok(()) };
        let record = store::find_key(self.database.reader(), attempt).await?;
        if record.is_some_and(|record| record.is_kept(self.clock.now())) { Err(Failed::Twin) } else { Ok(()) }
    }

    /// What is free again is not taken any more, and what was taken is.
    fn remember(&self, wanted: &Wanted, written: &Written, since: std::time::Instant) {
        self.forget_released(written);
        if let Some(appointment) = written.appointments.first() {
            self.taken.remember(*wanted, appointment.patient_id, since);
        }
    }

    fn forget_released(&self, written: &Written) {
        for event in &written.events {
            if matches!(event.change, Change::Released(_)) {
                self.taken.forget(event.doctor_id);
            }
        }
    }

    async fn publish(&self, done: &Result<Written, Failed>) {
        if let Ok(Written { events, .. }) = done {
            self.publisher.publish(events).await;
        }
    }

    /// Tells everybody of what needed no lock.
    pub(super) async fn tell(&self, done: Result<Written, Failed>) -> Result<Written, Failed> {
        if let Ok(written) = &done {
            self.forget_released(written);
        }
        self.publish(&done).await;
        done
    }

    /// The answer: what was made, or what an attempt with the same key made before, as it is now.
    ///
    /// # Errors
    /// Why nothing was done; `field` is where the input names the time.
    pub(super) async fn settle(
        &self,
        viewer: &Viewer,
        done: Result<Written, Failed>,
        (field, attempt): (&str, Option<&Attempt>),
    ) -> Result<Vec<Appointment>, Rejection> {
        match (done, attempt) {
            (Ok(written), _) => Ok(written.appointments),
            (Err(Failed::Busy), _) => Err(refusal(field, Code::SlotBusy).into()),
            (Err(Failed::Taken(_)), _) => Err(refusal(field, Code::SlotTaken).into()),
            (Err(Failed::Twin), Some(attempt)) => self.answer(viewer, attempt).await,
            (Err(Failed::Twin), None) => Err(Internal::new("a twin without a key").into()),
            (Err(Failed::Rejected(rejection)), _) => Err(rejection),
        }
    }

    async fn answer(&self, viewer: &Viewer, attempt: &Attempt) -> Result<Vec<Appointment>, Rejection> {
        let connection = self.database.reader();
        let record = store::find_key(connection, attempt).await?;
        // It was there a moment ago, and is not kept for ever: the client's next attempt is a new one.
        let record = record.ok_or_else(|| Rejection::Unavailable(Internal::new("a key was forgotten meanwhile")))?;
        let ids = record.answers(attempt)?;
        let mut found = store::appointments(connection, viewer, &ids).await?;
        // The first attempt may have been another process's: what it wrote is not to be missing beside the answer.
        let doctors: Vec<_> = found.values().map(|appointment| appointment.doctor_id).collect();
        self.availability.catch_up(&doctors).await?;
        let missing = || Internal::new("a key of an appointment that is not there");
        ids.iter().map(|id| Ok(found.remove(id).ok_or_else(missing)?)).collect()
    }
}
