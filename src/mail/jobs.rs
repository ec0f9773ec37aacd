//! What the worker does with messages.

use super::{service::Mail, store};
use crate::infra::supervise::rest;
use chrono::TimeDelta;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(500);
const FORGETTING: Duration = Duration::from_mins(10);
/// How long is remembered that a message was sent, or was not to be.
const REMEMBERED: TimeDelta = TimeDelta::days(30);
const REMEMBERED_VOID: TimeDelta = TimeDelta::hours(1);

/// Sends what is due, for ever.
///
/// # Errors
/// Where the database refuses.
pub async fn send(mail: &Mail) -> anyhow::Result<()> {
    loop {
        if mail.send_due().await? == 0 {
            rest(PAUSE).await;
        }
    }
}

/// Forgets messages that were finished 30 days ago, and tickets that are over, for ever.
///
/// # Errors
/// Where the database refuses.
pub async fn forget(mail: &Mail) -> anyhow::Result<()> {
    loop {
        let now = mail.clock.now();
        let transaction = mail.database.begin().await?;
        store::forget_in(&transaction, now - REMEMBERED, now - REMEMBERED_VOID, now).await?;
        transaction.commit().await?;
        tokio::time::sleep(FORGETTING).await;
    }
}
