//! How third parties describe themselves.

use anyhow::{Context, Result};
use openidconnect::{HttpRequest, HttpResponse, IssuerUrl, core::CoreProviderMetadata, http};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Mutex, time::timeout};

/// How long a third party may take to answer, and how much.
pub const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_ANSWER: usize = 1024 * 1024;
/// How long what a third party says of itself is believed, its keys among it.
pub const BELIEVED: Duration = Duration::from_mins(10);
/// For how long a third party is not asked again to describe itself.
pub const REST: Duration = Duration::from_secs(10);

/// What a third party says of itself.
#[derive(Debug)]
pub struct Description {
    issuer: IssuerUrl,
    http: reqwest::Client,
    described: Mutex<Described>,
}

/// What it has said.
#[derive(Debug, Default)]
struct Described {
    known: Option<(Arc<CoreProviderMetadata>, Instant)>,
    /// When it was asked in vain, or is being asked while there is an older answer.
    asked_at: Option<Instant>,
}

/// A third party has given no answer that could be read.
#[derive(Debug, thiserror::Error)]
#[error("no answer that could be read")]
pub struct Unanswered;

impl Description {
    /// Of the third party with this address.
    pub fn new(issuer: IssuerUrl, http: reqwest::Client) -> Self {
        Self { issuer, http, described: Mutex::default() }
    }

    /// The address of the third party.
    pub fn issuer(&self) -> &IssuerUrl {
        &self.issuer
    }

    /// What the third party says of itself, read at most `believed` ago; what it said before while it cannot be asked. Only those wait for its answer
    /// who have none.
    ///
    /// # Errors
    /// Where it does not answer, and never has.
    pub async fn read(&self, believed: Duration) -> Result<Arc<CoreProviderMetadata>> {
        let mut described = self.described.lock().await;
        let known = described.known.as_ref().map(|(known, _)| Arc::clone(known));
        let is_fresh = described.known.as_ref().is_some_and(|(_, read_at)| read_at.elapsed() < believed);
        if is_fresh || described.asked_at.is_some_and(|asked_at| asked_at.elapsed() < REST) {
            return known.context("the provider did not describe itself a moment ago");
        }
        let waiting = if known.is_none() {
            Some(described)
        } else {
            described.asked_at = Some(Instant::now());
            drop(described);
            None
        };
        let http = |request| fetch(self.http.clone(), request);
        let fresh = timeout(PATIENCE, CoreProviderMetadata::discover_async(self.issuer.clone(), &http)).await;
        let mut described = match waiting {
            Some(described) => described,
            None => self.described.lock().await,
        };
        let Ok(Ok(fresh)) = fresh else {
            described.asked_at = Some(Instant::now());
            return known.context("the provider does not describe itself");
        };
        let fresh = Arc::new(fresh);
        *described = Described { known: Some((Arc::clone(&fresh), Instant::now())), asked_at: None };
        Ok(fresh)
    }
}

/// Asks a third party something.
pub async fn fetch(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
    let request = reqwest::Request::try_from(request).map_err(|_| Unanswered)?;
    let mut answer = client.execute(request).await.map_err(|_| Unanswered)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| Unanswered)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Unanswered);
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = http::Response::new(body);
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
    use serde_json::json;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// A third party that can be told to be out of order.
    #[derive(Default)]
    struct Party {
        is_out_of_order: AtomicBool,
        asked: AtomicUsize,
    }

    async fn party() -> (Arc<Party>, Description) {
        let party = Arc::<Party>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let document = json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/in"), "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        let describe = move |State(party): State<Arc<Party>>| async move {
            party.asked.fetch_add(1, Ordering::Relaxed);
            let is_out_of_order = party.is_out_of_order.load(Ordering::Relaxed);
            if is_out_of_order { StatusCode::BAD_GATEWAY.into_response() } else { Json(document).into_response() }
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(async || Json(json!({ "keys": [] }))))
            .with_state(Arc::clone(&party));
        tokio::spawn(async { axum::serve(listener, router).await });
        (party, Description::new(IssuerUrl::new(issuer).unwrap(), reqwest::Client::new()))
    }

    #[tokio::test]
    async fn what_a_third_party_said_is_used_while_it_cannot_be_asked_and_it_is_left_alone_for_a_while() {
        let (party, description) = party().await;
        let describes = async || description.read(Duration::ZERO).await.is_ok();
        assert!(describes().await && describes().await);
        assert_eq!(party.asked.load(Ordering::Relaxed), 2);
        party.is_out_of_order.store(true, Ordering::Relaxed);
        for _ in 0..3 {
            assert!(describes().await);
        }
        assert_eq!(party.asked.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_third_party_that_could_not_describe_itself_is_left_alone_for_a_while() {
        let (party, description) = party().await;
        party.is_out_of_order.store(true, Ordering::Relaxed);
        for _ in 0..3 {
            assert!(description.read(BELIEVED).await.is_err());
        }
        assert_eq!(party.asked.load(Ordering::Relaxed), 1);
        description.described.lock().await.asked_at = Instant::now().checked_sub(REST);
        party.is_out_of_order.store(false, Ordering::Relaxed);
        assert!(description.read(BELIEVED).await.is_ok());
    }
}
