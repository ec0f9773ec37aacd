//! What was booked in the very moment in which an account was deleted, or where that was interrupted, is cancelled and erased too.

use crate::{booking::Booking, kernel::rejection::Rejection};
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(10);

/// Looks after what those have left behind who deleted their accounts, for ever.
///
/// # Errors
/// Where the database refuses.
pub async fn look_after(booking: &Booking) -> anyhow::Result<()> {
    loop {
        look_after_due(booking).await?;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks after it once; tells for how many.
///
/// # Errors
/// Where the database refuses.
pub async fn look_after_due(booking: &Booking) -> Result<usize, Rejection> {
    let patients = booking.left_behind().await?;
    for patient in &patients {
        booking.release_patient(*patient).await?;
    }
    Ok(patients.len())
}
