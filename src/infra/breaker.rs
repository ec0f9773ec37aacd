//! A circuit breaker: after some failures nobody waits for what fails, until one attempt a second shows that it answers again.

use recloser::{AsyncRecloser, Error, Recloser};
use std::{fmt, sync::Arc, time::Duration};

/// How many of the last calls are looked at, and which part of them must fail.
const LOOKED_AT: usize = 5;
const FAILING: f32 = 0.5;
/// How long nobody asks.
const PAUSE: Duration = Duration::from_secs(1);

/// It is not asked, because it failed lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open;

/// A circuit breaker around something that may fail; its clones are one.
#[derive(Clone)]
pub struct Breaker(Arc<AsyncRecloser>);

impl fmt::Debug for Breaker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Breaker")
    }
}

impl Default for Breaker {
    fn default() -> Self {
        let breaker =
            Recloser::custom().error_rate(FAILING).closed_len(LOOKED_AT).half_open_len(1).open_wait(PAUSE).build();
        Self(Arc::new(AsyncRecloser::from(breaker)))
    }
}

impl Breaker {
    /// Makes a call, unless those before it failed.
    ///
    /// # Errors
    /// `Open` where it is not made; what the call fails with, within.
    pub async fn call<T, E>(&self, call: impl Future<Output = Result<T, E>> + Send) -> Result<Result<T, E>, Open> {
        match self.0.call(call).await {
            Ok(value) => Ok(Ok(value)),
            Err(Error::Inner(error)) => Ok(Err(error)),
            Err(Error::Rejected) => Err(Open),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_fails_is_left_alone_for_a_second_and_tried_again() {
        let breaker = Breaker::default();
        let mut failed = 0;
        while breaker.call(async { Err::<(), _>("broken") }).await == Ok(Err("broken")) {
            failed += 1;
            assert!(failed <= 2 * LOOKED_AT, "nobody notices");
        }
        let untouched = async { panic!("it was asked") };
        assert_eq!(breaker.call::<(), ()>(untouched).await, Err(Open));
        tokio::time::sleep(PAUSE).await;
        assert_eq!(breaker.call(async { Ok::<_, ()>("well again") }).await, Ok(Ok("well again")));
        assert_eq!(breaker.call(async { Ok::<_, ()>("and stays so") }).await, Ok(Ok("and stays so")));
    }
}
