//! Which media type a client wants, and which it sent (RFC 9110, sections 8.3 and 12.5; GraphQL over HTTP, draft).

use axum::http::{HeaderMap, header};

/// The media types of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/graphql-response+json`: the status says whether the request was well formed.
    GraphQlResponse,
    /// `application/json`: whoever accepts only this takes any status but 200 for a broken connection.
    Json,
    /// `text/event-stream`: a stream of answers, for those who like it better than the others.
    EventStream,
}

impl MediaType {
    /// What the answer says that it is.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::GraphQlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::EventStream => "text/event-stream",
        }
    }
}

/// The media type that the client likes best of those that we have; nothing where it accepts none of them.
pub fn accepted(headers: &HeaderMap) -> Option<MediaType> {
    let values: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let ranges = values.iter().flat_map(|value| value.split(',')).map(str::trim).filter(|range| !range.is_empty());
    let weighed: Vec<_> = ranges.map(weigh).collect();
    if weighed.is_empty() {
        return Some(MediaType::Json);
    }
    let weight = |offered: &str, wildcards: &[&str]| {
        // The most specific range that fits decides.
        let mut fitting = std::iter::once(offered).chain(wildcards.iter().copied());
        fitting.find_map(|range| weighed.iter().find(|(name, _)| name == range)).map_or(0, |(_, weight)| *weight)
    };
    let json = weight("application/json", &["application/*", "*/*"]);
    let graphql = weight("application/graphql-response+json", &["application/*", "*/*"]);
    // Who takes anything is not served a stream.
    let stream = weight("text/event-stream", &[]);
    let names_graphql = weighed.iter().any(|(name, _)| name == "application/graphql-response+json");
    match (json, graphql) {
        (json, graphql) if stream > json.max(graphql) => Some(MediaType::EventStream),
        (0, 0) => None,
        (json, graphql) if graphql > json || (graphql == json && names_graphql) => Some(MediaType::GraphQlResponse),
        _ => Some(MediaType::Json),
    }
}

/// A media range, and how much it is liked, in thousandths.
fn weigh(range: &str) -> (String, u32) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("q"));
    let quality = quality.and_then(|(_, value)| value.trim().parse::<f32>().ok()).unwrap_or(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    let thousandths = (quality.clamp(0.0, 1.0) * 1_000.0) as u32;
    (name, thousandths)
}

/// Whether the client says that it sent JSON in UTF-8. Anything else a web page of another origin could send without being asked first.
pub fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let mut charsets =
        parts.filter_map(|part| part.split_once('=')).filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
    name.eq_ignore_ascii_case("application/json")
        && charsets.all(|(_, charset)| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, value.parse().unwrap());
        accepted(&headers)
    }

    #[test]
    fn the_client_gets_what_it_likes_best() {
        use MediaType::{GraphQlResponse, Json};
        assert_eq!(accepted(&HeaderMap::new()), Some(Json));
        assert_eq!(accept("*/*"), Some(Json));
        assert_eq!(accept("application/*"), Some(Json));
        assert_eq!(accept("application/json"), Some(Json));
        assert_eq!(accept("application/graphql-response+json"), Some(GraphQlResponse));
        assert_eq!(accept("application/graphql-response+json, application/json;q=0.9"), Some(GraphQlResponse));
        assert_eq!(accept("application/json, application/graphql-response+json;q=0.5"), Some(Json));
        assert_eq!(accept("application/graphql-response+json; charset=utf-8, */*;q=0.1"), Some(GraphQlResponse));
        let urql = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed";
        assert_eq!(accept(urql), Some(GraphQlResponse));
        assert_eq!(accept("application/json;q=0, */*"), Some(MediaType::GraphQlResponse));
        assert_eq!(accept("text/html"), None);
        assert_eq!(accept("text/event-stream"), Some(MediaType::EventStream));
        assert_eq!(accept("text/event-stream, application/json;q=0.5"), Some(MediaType::EventStream));
        assert_eq!(accept("text/event-stream;q=0"), None);
    }

    #[test]
    fn only_json_in_utf_8_is_json() {
        let sent = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            is_json(&headers)
        };
        assert!(
            sent("application/json")
                && sent("Application/JSON; charset=UTF-8")
                && sent("application/json;charset=\"utf-8\"")
        );
        assert!(!sent("text/plain") && !sent("application/json; charset=utf-16") && !sent("application/graphql"));
        assert!(!is_json(&HeaderMap::new()));
    }
}
