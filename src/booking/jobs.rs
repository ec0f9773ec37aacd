//! Confirming: a booking is confirmed as soon as its outbox row is taken over.

use super::{
    model::{AppointmentStatus, Transition},
    store,
};
use crate::{
    infra::{db::Database, outbox},
    kernel::{clock::Clock, id::AppointmentId, rejection::Rejection},
};
use std::time::Duration;

/// What the outbox calls it.
pub const CONFIRM: &str = "appointment.confirm";

const PAUSE: Duration = Duration::from_millis(200);
const BATCH: u64 = 100;

/// Confirms bookings, for ever.
///
/// # Errors
/// Where the database refuses.
pub async fn confirm(database: &Database, clock: &dyn Clock) -> anyhow::Result<()> {
    loop {
        if confirm_due(database, clock).await? == 0 {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Confirms a batch of bookings; tells how many rows of the outbox that took.
///
/// # Errors
/// Where the database refuses.
pub async fn confirm_due(database: &Database, clock: &dyn Clock) -> Result<usize, Rejection> {
    let now = clock.now();
    if !outbox::is_due(database.reader(), CONFIRM, now).await? {
        return Ok(0);
    }
    let transaction = database.begin().await?;
    let taken: Vec<_> =
        outbox::take_in(&transaction, CONFIRM, now, BATCH).await?.into_iter().map(AppointmentId).collect();
    let count = taken.len();
    let confirmed = store::confirm_in(&transaction, taken).await?;
    let step = |appointment_id| Transition {
        appointment_id,
        from: Some(AppointmentStatus::Pending),
        to: AppointmentStatus::Confirmed,
        actor_id: None,
        reason: None,
        at: now,
    };
    if !confirmed.is_empty() {
        store::record_in(&transaction, confirmed.into_iter().map(step).collect()).await?;
    }
    transaction.commit().await?;
    Ok(count)
}
