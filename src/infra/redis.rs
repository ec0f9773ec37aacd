//! Redis, which only makes things faster: every call has an end, and after some failures nobody waits for it.

use super::breaker::{Breaker, Open};
use redis::{
    Client, RedisError, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use std::{fmt, time::Duration};

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
    breaker: Breaker,
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
        Ok(Self { manager, breaker: Breaker::default() })
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
        let answer = self.breaker.call(call).await.map_err(|Open| Down)?;
        answer.map_err(|error| {
            tracing::warn!(code = error.code(), kind = ?error.kind(), "redis failed");
            Down
        })
    }
}
