//! Tasks that go on for as long as the process does.

use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(1);

/// Runs a task for ever: when it fails or dies it is logged and begun again, after a pause.
pub fn supervise<F, R>(name: &'static str, mut task: R)
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
    R: FnMut() -> F + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            match tokio::spawn(task()).await {
                Ok(Ok(())) => tracing::warn!(task = name, "ended, begun again"),
                Ok(Err(error)) => tracing::error!(task = name, %error, "failed, begun again"),
                Err(_) => tracing::error!(task = name, "died, begun again"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
}

/// Waits before a job looks again, for `pause` or a little less: jobs that always waited equally long would come all at once, and hold up
/// whoever is served at that moment.
pub async fn rest(pause: Duration) {
    tokio::time::sleep(pause.mul_f64(rand::random_range(0.8..=1.0))).await;
}
