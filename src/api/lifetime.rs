//! How the process ends.

use std::time::Duration;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How the process ends: it is told to, and waits for its sockets.
#[derive(Clone, Debug, Default)]
pub struct Lifetime {
    /// Cancelled when the process shall end.
    pub shutdown: CancellationToken,
    /// The sockets that are open.
    pub sockets: TaskTracker,
}

/// Over how long sockets are closed when the process shall end: those who come again do not come all at once.
const SPREAD: Duration = Duration::from_secs(3);

impl Lifetime {
    /// How long one of many waits before it goes.
    #[must_use]
    pub fn moment() -> Duration {
        SPREAD.mul_f64(rand::random())
    }
}
