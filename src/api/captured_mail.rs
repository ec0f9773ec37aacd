//! What would have been sent: a list of messages, and each as its recipient would have got it. Only in development.

use super::operation::Api;
use ::entity::captured_mail::Model;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use chrono::SecondsFormat;
use minijinja::{AutoEscape, Environment, context, value::Serde};
use serde_json::{Value, json};
use std::sync::Arc;

const PAGE: &str = include_str!("captured_mail.html");
/// What a letter brings along is shown, and does nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'";

/// `/dev/mail`, and `/dev/mail/1` and so on; both also in JSON, where that is what is accepted.
pub fn routes() -> Router<Arc<Api>> {
    Router::new().route("/dev/mail", get(list)).route("/dev/mail/{id}", get(show))
}

async fn list(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    let Some(captured) = &api.captured else { return StatusCode::NOT_FOUND.into_response() };
    match captured.last().await {
        Ok(messages) => page(&headers, json!(messages.into_iter().map(message).collect::<Vec<_>>())),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn show(State(api): State<Arc<Api>>, Path(id): Path<i32>, headers: HeaderMap) -> Response {
    let Some(captured) = &api.captured else { return StatusCode::NOT_FOUND.into_response() };
    match captured.find(id).await {
        Ok(Some(found)) => page(&headers, message(found)),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn message(row: Model) -> Value {
    let at = row.sent_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    json!({ "id": row.id, "to": row.recipient, "subject": row.subject, "text": row.text, "html": row.html, "at": at })
}

/// One message, or a list of them.
fn page(headers: &HeaderMap, shown: Value) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    let caching = (header::CACHE_CONTROL, "no-store");
    if accepted.contains("application/json") {
        return ([caching], Json(shown)).into_response();
    }
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let is_list = shown.is_array();
    match environment.render_str(PAGE, context! { shown => Serde(shown), is_list }) {
        Ok(html) => ([caching, (header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
