//! Patients who leave: what they have still to come is called off, and what remains does not say any more whose it is.

use super::{
    cancel::Terms,
    model::{Appointment, Transition},
    requests::CancelRequest,
    service::Booking,
    store,
};
use crate::kernel::{
    id::{SessionId, UserId},
    rejection::Rejection,
    viewer::{Role, Viewer},
};
use chrono::TimeDelta;
use chrono_tz::Tz;

const REASON: &str = "The patient has left.";
/// How many visits to come are called off at a time, and how many patients are looked after at a time.
const BATCH: u64 = 100;
/// How long after somebody has left is looked whether anything was booked at that moment.
const AFTERWARDS: TimeDelta = TimeDelta::days(1);

impl Booking {
    /// Calls off what a patient who has left has still to come, each in a transaction of its own and free of charge, and erases what they wrote
    /// in their appointments. Safe to do again.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn release_patient(&self, patient_id: UserId) -> Result<(), Rejection> {
        let viewer =
            Viewer { user_id: patient_id, session_id: SessionId::new(), role: Role::Patient, time_zone: Tz::UTC };
        loop {
            let to_come = store::to_come(&self.database, patient_id, self.clock.now(), BATCH).await?;
            let mut called_off = 0;
            for appointment_id in to_come {
                let reason = Some(REASON.to_owned());
                let request = CancelRequest { appointment_id, reason, version: None, idempotency_key: None };
                match self.call_off(&viewer, request, Terms::Free).await {
                    Ok(_) => called_off += 1,
                    // Somebody else was faster.
                    Err(Rejection::Refused(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            if called_off == 0 {
                break;
            }
        }
        let transaction = self.database.begin().await?;
        store::anonymise_in(&transaction, patient_id).await?;
        transaction.commit().await
    }

    /// Patients who left within the last day, and to whom something is to come or to be erased all the same.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn left_behind(&self) -> Result<Vec<UserId>, Rejection> {
        let now = self.clock.now();
        store::left_behind(&self.database, now - AFTERWARDS, now, BATCH).await
    }

    /// All appointments of the viewer's as a patient, with their histories, the earliest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn everything_of(&self, viewer: &Viewer) -> Result<Vec<(Appointment, Vec<Transition>)>, Rejection> {
        let appointments = store::all_of(&self.database, viewer.user_id).await?;
        let mut histories = store::histories_of(&self.database, viewer.user_id).await?;
        let with_history = |appointment: Appointment| {
            let history = histories.remove(&appointment.id).unwrap_or_default();
            (appointment, history)
        };
        Ok(appointments.into_iter().map(with_history).collect())
    }
}
