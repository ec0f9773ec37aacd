//! A request's id: in every line of the log, in the answer's header, and in every error that is our own fault.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use std::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Names a request.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl RequestId {
    /// An id that nobody else has.
    pub fn new() -> Self {
        Self(Uuid::now_v7().simple().to_string())
    }

    /// The id that a proxy in front of us gave the request, if it is fit for a log, or a new one.
    fn of(request: &Request) -> Self {
        let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
        let fits = |id: &&str| {
            (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        given.filter(fits).map_or_else(Self::new, |id| Self(id.to_owned()))
    }
}

/// Gives each request its id, and writes one line when it is answered.
pub async fn trace(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    let span = tracing::info_span!("request", request.id = %id.0);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(id.clone());
    let begun = Instant::now();
    async {
        let mut response = next.run(request).await;
        let milliseconds = begun.elapsed().as_millis();
        tracing::info!(%method, path, status = response.status().as_u16(), milliseconds, "request");
        if let Ok(value) = HeaderValue::from_str(&id.0) {
            response.headers_mut().insert(HEADER, value);
        }
        response
    }
    .instrument(span)
    .await
}
