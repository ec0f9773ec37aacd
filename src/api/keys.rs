//! The public keys of access tokens, for those who verify them elsewhere (RFC 7517).

use super::operation::Api;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// `/.well-known/jwks.json`.
pub async fn jwks(State(api): State<Arc<Api>>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, axum::Json(api.services.accounts.public_keys())).into_response()
}
