//! GraphQL over server-sent events, in the mode of distinct connections: one request, one operation, one stream. The only way for a program as
//! simple as curl to watch.
//!
//! Source: PROTOCOL.md of the graphql-sse library.

use super::{
    allowance::retry_after,
    lifetime::Lifetime,
    live::{self, Delivery, Subscriber},
    operation::{Api, Operation},
};
use crate::graphql::Caller;
use async_graphql::{Response as Answer, ServerError, parser::types::OperationType};
use axum::{
    body::Body,
    http::{HeaderName, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use serde_json::{Value, json};
use std::{convert::Infallible, sync::Arc, time::Duration};

/// After how long without an event a comment says that the stream goes on.
const SILENCE: Duration = Duration::from_secs(15);

/// Runs an operation and streams its answers, until it ends, the token does, or the process. Only in the first case the client is told that this
/// is all: otherwise it comes again.
///
/// # Errors
/// Where the client has as many subscriptions as it may.
pub async fn run(
    api: &Arc<Api>,
    operation: Operation,
    subscriber: Subscriber,
    proven_until: Option<DateTime<Utc>>,
    request_id: &str,
) -> Result<Response, Answer> {
    let ending = subscriber.viewer.as_ref().map(|viewer| api.services.accounts.ending(viewer.session_id));
    let is_subscription = operation.kind == OperationType::Subscription;
    let answers: BoxStream<'static, String> = if is_subscription {
        let errors = |errors: &[ServerError]| written(&json!({ "errors": errors }));
        match live::subscribe(api, operation, subscriber).await {
            Err(refused) if retry_after(&refused).is_some() => return Err(Answer::from_errors(refused.to_vec())),
            Err(refused) => stream::once(std::future::ready(errors(&refused))).boxed(),
            Ok(member) => member
                .map(move |delivery| match delivery {
                    Delivery::Answer(answer) => next(&answer),
                    Delivery::End(ended) => errors(&ended),
                })
                .boxed(),
        }
    } else {
        let (api, request_id) = (Arc::clone(api), request_id.to_owned());
        let caller = Caller::new(subscriber.viewer, subscriber.client);
        stream::once(async move { written(&json!(api.execute(operation, caller, &request_id).await)) }).boxed()
    };
    let open = api.lifetime.sockets.token();
    if !is_subscription {
        // What is running comes to its end, as it does for an answer that is not streamed; the process waits for it.
        return Ok(respond(answers.chain(complete()).inspect(move |_| {
            let _ = &open;
        })));
    }
    let shutdown = api.lifetime.shutdown.clone().cancelled_owned();
    let clock = Arc::clone(&api.clock);
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
            () = async { shutdown.await; tokio::time::sleep(Lifetime::moment()).await } => {}
            () = token_over => {}
            () = async { if let Some(ending) = &ending { ending.come().await } }, if ending.is_some() => {}
        }
    };
    Ok(respond(answers.chain(complete()).take_until(Box::pin(end))))
}

/// Streams an answer that is none: the request could not run.
pub fn refuse(answer: &Answer) -> Response {
    respond(stream::once(std::future::ready(written(&json!(answer)))).chain(complete()))
}

fn next(answer: &str) -> String {
    format!("event: next\ndata: {answer}\n\n")
}

fn written(answer: &Value) -> String {
    next(&answer.to_string())
}

/// With an empty `data`, because a browser passes over an event that has none.
fn complete() -> impl Stream<Item = String> + Send {
    stream::once(async { "event: complete\ndata: \n\n".to_owned() })
}

fn respond(events: impl Stream<Item = String> + Send + 'static) -> Response {
    let silence = tokio::time::interval_at(tokio::time::Instant::now() + SILENCE, SILENCE);
    let events = tokio_stream::StreamExt::timeout_repeating(events, silence);
    let lines = events.map(|event| Ok::<_, Infallible>(event.unwrap_or_else(|_| ":\n\n".to_owned())));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // A proxy that collects before it passes on would keep events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(lines)).into_response()
}
