//! GraphQL over HTTP, by the draft of its specification: POST with JSON, GET for queries alone. Requests that cannot run are 400, or 200 for
//! those who accept only `application/json`.

use super::{
    address::Address,
    allowance::retry_after,
    live::Subscriber,
    negotiation::{MediaType, accepted, is_json},
    operation::{Api, Asked, Operation, refused, server_error},
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
use async_graphql::{Response as Answer, Variables, parser::types::OperationType};
use async_graphql_axum::GraphQLResponse;
use axum::{
    Extension,
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What a GraphQL request consists of.
#[derive(Deserialize)]
struct Parameters {
    query: Option<Value>,
    #[serde(rename = "documentId")]
    document_id: Option<Value>,
    #[serde(rename = "operationName")]
    operation_name: Option<Value>,
    variables: Option<Value>,
    extensions: Option<Value>,
}

impl Parameters {
    fn asked(self) -> Result<Asked, &'static str> {
        let text = |value| match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err("`query`, `documentId` and `operationName` are strings."),
        };
        let (query, document_id) = (text(self.query)?, text(self.document_id)?);
        if query.is_some() == document_id.is_some() {
            return Err("Send `query`, or `documentId` in its place.");
        }
        let variables = object(self.variables).ok_or("`variables` is an object.")?;
        let extensions = object(self.extensions).ok_or("`extensions` is an object.")?;
        Ok(Asked {
            query,
            document_id,
            operation_name: text(self.operation_name)?,
            variables: Variables::from_json(Value::Object(variables)),
            wants_cost: wants_cost(&extensions),
        })
    }
}

/// Whether a client wants to know what its request costs.
pub fn wants_cost(extensions: &Map<String, Value>) -> bool {
    extensions.get("cost") == Some(&Value::Bool(true))
}

fn object(value: Option<Value>) -> Option<Map<String, Value>> {
    match value {
        None | Some(Value::Null) => Some(Map::new()),
        Some(Value::Object(object)) => Some(object),
        Some(_) => None,
    }
}

/// `POST /graphql`.
pub async fn post(
    State(api): State<Arc<Api>>,
    Extension(request_id): Extension<RequestId>,
    Extension(address): Extension<Address>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Some(media_type) = accepted(&headers) else { return StatusCode::NOT_ACCEPTABLE.into_response() };
    if !is_json(&headers) || headers.contains_key(header::CONTENT_ENCODING) {
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send application/json in UTF-8, not encoded.");
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return plain(rejection.status(), "The body cannot be read, or is too large."),
    };
    let parameters = serde_json::from_slice::<Parameters>(&body).map_err(|_| "The body is not a JSON object.");
    let asked = parameters.and_then(Parameters::asked);
    Exchange { api: &api, headers: &headers, address, media_type, request_id: &request_id.0 }
        .respond(asked, false)
        .await
}

/// The parameters of a GET request; an empty one is none.
#[derive(Deserialize)]
pub struct QueryString {
    query: Option<String>,
    #[serde(rename = "documentId")]
    document_id: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl QueryString {
    fn asked(self) -> Result<Asked, &'static str> {
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        let json = |value: Option<String>| {
            let parsed = given(value).map(|value| serde_json::from_str(&value)).transpose();
            parsed.map_err(|_| "`variables` and `extensions` are JSON.")
        };
        Parameters {
            query: given(self.query).map(Value::String),
            document_id: given(self.document_id).map(Value::String),
            operation_name: given(self.operation_name).map(Value::String),
            variables: json(self.variables)?,
            extensions: json(self.extensions)?,
        }
        .asked()
    }
}

/// `GET /graphql`.
pub async fn get(
    State(api): State<Arc<Api>>,
    Extension(request_id): Extension<RequestId>,
    Extension(address): Extension<Address>,
    headers: HeaderMap,
    query: Result<Query<QueryString>, QueryRejection>,
) -> Response {
    let Some(media_type) = accepted(&headers) else { return StatusCode::NOT_ACCEPTABLE.into_response() };
    let asked = query.map_err(|_| "The query string cannot be read.").and_then(|Query(query)| query.asked());
    Exchange { api: &api, headers: &headers, address, media_type, request_id: &request_id.0 }.respond(asked, true).await
}

/// A request, and how it wants to be answered.
struct Exchange<'a> {
    api: &'a Arc<Api>,
    headers: &'a HeaderMap,
    address: Address,
    media_type: MediaType,
    request_id: &'a str,
}

impl Exchange<'_> {
    async fn respond(&self, asked: Result<Asked, &'static str>, is_get: bool) -> Response {
        let asked = match asked {
            Ok(asked) => asked,
            // A body that is no GraphQL request at all is 400, whatever the client accepts.
            Err(message) => {
                let error = refused("BAD_USER_INPUT", message);
                return answer(Answer::from_errors(vec![error]), self.media_type, StatusCode::BAD_REQUEST);
            }
        };
        let (viewer, proven_until) = match viewer(self.api, self.headers).await {
            Ok(viewer) => viewer,
            Err(rejection) => {
                let status = match rejection {
                    Rejection::Unauthenticated => {
                        let visitors = Principal::Visitors(self.address.0);
                        if let Err(error) = self.api.allowance.refuse(visitors).await {
                            return self.request_error(Answer::from_errors(vec![error]));
                        }
                        StatusCode::UNAUTHORIZED
                    }
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                };
                let response = reveal(Answer::from_errors(vec![server_error(rejection)]), self.request_id);
                return answer(response, self.media_type, status);
            }
        };
        let client = Client { device: device(self.headers), address: Some(self.address.0) };
        let principal = Principal::of(viewer.as_ref(), &client);
        let mut response = match self.api.admit(asked, principal, self.request_id).await {
            Ok(operation) => self.run(operation, (viewer, proven_until), client, is_get).await,
            Err(errors) => self.request_error(Answer::from_errors(errors)),
        };
        self.api.allowance.tell(principal, response.headers_mut()).await;
        response
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
    let value = value.to_str().map_err(|_| Rejection::Unauthenticated)?;
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
