//! The way to a third party and back (OpenID Connect). What belongs together is kept in a cookie for these pages alone; whoever comes back
//! is sent on to the frontend with a code for `loginWithCode`.

use super::{
    address::{self, Address},
    allowance::retry_after,
    operation::Api,
};
use crate::{
    accounts::{Arrival, Return, Secrets, Turned},
    kernel::client::{Client, Principal},
};
use axum::{
    Extension, Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::sync::Arc;

const COOKIE: &str = "medislot-sign-in";
/// How long somebody may be away, in seconds.
const AWAY: u32 = 600;

/// What one step on the way costs: a third party may have to be asked.
const STEP: usize = 1_000;

/// `/auth/{provider}` and `/auth/{provider}/callback`, which are paid from the budget of the visitors at an address.
pub fn routes(api: &Arc<Api>) -> Router<Arc<Api>> {
    Router::new()
        .route("/auth/{provider}", get(depart))
        .route("/auth/{provider}/callback", get(come_back))
        .route_layer(middleware::from_fn_with_state(Arc::clone(api), pay))
        .route_layer(middleware::from_fn_with_state(Arc::clone(api), address::note))
}

async fn pay(
    State(api): State<Arc<Api>>,
    Extension(Address(address)): Extension<Address>,
    request: Request,
    next: Next,
) -> Response {
    let visitors = Principal::Visitors(address);
    let mut response = match api.allowance.spend(visitors, STEP).await {
        Ok(()) => next.run(request).await,
        Err(error) => {
            let retry_after = retry_after(&[error]).map(|seconds| [(header::RETRY_AFTER, seconds)]);
            (StatusCode::TOO_MANY_REQUESTS, retry_after, "That is too much at once. Try again.\n").into_response()
        }
    };
    api.allowance.tell(visitors, response.headers_mut()).await;
    response
}

async fn depart(State(api): State<Arc<Api>>, Path(provider): Path<String>) -> Response {
    if !api.openid.knows(&provider) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match api.openid.departure(&provider).await {
        Ok((url, secrets)) => {
            let Secrets { state, nonce, verifier } = secrets;
            go(&url, &cookie(&api, &format!("{state}.{nonce}.{verifier}"), AWAY))
        }
        Err(error) => {
            tracing::warn!(provider, %error, "the way to a provider is closed");
            (StatusCode::BAD_GATEWAY, "The provider does not answer. Try again.\n").into_response()
        }
    }
}

/// What a third party sends back with the user.
#[derive(Deserialize)]
struct Parameters {
    code: Option<String>,
    state: Option<String>,
}

async fn come_back(
    State(api): State<Arc<Api>>,
    Path(provider): Path<String>,
    Query(parameters): Query<Parameters>,
    Extension(Address(address)): Extension<Address>,
    headers: HeaderMap,
) -> Response {
    if !api.openid.knows(&provider) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let arrival = match kept(&headers) {
        // Whoever comes back with another state was sent by somebody else.
        Some(secrets) if parameters.state.as_ref() == Some(&secrets.state) => match parameters.code {
            Some(code) => {
                let back = Return { code: SecretString::from(code), secrets };
                let client = Client { device: None, address: Some(address) };
                api.services.accounts.arrive(&api.openid, &provider, back, &client).await
            }
            None => Ok(Arrival::Turned(Turned::Unproven)),
        },
        _ => Ok(Arrival::Turned(Turned::Unproven)),
    };
    // Behind the #, where browsers tell it to no server.
    let result = match arrival {
        Ok(Arrival::Welcome(code)) => format!("code={}", code.expose_secret()),
        Ok(Arrival::Turned(turned)) => {
            tracing::info!(provider, code = turned.code(), "somebody who came back from a provider was turned away");
            format!("error={}", turned.code())
        }
        Err(error) => {
            tracing::error!(provider, %error, "somebody came back from a provider in vain");
            "error=UNAVAILABLE".to_owned()
        }
    };
    let page = format!("{}/account/sign-in#{result}", api.link_url);
    go(&page, &cookie(&api, "", 0))
}

fn go(url: &str, cookie: &str) -> Response {
    let headers = [
        (header::LOCATION, url),
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn cookie(api: &Api, value: &str, seconds: u32) -> String {
    let secure = if api.public_url.starts_with("https://") { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/auth; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// What the browser has kept.
fn kept(headers: &HeaderMap) -> Option<Secrets> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut cookies = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    let (_, value) = cookies.find(|(name, _)| *name == COOKIE)?;
    let mut parts = value.split('.').map(str::to_owned);
    let secrets = Secrets { state: parts.next()?, nonce: parts.next()?, verifier: parts.next()? };
    let is_whole = parts.next().is_none() && secrets.verifier.len() >= 43;
    is_whole.then_some(secrets)
}
