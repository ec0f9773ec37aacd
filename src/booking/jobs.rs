//! What happens to appointments by itself: a booking is confirmed as soon as its outbox row is taken over; an overdue hold, which is in
//! nobody's way any more, is written down as expired and the world told; old idempotency keys are forgotten.

use super::{idempotency::KEPT, service::Booking, store, transaction::CalendarTransaction};
use crate::{
    infra::{db::Database, outbox, supervise::rest},
    kernel::{
        clock::Clock,
        id::AppointmentId,
        rejection::{Internal, Rejection},
    },
};
use std::time::Duration;

/// What the outbox calls it.
pub const CONFIRM: &str = "appointment.confirm";

const PAUSE: Duration = Duration::from_millis(200);
const BATCH: u64 = 100;
const FORGETTING: Duration = Duration::from_mins(10);

/// Confirms bookings, for ever.
///
/// # Errors
/// Where the database refuses.
pub async fn confirm(database: &Database, clock: &dyn Clock) -> anyhow::Result<()> {
    loop {
        if confirm_due(database, clock).await? == 0 {
            rest(PAUSE).await;
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
    let now = transaction.now(clock).await?;
    let taken: Vec<_> =
        outbox::take_in(&transaction, CONFIRM, now, BATCH).await?.into_iter().map(AppointmentId).collect();
    let count = taken.len();
    store::confirm_in(&transaction, taken, now).await?;
    transaction.commit().await?;
    Ok(count)
}

/// Lets overdue holds run out, for ever.
///
/// # Errors
/// Where the database refuses.
pub async fn expire(booking: &Booking) -> anyhow::Result<()> {
    loop {
        if expire_due(booking).await? == 0 {
            rest(PAUSE).await;
        }
    }
}

/// Lets the overdue holds of some doctors run out, a transaction for each; tells how many calendars that changed.
///
/// # Errors
/// Where the database refuses.
pub async fn expire_due(booking: &Booking) -> Result<usize, Rejection> {
    let overdue =
        store::doctors_with_overdue(&booking.database, booking.database.now(&*booking.clock).await?, BATCH).await?;
    let mut changed = 0;
    for doctor_id in overdue {
        let Some(mut transaction) = CalendarTransaction::begin(booking, None, [doctor_id]).await? else { continue };
        if transaction.expire(doctor_id, None).await? > 0 {
            let written = transaction.finish(None, Vec::new()).await;
            booking.tell(written).await.map_err(|_| Internal::new("a hold that did not run out"))?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// Forgets idempotency keys that are too old to answer with, for ever.
///
/// # Errors
/// Where the database refuses.
pub async fn forget_keys(booking: &Booking) -> anyhow::Result<()> {
    loop {
        store::forget_keys(&booking.database, booking.clock.now() - KEPT).await?;
        tokio::time::sleep(FORGETTING).await;
    }
}
