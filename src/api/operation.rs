//! One door for every operation, whatever it comes over.

use super::{allowance::Allowance, document, lifetime::Lifetime, live::Live, reader::Reader};
use crate::{
    accounts::OpenId,
    config::{Limits, ProxyHeader},
    documents::{Documents, digest},
    graphql::{Began, Caller, Loaders, MedislotSchema, Phase, Pricing, Services, reveal},
    infra::{db::count_statements, mail::Captured},
    kernel::{
        client::Principal,
        clock::Clock,
        rejection::{Internal, Rejection},
        viewer::Viewer,
    },
};
use async_graphql::{
    ErrorExtensionValues, Request, Response, ServerError, Value, Variables,
    parser::types::{ExecutableDocument, OperationType},
};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use std::{sync::Arc, time::Duration};
use tracing::Instrument;

/// What the edge works with.
#[derive(Clone)]
pub struct Api {
    /// The schema.
    pub schema: MedislotSchema,
    /// What operations cost.
    pub pricing: Pricing,
    /// What every principal may have.
    pub allowance: Arc<Allowance>,
    /// Reads documents.
    pub reader: Arc<Reader>,
    /// The services behind it.
    pub services: Services,
    /// The documents that clients may ask for by their id.
    pub documents: Arc<Documents>,
    /// Whether other documents are refused.
    pub only_registered: bool,
    /// The subscriptions that are running.
    pub live: Arc<Live>,
    /// All ceilings.
    pub limits: Limits,
    /// Whether the schema may be asked for its own description.
    pub introspection: bool,
    /// The third parties that people may come in by.
    pub openid: Arc<OpenId>,
    /// The address by which browsers reach this server.
    pub public_url: Arc<str>,
    /// Where the frontend is.
    pub link_url: Arc<str>,
    /// What would have been sent; kept in development.
    pub captured: Option<Captured>,
    /// Whether this is a development installation.
    pub development: bool,
    /// The web origins whose pages may use the API; any where none is named, in development.
    pub allowed_origins: Arc<[String]>,
    /// How many proxies are believed.
    pub trusted_proxies: usize,
    /// Where they tell who has connected to them.
    pub proxy_header: ProxyHeader,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How the process ends.
    pub lifetime: Lifetime,
}

/// How many bytes of a request, of a document, or of the values of its variables, are looked over for what a field costs.
const BYTES_FOR_ONE: usize = 64;

/// What looking over so many bytes costs.
pub fn cost_of_looking(bytes: usize) -> usize {
    1 + bytes / BYTES_FOR_ONE
}

/// What a client asks for.
#[derive(Debug, Default)]
pub struct Asked {
    /// The document.
    pub query: Option<String>,
    /// What a registered document is called.
    pub document_id: Option<String>,
    /// Which of its operations.
    pub operation_name: Option<String>,
    /// The values of its variables.
    pub variables: Variables,
    /// Whether the client wants to know what it costs.
    pub wants_cost: bool,
}

/// An operation that may run.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its text.
    pub query: Arc<str>,
    /// Which operation of it.
    pub name: Option<String>,
    /// The values of its variables.
    pub variables: Variables,
    /// Its text, parsed.
    pub document: Arc<ExecutableDocument>,
    /// What it is.
    pub kind: OperationType,
    /// What it costs.
    pub cost: usize,
    /// Whether the answer tells what it costs.
    pub wants_cost: bool,
}

