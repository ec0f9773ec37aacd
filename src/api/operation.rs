//! One door for every operation, whatever it comes over.

use super::{document, text};
use crate::{
    config::Limits,
    graphql::{Caller, Loaders, MedislotSchema, Services, reveal},
    infra::db::count_statements,
    kernel::{
        clock::Clock,
        rejection::{Internal, Rejection},
        viewer::Viewer,
    },
};
use async_graphql::{
    ErrorExtensionValues, Request, Response, ServerError, Value,
    parser::{parse_query, types::OperationType},
};
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};
use std::{sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

/// What the edge works with.
#[derive(Clone)]
pub struct Api {
    /// The schema.
    pub schema: MedislotSchema,
    /// The services behind it.
    pub services: Services,
    /// All ceilings.
    pub limits: Limits,
    /// Whether the schema may be asked for its own description.
    pub introspection: bool,
    /// Whether this is a development installation.
    pub development: bool,
    /// The web origins whose pages may use the API; any where none is named, in development.
    pub allowed_origins: Arc<[String]>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How the process ends.
    pub lifetime: Lifetime,
}

/// How the process ends: it is told to, and waits for its sockets.
#[derive(Clone, Debug, Default)]
pub struct Lifetime {
    /// Cancelled when the process shall end.
    pub shutdown: CancellationToken,
    /// The sockets that are open.
    pub sockets: TaskTracker,
}

/// An operation that may run.
#[derive(Debug)]
pub struct Operation {
    request: Request,
    /// What it is.
    pub kind: OperationType,
}

impl Api {
    /// Who is asking, by the value of an `Authorization` header, and until when that is proven.
    ///
    /// # Errors
    /// `Unauthenticated` where it proves nothing.
    pub async fn authenticate(&self, authorization: &str) -> Result<(Viewer, DateTime<Utc>), Rejection> {
        let token = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, token) = token.ok_or(Rejection::Unauthenticated)?;
        self.services.accounts.authenticate(token.trim()).await
    }

    /// Looks a request over. Nothing has run when it is refused.
    ///
    /// # Errors
    /// What the client is told.
    pub fn admit(&self, mut request: Request) -> Result<Operation, Box<ServerError>> {
        text::check(&request.query, &self.limits).map_err(|message| Box::new(refused("QUERY_TOO_COMPLEX", message)))?;
        let mut document = parse_query(&request.query).map_err(|error| {
            let mut error = ServerError::from(error);
            // The library echoes the line that it stumbled over, however long.
            error.message = error.message.chars().take(500).collect();
            set_code(&mut error, "BAD_USER_INPUT");
            Box::new(error)
        })?;
        let kind = document::check(&document, request.operation_name.as_deref(), &request.variables, &self.limits)
            .map_err(|unfit| match unfit {
                document::Unfit::Invalid(message) => Box::new(refused("BAD_USER_INPUT", message)),
                document::Unfit::TooComplex(message) => Box::new(refused("QUERY_TOO_COMPLEX", message)),
            })?;
        document::wrap_typenames(&mut document);
        request.set_parsed_query(document);
        let request = if self.introspection { request } else { request.disable_introspection() };
        Ok(Operation { request, kind })
    }

    /// Runs a query or a mutation.
    pub async fn execute(&self, operation: Operation, caller: Caller, request_id: &str) -> Response {
        let kind = operation.kind;
        let span = tracing::info_span!("operation", request.id = request_id);
        let run = async {
            let request = self.with_context(operation.request, caller);
            let patience = Duration::from_secs(self.limits.operation_seconds);
            let (response, statements) =
                count_statements(tokio::time::timeout(patience, self.schema.execute(request))).await;
            let response = response.unwrap_or_else(|_| {
                let cause = Internal::new("an operation took too long");
                Response::from_errors(vec![server_error(Rejection::Unavailable(cause))])
            });
            tracing::debug!(%kind, statements, errors = response.errors.len(), "answered");
            reveal(response, request_id)
        };
        run.instrument(span).await
    }

    /// Runs any operation; a subscription answers until it ends.
    pub fn stream(
        &self,
        operation: Operation,
        caller: Caller,
        request_id: String,
    ) -> impl Stream<Item = Response> + Send + use<> {
        let request = self.with_context(operation.request, caller);
        self.schema.execute_stream(request).map(move |response| reveal(response, &request_id))
    }

    fn with_context(&self, request: Request, caller: Caller) -> Request {
        let loaders = Loaders::new(&self.services, &caller);
        request.data(self.services.clone()).data(loaders).data(caller)
    }
}

/// The error that a client is told of a request that does not run.
pub fn refused(code: &'static str, message: &str) -> ServerError {
    let mut error = ServerError::new(message, None);
    set_code(&mut error, code);
    error
}

/// The error that a client is told of a rejection that no resolver made.
pub fn server_error(rejection: Rejection) -> ServerError {
    let error = crate::graphql::Failure::from(rejection).into_error();
    ServerError { source: error.source, extensions: error.extensions, ..ServerError::new(error.message, None) }
}

fn set_code(error: &mut ServerError, code: &'static str) {
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", Value::from(code));
}
