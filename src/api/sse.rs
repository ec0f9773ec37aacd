//! GraphQL over server-sent events, in the mode of distinct connections: one request, one operation, one stream. The only way for a program as
//! simple as curl to watch.
//!
//! Source: PROTOCOL.md of the graphql-sse library.

use super::operation::{Api, Operation};
use crate::graphql::Caller;
use async_graphql::{Response as Answer, parser::types::OperationType};
use axum::{
    body::Body,
    http::{HeaderName, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt, future::Either, stream};
use std::{convert::Infallible, time::Duration};

/// After how long without an event a comment says that the stream goes on.
const SILENCE: Duration = Duration::from_secs(15);

/// Runs an operation and streams its answers, until it ends, the token does, or the process.
pub fn run(
    api: &Api,
    operation: Operation,
    caller: Caller,
    proven_until: Option<DateTime<Utc>>,
    request_id: &str,
) -> Response {
    let ending = caller.viewer.as_ref().map(|viewer| api.services.accounts.ending(viewer.session_id));
    let answers = if operation.kind == OperationType::Subscription {
        Either::Left(api.stream(operation, caller, request_id.to_owned()))
    } else {
        let (api, request_id) = (api.clone(), request_id.to_owned());
        Either::Right(stream::once(async move { api.execute(operation, caller, &request_id).await }))
    };
    let shutdown = api.lifetime.shutdown.clone().cancelled_owned();
    let (clock, open) = (std::sync::Arc::clone(&api.clock), api.lifetime.sockets.token());
    let token_over = async move {
        let Some(until) = proven_until else { return std::future::pending().await };
        // A virtual clock may stand still while ours goes on.
        while let Ok(left) = (until - clock.now()).to_std() {
            tokio::time::sleep(left.max(Duration::from_secs(1))).await;
        }
    };
    let end = async move {
        // The process does not end before its streams have.
        let _open = open;
        tokio::select! {
            () = shutdown => {}
            () = token_over => {}
            () = async { if let Some(ending) = &ending { ending.come().await } }, if ending.is_some() => {}
        }
    };
    respond(answers.take_until(Box::pin(end)))
}

/// Streams an answer that is none: the request could not run.
pub fn refuse(answer: Answer) -> Response {
    respond(stream::once(std::future::ready(answer)))
}

fn respond(answers: impl Stream<Item = Answer> + Send + 'static) -> Response {
    let next = |answer: Answer| format!("event: next\ndata: {}\n\n", serde_json::json!(answer));
    // With an empty `data`, because a browser passes over an event that has none.
    let complete = stream::once(async { "event: complete\ndata: \n\n".to_owned() });
    let silence = tokio::time::interval_at(tokio::time::Instant::now() + SILENCE, SILENCE);
    let events = tokio_stream::StreamExt::timeout_repeating(answers.map(next).chain(complete), silence);
    let lines = events.map(|event| Ok::<_, Infallible>(event.unwrap_or_else(|_| ":\n\n".to_owned())));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // A proxy that collects before it passes on would keep events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(lines)).into_response()
}
