//! The pages that links of letters open, for installations that have no frontend of their own for them: they send the token of the link to
//! the API, when its reader says so. A token stands behind the `#`, where no server, log or mail scanner gets to see it.

use axum::{
    Router,
    http::header,
    response::{Html, IntoResponse},
    routing::get,
};

/// Nothing but our own script; who opens a page is nobody's business.
const HEADERS: [(header::HeaderName, &str); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-cache"),
];

/// `/account/verify-email` and so on.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut router = Router::new().route("/account/page.js", get(script));
    for page in ["verify-email", "reset-password", "accept-invitation", "join-clinic", "sign-in"] {
        router = router.route(&format!("/account/{page}"), get(show));
    }
    router
}

async fn show() -> impl IntoResponse {
    (HEADERS, Html(include_str!("account_page.html")))
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), HEADERS[2].clone()], include_str!("account_page.js"))
}
