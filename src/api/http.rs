//! GraphQL over HTTP, by the draft of its specification: POST with JSON, GET for queries alone. Requests that cannot run are 400, or 200 for
//! those who accept only `application/json`.

use super::{
    address::Address,
    allowance::retry_after,
    live::Subscriber,
    negotiation::{MediaType, accepted, is_json},
    operation::{Api, Asked, Operation, cost_of_looking, refused, server_error},
    parameters::{Parameters, QueryString},
    sse,
    trace::RequestId,
};
use crate::{
    graphql::{Caller, reveal},
    kernel::{
        client::{Client, Principal},
        rejection::Rejection,
        viewer::Viewer,
    },
};
use async_graphql::{Response as Answer, parser::types::OperationType};
use async_graphql_axum::GraphQLResponse;
use axum::{
    Extension,
    body::Bytes,
    extract::{Query, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// `POST /graphql`.
pub async fn post(
    State(api): State<Arc<Api>>,
    Extension(request_id): Extension<RequestId>,
    Extension(address): Extension<Address>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    // As much of what is too large was taken in.
    let length = body.as_ref().map_or(api.limits.body_bytes, Bytes::len);
    let read = || {
        if !is_json(&headers) || headers.contains_key(header::CONTENT_ENCODING) {
            let message = "Send application/json in UTF-8, not encoded.";
            return Err(Unreadable(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let body =
            body.map_err(|rejection| Unreadable(rejection.status(), "The body cannot be read, or is too large."))?;
        let parameters = serde_json::from_slice::<Parameters>(&body).map_err(|_| "The body is not a JSON object.")?;
        Ok(parameters.asked()?)
    };
    let exchange = Exchange::new(&api, &headers, address, &request_id.0);
    exchange.respond((length, read), false).await
}

/// `GET /graphql`.
pub async fn get(
    State(api): State<Arc<Api>>,
    Extension(request_id): Extension<RequestId>,
    Extension(address): Extension<Address>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let read = || {
        let query = Query::<QueryString>::try_from_uri(&uri).map_err(|_| "The query string cannot be read.")?;
        Ok(query.0.asked()?)
    };
    let exchange = Exchange::new(&api, &headers, address, &request_id.0);
    exchange.respond((uri.query().map_or(0, str::len), read), true).await
}

/// Why what was sent is no GraphQL request, whatever the client accepts.
struct Unreadable(StatusCode, &'static str);

impl From<&'static str> for Unreadable {
    fn from(message: &'static str) -> Self {
        Self(StatusCode::BAD_REQUEST, message)
    }
}

/// A request, and how it wants to be answered.
struct Exchange<'a> {
    api: &'a Arc<Api>,
    headers: &'a HeaderMap,
    address: Address,
    accepted: Option<MediaType>,
    media_type: MediaType,
    request_id: &'a str,
}

impl<'a> Exchange<'a> {
    fn new(api: &'a Arc<Api>, headers: &'a HeaderMap, address: Address, request_id: &'a str) -> Self {
        let accepted = accepted(headers);
        let media_type = accepted.unwrap_or(MediaType::Json);
        Self { api, headers, address, accepted, media_type, request_id }
    }

    /// Answers what `read` finds in so many bytes, and tells what is left of the budget that has paid.
    async fn respond(&self, sent: (usize, impl FnOnce() -> Result<Asked, Unreadable>), is_get: bool) -> Response {
        let client = Client { device: device(self.headers), address: Some(self.address.0) };
        let (principal, mut response) = match viewer(self.api, self.headers).await {
            Ok(proven) => {
                let principal = Principal::of(proven.0.as_ref(), &client);
                (principal, self.serve(sent, principal, proven, client, is_get).await)
            }
            Err(rejection) => {
                let visitors = Principal::Visitors(self.address.0);
                (visitors, self.turn_away(visitors, rejection).await)
            }
        };
        self.api.allowance.tell(principal, response.headers_mut()).await;
        response
    }

    async fn serve(
        &self,
        (length, read): (usize, impl FnOnce() -> Result<Asked, Unreadable>),
        principal: Principal,
        proven: (Option<Viewer>, Option<DateTime<Utc>>),
        client: Client,
        is_get: bool,
    ) -> Response {
        // Reading is work too, also where it leads to nothing.
        let reading = cost_of_looking(length);
        if let Err(error) = self.api.allowance.spend(principal, reading).await {
            return self.request_error(Answer::from_errors(vec![error]));
        }
        if self.accepted.is_none() {
            return StatusCode::NOT_ACCEPTABLE.into_response();
        }
        let asked = match read() {
            Ok(asked) => asked,
            Err(Unreadable(StatusCode::BAD_REQUEST, message)) => {
                let error = refused("BAD_USER_INPUT", message);
                return answer(Answer::from_errors(vec![error]), self.media_type, StatusCode::BAD_REQUEST);
            }
            Err(Unreadable(status, message)) => return plain(status, message),
        };
        match self.api.admit(asked, (principal, reading), self.request_id).await {
            Ok(operation) => self.run(operation, proven, client, is_get).await,
            Err(errors) => self.request_error(Answer::from_errors(errors)),
        }
    }

    /// Answers somebody of whom it is not known who they are, though they said so.
    async fn turn_away(&self, visitors: Principal, rejection: Rejection) -> Response {
        let status = match rejection {
            Rejection::Unauthenticated => StatusCode::UNAUTHORIZED,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        if status == StatusCode::UNAUTHORIZED
            && let Err(error) = self.api.allowance.refuse(visitors).await
        {
            return self.request_error(Answer::from_errors(vec![error]));
        }
        let response = reveal(Answer::from_errors(vec![server_error(rejection)]), self.request_id);
        answer(response, self.media_type, status)
    }

    async fn run(
        &self,
        operation: Operation,
        (viewer, proven_until): (Option<Viewer>, Option<DateTime<Utc>>),
        client: Client,
        is_get: bool,
    ) -> Response {
        let (api, media_type) = (self.api, self.media_type);
        if is_get && operation.kind == OperationType::Mutation {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Send mutations by POST.");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        if operation.kind == OperationType::Subscription && media_type != MediaType::EventStream {
            let message = "Subscriptions are served over WebSocket (graphql-transport-ws), or as text/event-stream.";
            return self.request_error(Answer::from_errors(vec![refused("BAD_USER_INPUT", message)]));
        }
        if media_type == MediaType::EventStream {
            let authorization = self.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let subscriber = Subscriber { viewer, authorization: authorization.map(Into::into), client };
            let streamed = sse::run(api, operation, subscriber, proven_until, self.request_id).await;
            return streamed.unwrap_or_else(|refused| self.request_error(refused));
        }
        let response = api.execute(operation, Caller::new(viewer, client), self.request_id).await;
        let has_run = response.is_ok() || response.errors.iter().any(|error| !error.path.is_empty());
        if has_run { answer(response, media_type, StatusCode::OK) } else { self.request_error(response) }
    }

    /// The request was refused before anything ran.
    fn request_error(&self, response: Answer) -> Response {
        if retry_after(&response.errors).is_some() {
            return answer(response, self.media_type, StatusCode::TOO_MANY_REQUESTS);
        }
        match self.media_type {
            MediaType::GraphQlResponse => answer(response, self.media_type, StatusCode::BAD_REQUEST),
            MediaType::Json => answer(response, self.media_type, StatusCode::OK),
            MediaType::EventStream => sse::refuse(&response),
        }
    }
}

/// Who is asking, and until when that is proven.
async fn viewer(api: &Api, headers: &HeaderMap) -> Result<(Option<Viewer>, Option<DateTime<Utc>>), Rejection> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok((None, None)) };
    let value = value.to_str().map_err(|_| {
        tracing::info!("refused an authorization that is no text");
        Rejection::Unauthenticated
    })?;
    let (viewer, until) = api.authenticate(value).await?;
    Ok((Some(viewer), Some(until)))
}

/// What the client calls itself.
pub fn device(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(agent.chars().take(200).collect())
}

fn answer(response: Answer, media_type: MediaType, status: StatusCode) -> Response {
    // What is no stream is JSON.
    let media_type = if media_type == MediaType::EventStream { MediaType::Json } else { media_type };
    let is_request_error = !response.errors.is_empty() && response.errors.iter().all(|error| error.path.is_empty());
    let wait = retry_after(&response.errors);
    let mut answer = if is_request_error {
        // Where nothing ran there is no data, not even null.
        axum::Json(serde_json::json!({ "errors": response.errors })).into_response()
    } else {
        GraphQLResponse::from(response).into_response()
    };
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = wait {
        headers.insert(header::RETRY_AFTER, seconds);
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}

fn plain(status: StatusCode, message: &'static str) -> Response {
    (status, message).into_response()
}
