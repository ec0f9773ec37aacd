//! GraphQL over WebSocket: the graphql-transport-ws protocol, with its close codes.
//!
//! Source: PROTOCOL.md of the graphql-ws library.

mod connection;
mod running;
mod said;
mod start;

use super::{
    address::Address,
    http::{self, device},
    operation::Api,
    trace::RequestId,
};
use crate::kernel::client::Client;
use axum::{
    Extension,
    extract::{State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use connection::Connection;
use std::sync::Arc;

const PROTOCOL: &str = "graphql-transport-ws";

/// Why a connection is closed.
pub struct Close(u16, &'static str);

/// `GET /graphql`: a WebSocket where one is asked for, else a query.
pub async fn get_or_upgrade(
    State(api): State<Arc<Api>>,
    request_id: Extension<RequestId>,
    address: Extension<Address>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else { return http::get(State(api), request_id, address, headers, uri).await };
    if !is_allowed_origin(&api, &headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some(seat) = api.allowance.newcomer(address.0.0) else {
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response();
    };
    let client = Client { device: device(&headers), address: Some(address.0.0) };
    let limit = api.limits.message_bytes;
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(1_024)
        .write_buffer_size(4_096)
        .max_message_size(limit)
        .max_frame_size(limit);
    // The process does not end before its sockets have.
    let open = api.lifetime.sockets.token();
    upgrade.on_upgrade(async move |socket| {
        Connection::new(api, socket, client, seat).run().await;
        drop(open);
    })
}

/// A WebSocket knows no CORS: a page says where it comes from, and we look.
fn is_allowed_origin(api: &Api, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_own = origin.split_once("://").is_some_and(|(_, authority)| authority == host);
    let is_listed = api.allowed_origins.iter().any(|allowed| allowed == origin);
    is_own || is_listed || (api.allowed_origins.is_empty() && api.development)
}
