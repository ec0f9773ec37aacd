//! Whether the process lives, and whether it can be of use.

use super::operation::Api;
use axum::{extract::State, http::StatusCode};
use std::sync::Arc;

/// `/healthz`: the process lives.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `/readyz`: the database answers, and the process is not about to end. Redis may be down: it only makes things faster.
pub async fn readyz(State(api): State<Arc<Api>>) -> (StatusCode, &'static str) {
    if api.lifetime.shutdown.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
    }
    match api.services.database.ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
