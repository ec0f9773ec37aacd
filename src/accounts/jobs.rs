//! Forgetting: sessions that are over are removed.

use super::store;
use crate::{infra::db::Database, kernel::clock::Clock};
use std::time::Duration;

const PAUSE: Duration = Duration::from_mins(10);

/// Removes sessions that are over, for ever.
///
/// # Errors
/// Where the database refuses.
pub async fn forget_sessions(database: &Database, clock: &dyn Clock) -> anyhow::Result<()> {
    loop {
        let transaction = database.begin().await?;
        let removed = store::remove_sessions_in(&transaction, clock.now()).await?;
        transaction.commit().await?;
        if removed == 0 {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
