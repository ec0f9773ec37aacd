//! GraphQL over server-sent events, in the mode of distinct connections: one request, one operation, one stream. The only way for a program as
//! simple as curl to watch.
//!
//! Source: PROTOCOL.md of the graphql-sse library.

use super::operation::{Api, Operation};
use crate::graphql::Caller;
use async_graphql::{Response as Answer, parser::types::OperationType};
use axum::{
    http::{HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt, future::Either, stream};
use std::{convert::Infallible, time::Duration};

/// Runs an operation and streams its answers, until it ends, the token does, or the process.
pub fn run(
    api: &Api,
    operation: Operation,
    caller: Caller,
    proven_until: Option<DateTime<Utc>>,
    request_id: &str,
) -> Response {
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
        }
    };
    respond(answers.take_until(Box::pin(end)))
}

/// Streams an answer that is none: the request could not run.
pub fn refuse(answer: Answer) -> Response {
    respond(stream::once(std::future::ready(answer)))
}

fn respond(answers: impl Stream<Item = Answer> + Send + 'static) -> Response {
    let next = |answer: Answer| {
        let event = Event::default().event("next");
        Ok::<_, Infallible>(event.json_data(&answer).unwrap_or_default())
    };
    let complete = stream::once(async { Ok(Event::default().event("complete").data("")) });
    let events = answers.map(next).chain(complete);
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // A proxy that collects before it passes on would keep events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
