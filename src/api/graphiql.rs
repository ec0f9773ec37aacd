//! GraphiQL: a page to explore the API with, served from within the program.

use axum::{
    Router,
    extract::Path,
    http::{HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};

// ASSETS: what GraphiQL is made of, in the order in which the page loads it.
include!(concat!(env!("OUT_DIR"), "/graphiql_assets.rs"));

/// What is ours of the page.
const SOURCES: [(&str, &str); 5] = [
    ("examples.js", include_str!("../../graphiql/examples.js")),
    ("graphql.js", include_str!("../../graphiql/graphql.js")),
    ("page.css", include_str!("../../graphiql/page.css")),
    ("page.js", include_str!("../../graphiql/page.js")),
    ("session.js", include_str!("../../graphiql/session.js")),
];

/// A file of a package that GraphiQL is made of.
struct Asset {
    file: &'static str,
    /// Where a CDN has the same file.
    address: &'static str,
    integrity: &'static str,
    /// None where the program was built without npm.
    content: Option<&'static [u8]>,
}

/// The page at `/`, with its files; in development it offers the demo accounts.
pub fn routes<S: Clone + Send + Sync + 'static>(development: bool) -> Router<S> {
    let page = page(development);
    let headers = [
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::CONTENT_SECURITY_POLICY, content_security_policy()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Router::new()
        .route("/", get(async move || (headers, Html(page))))
        .route("/graphiql/{file}", get(async |Path(file): Path<String>| serve(&file)))
}

fn page(development: bool) -> String {
    include_str!("../../graphiql/index.html")
        .replace("{assets}", &ASSETS.each_ref().map(tag).join("\n    "))
        .replace("{settings}", &serde_json::json!({ "development": development }).to_string())
}

fn tag(asset: &Asset) -> String {
    let Asset { file, address, integrity, content } = asset;
    let source = match content {
        Some(_) => format!(r#""/graphiql/{file}""#),
        None => format!(r#""{address}" integrity="{integrity}" crossorigin="anonymous""#),
    };
    if is_style(file) {
        format!(r#"<link rel="stylesheet" href={source}>"#)
    } else {
        format!("<script defer src={source}></script>")
    }
}

/// As tight as GraphiQL allows: it writes style elements at run time, and brings its fonts and pictures as data.
fn content_security_policy() -> String {
    let scripts = sources(&["'self'"], |file| !is_style(file));
    let styles = sources(&["'self'", "'unsafe-inline'"], is_style);
    format!(
        "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; font-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Our own, and the files that come from the CDN: each by its full address, since a CDN has everybody's files.
fn sources(own: &[&'static str], wanted: impl Fn(&str) -> bool) -> String {
    let foreign = ASSETS.iter().filter(|asset| asset.content.is_none() && wanted(asset.file));
    own.iter().copied().chain(foreign.map(|asset| asset.address)).collect::<Vec<_>>().join(" ")
}

fn serve(file: &str) -> Response {
    if let Some((_, text)) = SOURCES.iter().find(|(name, _)| *name == file) {
        return (headers(file, "no-cache"), *text).into_response();
    }
    match ASSETS.iter().find(|asset| asset.file == file).and_then(|asset| asset.content) {
        Some(content) => (headers(file, "public, max-age=31536000, immutable"), content).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn headers(file: &str, caching: &'static str) -> [(HeaderName, &'static str); 3] {
    let content_type = if is_style(file) { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
    [
        (header::CACHE_CONTROL, caching),
        (header::CONTENT_TYPE, content_type),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
}

fn is_style(file: &str) -> bool {
    file.rsplit('.').next() == Some("css")
}

#[cfg(test)]
mod tests {
    use super::ASSETS;
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use sha2::{Digest, Sha384};

    #[test]
    fn what_is_embedded_is_what_the_cdn_serves() {
        for asset in &ASSETS {
            let Some(content) = asset.content else { continue };
            let found = format!("sha384-{}", STANDARD.encode(Sha384::digest(content)));
            assert_eq!(found, asset.integrity, "{}", asset.file);
        }
    }
}
