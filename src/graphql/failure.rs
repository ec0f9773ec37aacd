//! The only way of an error to a client.

use super::scalars::FORMATS;
use crate::kernel::rejection::{Internal, Rejection};
use async_graphql::{ErrorExtensionValues, Response, ServerError};
use std::sync::Arc;

/// An error for the program at the other end. Made of a [`Rejection`] and of nothing else, so that no driver's words, path or name of a
/// person can be in it. Not `Display`: the library would take that for permission to show it.
#[derive(Clone, Debug)]
pub struct Failure(Rejection);

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self(rejection)
    }
}

impl From<Internal> for Failure {
    fn from(internal: Internal) -> Self {
        Self(internal.into())
    }
}

impl Failure {
    /// The library's error for it.
    #[must_use]
    pub fn into_error(self) -> async_graphql::Error {
        let (code, message) = describe(&self.0);
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", code);
        async_graphql::Error { message, source: Some(Arc::new(self.0)), extensions: Some(extensions) }
    }
}

impl From<Failure> for async_graphql::Error {
    fn from(failure: Failure) -> Self {
        failure.into_error()
    }
}

fn describe(rejection: &Rejection) -> (&'static str, String) {
    let (code, message) = match rejection {
        Rejection::Unauthenticated => ("UNAUTHENTICATED", "Sign in first."),
        Rejection::Forbidden => ("FORBIDDEN", "This is not yours to do."),
        Rejection::NotFound => ("NOT_FOUND", "There is nothing with this ID."),
        Rejection::BadInput(message) => return ("BAD_USER_INPUT", message.to_string()),
        Rejection::ResumeRequired => ("RESUME_REQUIRED", "Events came faster than they were taken: subscribe again."),
        Rejection::CursorExpired => {
            ("CURSOR_EXPIRED", "The log of changes does not go back so far: ask for the present state again.")
        }
        Rejection::Unavailable(_) => ("UNAVAILABLE", "Something that this needs does not answer. Try again."),
        Rejection::Internal(_) => ("INTERNAL", "Something went wrong on our side."),
        Rejection::Refused(refusals) => {
            let messages: Vec<_> = refusals.iter().map(|refusal| refusal.message.as_ref()).collect();
            return ("BAD_USER_INPUT", messages.join(" "));
        }
    };
    (code, message.to_owned())
}

/// Makes a response fit for the client: errors of the library are the caller's, our own are logged with the id that the client is told.
pub fn reveal(mut response: Response, request_id: &str) -> Response {
    if response.errors.iter().any(|error| error.message.starts_with(REFUSED_VALUE)) {
        // The library stumbles over such a value again when it estimates the cost.
        response.errors.retain(|error| !error.path.is_empty() || !error.message.starts_with("Failed to parse"));
    }
    for error in &mut response.errors {
        explain(error, request_id);
        reveal_error(error, request_id);
    }
    response
}

const REFUSED_VALUE: &str = "Invalid value for argument";

/// The library says which scalar refused a value, but not what it would have taken.
fn explain(error: &mut ServerError, request_id: &str) {
    if !error.message.starts_with(REFUSED_VALUE) {
        return;
    }
    let expected = FORMATS.iter().find(|(scalar, _)| error.message.contains(&format!("expected type \"{scalar}\"")));
    if let Some((scalar, format)) = expected {
        tracing::info!(request.id = request_id, scalar, "refused a value");
        error.message = format!("{}: {format}", error.message);
    }
}

fn reveal_error(error: &mut ServerError, request_id: &str) {
    let rejection = error.source.take().and_then(|source| source.downcast::<Rejection>().ok());
    let extensions = error.extensions.get_or_insert_default();
    match rejection.as_deref() {
        Some(Rejection::Internal(cause)) => {
            tracing::error!(request.id = request_id, %cause, "internal error");
            extensions.set("requestId", request_id);
        }
        Some(Rejection::Unavailable(cause)) => {
            tracing::warn!(request.id = request_id, %cause, "unavailable");
            extensions.set("requestId", request_id);
        }
        Some(_) => {}
        // The library's own: parsing, validation, what a scalar refuses.
        None => {
            if extensions.get("code").is_none() {
                let code = if error.message.contains("too complex") || error.message.contains("too deep") {
                    "QUERY_TOO_COMPLEX"
                } else {
                    "BAD_USER_INPUT"
                };
                extensions.set("code", code);
            }
        }
    }
}
