//! The relay: publishes what was committed by a process that did not live to publish it.

use super::{publisher::Publisher, store};
use crate::{
    infra::{db::Database, supervise::rest},
    kernel::clock::Clock,
};
use chrono::TimeDelta;
use std::time::Duration;

/// Who commits, publishes and marks within this time, or is taken for dead.
const GRACE: TimeDelta = TimeDelta::seconds(1);
const PAUSE: Duration = Duration::from_millis(500);
const BATCH: u64 = 500;

/// Publishes forgotten events, for ever. Whoever hears an event twice knows it by its version.
///
/// # Errors
/// Where the database does not answer.
pub async fn relay(database: &Database, publisher: &Publisher, clock: &dyn Clock) -> anyhow::Result<()> {
    loop {
        let forgotten = store::unpublished(database.reader(), clock.now() - GRACE, BATCH).await?;
        if !forgotten.is_empty() {
            publisher.publish(&forgotten).await;
        }
        rest(PAUSE).await;
    }
}

/// How many changes are cut off the log at a time.
const CUT: u64 = 1_000;
/// How often the log is looked over.
const CUT_PAUSE: Duration = Duration::from_mins(10);

/// Keeps the log as long as it shall be, for ever: cursors that are older have to begin anew. The history of appointments stays.
///
/// # Errors
/// Where the database refuses.
pub async fn cut_log(database: &Database, clock: &dyn Clock, kept: TimeDelta) -> anyhow::Result<()> {
    loop {
        while store::cut_before(database, clock.now() - kept, CUT).await? as u64 == CUT {}
        tokio::time::sleep(CUT_PAUSE).await;
    }
}
