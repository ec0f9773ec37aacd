//! The routes.

use super::{
    account_page, address,
    allowance::{LEFT, POLICY},
    captured_mail, graphiql, health, http, keys, openid,
    operation::Api,
    trace::trace,
    websocket,
};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware,
    routing::{any, get},
};
use std::{sync::Arc, time::Duration};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
    set_header::SetResponseHeaderLayer,
    timeout::TimeoutLayer,
};

/// Everything that the server serves.
pub fn router(api: Api) -> Router {
    let patience = Duration::from_secs(api.limits.operation_seconds + 15);
    let body_limit = DefaultBodyLimit::max(api.limits.body_bytes);
    let cors = cors(&api);
    let page = graphiql::routes(api.development);
    let shows_page = api.introspection;
    let api = Arc::new(api);
    let graphql = get(websocket::get_or_upgrade)
        .post(http::post)
        .layer(middleware::from_fn_with_state(Arc::clone(&api), address::note));
    let mut router = Router::new()
        .route("/graphql", graphql)
        .route("/.well-known/jwks.json", get(keys::jwks))
        .route("/healthz", any(health::healthz))
        .route("/readyz", any(health::readyz));
    router = router.merge(account_page::routes()).merge(openid::routes(&api));
    if api.captured.is_some() {
        router = router.merge(captured_mail::routes());
    }
    if shows_page {
        router = router.merge(page);
    }
    router
        .layer(body_limit)
        .layer(cors)
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, patience))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(trace))
        .with_state(api)
}

/// Pages of the allowed origins may call the API with a bearer token. No cookies: nothing rides along.
fn cors(api: &Api) -> CorsLayer {
    let origins = if api.allowed_origins.is_empty() && api.development {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(api.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([HeaderName::from_static("x-request-id"), POLICY, LEFT, header::RETRY_AFTER])
        .max_age(Duration::from_hours(1))
}
