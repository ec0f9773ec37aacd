//! Forgetting and telling: sessions that are over are removed, and what is open in them is ended.

use super::{
    service::{Accounts, SESSION},
    store,
};
use crate::{
    infra::{db::Database, supervise::supervise},
    kernel::clock::Clock,
};
use std::{sync::Arc, time::Duration};

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

/// Begins to hear, and to look, which sessions have ended, in any process, so that what is open in them in this one ends too.
pub fn watch_sessions(accounts: &Arc<Accounts>) {
    let hearing = Arc::clone(accounts);
    supervise("accounts.hear_endings", move || {
        let accounts = Arc::clone(&hearing);
        async move {
            accounts.hear().await;
            Ok(())
        }
    });
    let accounts = Arc::clone(accounts);
    supervise("accounts.watch_sessions", move || {
        let accounts = Arc::clone(&accounts);
        async move { accounts.watch().await.map_err(Into::into) }
    });
}
