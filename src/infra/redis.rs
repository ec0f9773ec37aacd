//! Redis, which only makes things faster: every call has an end, and after some failures nobody waits for it.

use recloser::{AsyncRecloser, Error, Recloser};
use redis::{
    Client, RedisError, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use std::{fmt, sync::Arc, time::Duration};

/// The longest that anybody waits for Redis.
const PATIENCE: Duration = Duration::from_millis(250);

/// Redis did not answer, or is not asked because it did not answer lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("redis does not answer")]
pub struct Down;

/// A connection to Redis behind a circuit breaker.
#[derive(Clone)]
pub struct Redis {
    manager: ConnectionManager,
    breaker: Arc<AsyncRecloser>,
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Redis")
    }
}

impl Redis {
    /// A connection that is made when it is first needed.
    ///
    /// # Errors
    /// Where `url` is not an address of Redis.
    pub fn try_new(url: &str) -> RedisResult<Self> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(2)))
            .set_response_timeout(Some(PATIENCE))
            .set_max_delay(Duration::from_secs(1));
        let manager = ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?;
        let breaker =
            Recloser::custom().error_rate(0.5).closed_len(5).half_open_len(1).open_wait(Duration::from_secs(1)).build();
        Ok(Self { manager, breaker: Arc::new(AsyncRecloser::from(breaker)) })
    }

    /// Sends what `command` sends.
    ///
    /// # Errors
    /// `Down`, at the latest after a quarter of a second.
    pub async fn run<T, F: Future<Output = RedisResult<T>> + Send>(
        &self,
        command: impl FnOnce(ConnectionManager) -> F + Send,
    ) -> Result<T, Down> {
        let answer = tokio::time::timeout(PATIENCE, command(self.manager.clone()));
        let call = async move {
            answer.await.unwrap_or_else(|_| Err(RedisError::from((redis::ErrorKind::Io, "no answer in time"))))
        };
        self.breaker.call(call).await.map_err(|error| {
            if let Error::Inner(error) = error {
                tracing::warn!(code = error.code(), kind = ?error.kind(), "redis failed");
            }
            Down
        })
    }
}