impl Api {
    /// Who is asking, by the value of an `Authorization` header, and until when that is proven.
    ///
    /// # Errors
    /// `Unauthenticated` where it proves nothing.
    pub async fn authenticate(&self, authorization: &str) -> Result<(Viewer, DateTime<Utc>), Rejection> {
        let token = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, token) = token.ok_or_else(|| {
            tracing::info!("refused an authorization without a token");
            Rejection::Unauthenticated
        })?;
        self.services.accounts.authenticate(token.trim()).await
    }

    /// Looks a request over, and takes what it costs from the budget of its principal, but for what was paid for reading it. Nothing has run when
    /// it is refused.
    ///
    /// # Errors
    /// What the client is told.
    pub async fn admit(
        &self,
        asked: Asked,
        (principal, paid): (Principal, usize),
        request_id: &str,
    ) -> Result<Operation, Vec<ServerError>> {
        let admitted = self.look_over(asked, principal, paid).await;
        admitted.map_err(|errors| reveal(Response::from_errors(errors), request_id).errors)
    }

    async fn look_over(&self, asked: Asked, principal: Principal, paid: usize) -> Result<Operation, Vec<ServerError>> {
        // Looking is work too: it is paid first, so that what is refused is not free.
        let text = [&asked.query, &asked.document_id].into_iter().flatten().map(String::len).sum::<usize>();
        let variables = serde_json::to_string(&asked.variables).unwrap_or_default().len();
        let looking = cost_of_looking(text + variables).max(paid);
        self.allowance.spend(principal, looking - paid).await.map_err(|error| vec![error])?;
        let mut operation = self.parse(asked).await.map_err(|error| vec![*error])?;
        operation.cost = self.pricing.price(Self::bare(&operation)).await?;
        let rest = operation.cost.saturating_sub(looking);
        self.allowance.spend(principal, rest).await.map_err(|error| vec![error])?;
        Ok(operation)
    }

    /// What is asked for, if its text and its document are small enough.
    async fn parse(&self, asked: Asked) -> Result<Operation, Box<ServerError>> {
        let query = self.text(&asked).await?;
        let mut document = self.reader.read(&query)?;
        let Asked { operation_name, mut variables, wants_cost, .. } = asked;
        let kind = document::check(&document, operation_name.as_deref(), &variables)?;
        // Others would be kept for as long as a subscription lives, and make it one of its own.
        variables.retain(|variable, _| document::declares(&document, operation_name.as_deref(), variable));
        if kind == OperationType::Subscription {
            document::unwrap_root(Arc::make_mut(&mut document), operation_name.as_deref());
        }
        Ok(Operation { query, name: operation_name, variables, document, kind, cost: 0, wants_cost })
    }

    /// The document that is asked for, by itself or by its id.
    async fn text(&self, asked: &Asked) -> Result<Arc<str>, Box<ServerError>> {
        let refuse = |code, message| Err(Box::new(refused(code, message)));
        let id = match (&asked.query, &asked.document_id) {
            (Some(query), None) if !self.only_registered => return Ok(query.as_str().into()),
            (Some(query), None) => digest(query),
            (None, Some(id)) => id.clone(),
            (Some(_), Some(_)) => return refuse("BAD_USER_INPUT", "Send either `query` or `documentId`."),
            (None, None) => return refuse("BAD_USER_INPUT", "Send `query` or `documentId`."),
        };
        match self.documents.find(&id).await {
            Ok(Some(text)) => Ok(text),
            Ok(None) if asked.query.is_some() => {
                refuse("PERSISTED_QUERY_NOT_FOUND", "This server takes only documents that are registered.")
            }
            Ok(None) => refuse("PERSISTED_QUERY_NOT_FOUND", "There is no document with this id."),
            Err(rejection) => Err(Box::new(server_error(rejection))),
        }
    }

    /// Runs a query or a mutation.
    pub async fn execute(&self, operation: Operation, caller: Caller, request_id: &str) -> Response {
        let kind = operation.kind;
        let span = tracing::info_span!("operation", request.id = request_id);
        let run = async {
            let _turn = match self.allowance.request(caller.principal()) {
                Ok(turn) => turn,
                Err(error) => return Response::from_errors(vec![error]),
            };
            let request = self.request(&operation, &caller);
            let patience = Duration::from_secs(self.limits.operation_seconds);
            let (response, statements) =
                count_statements(tokio::time::timeout(patience, self.schema.execute(request))).await;
            let mut response = response.unwrap_or_else(|_| {
                let cause = Internal::new("an operation took too long");
                Response::from_errors(vec![server_error(Rejection::Unavailable(cause))])
            });
            if let Err(rejection) = caller.write_down(&self.services.audit).await {
                response = Response::from_errors(vec![server_error(rejection)]);
            }
            if operation.wants_cost {
                response = response.extension("cost", Value::from(operation.cost));
            }
            tracing::debug!(%kind, statements, errors = response.errors.len(), "answered");
            reveal(response, request_id)
        };
        run.instrument(span).await
    }

    /// Runs a subscription for one phase; nothing where it has nothing to say.
    pub async fn run_phase(
        &self,
        operation: &Operation,
        caller: &Caller,
        phase: Phase,
        request_id: &str,
    ) -> Option<Response> {
        let request = self.request(operation, caller).data(phase);
        let mut answers = self.schema.execute_stream(request);
        let patience = Duration::from_secs(self.limits.operation_seconds);
        let answer = tokio::time::timeout(patience, answers.next()).await.unwrap_or_else(|_| {
            let cause = Internal::new("an answer took too long");
            Some(Response::from_errors(vec![server_error(Rejection::Unavailable(cause))]))
        });
        let written = caller.write_down(&self.services.audit).await;
        let answer = match written {
            Ok(()) => answer,
            Err(rejection) => Some(Response::from_errors(vec![server_error(rejection)])),
        };
        answer.map(|answer| reveal(answer, request_id))
    }

    /// An operation for the library.
    fn bare(operation: &Operation) -> Request {
        let mut request = Request::new(&*operation.query).variables(operation.variables.clone());
        request.operation_name.clone_from(&operation.name);
        request.set_parsed_query(ExecutableDocument::clone(&operation.document));
        request
    }

    fn request(&self, operation: &Operation, caller: &Caller) -> Request {
        let request = Self::bare(operation);
        let request = if self.introspection { request } else { request.disable_introspection() };
        let loaders = Loaders::new(&self.services, caller);
        let began = Began(self.services.availability.cursor());
        request.data(self.services.clone()).data(loaders).data(caller.clone()).data(began)
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

/// Sets the code that a client goes by.
pub fn set_code(error: &mut ServerError, code: &'static str) {
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", Value::from(code));
}
