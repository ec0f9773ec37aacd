//! Forgetting: sessions that are over are removed.

use super::{service::SESSION, store};
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
        let now = clock.now();
        let removed = store::remove_sessions_in(&transaction, now).await?;
        store::remove_tokens_in(&transaction, now - SESSION).await?;
        transaction.commit().await?;
        if removed == 0 {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
