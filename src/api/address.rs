//! Where a request comes from: the other end of the connection, or what the proxies that are trusted say of it.

use super::operation::Api;
use crate::config::ProxyHeader;
use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, header},
    middleware::Next,
    response::Response,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

/// The address that a request comes from, as far as its budget is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Address(pub IpAddr);

/// Notes the address of each request.
pub async fn note(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let peer = peer.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let address = client(peer, request.headers(), api.trusted_proxies, api.proxy_header);
    request.extensions_mut().insert(Address(household(address)));
    next.run(request).await
}

/// The client behind `proxies` trusted ones, each of which has written down behind what it was told who had connected to it. What stands further
/// in front the client may have made up.
fn client(peer: IpAddr, headers: &HeaderMap, proxies: usize, header: ProxyHeader) -> IpAddr {
    let mut client = peer;
    for told in told(headers, header).into_iter().rev().take(proxies) {
        match told {
            Some(address) => client = address,
            // Whoever does not tell is the last that is known.
            None => break,
        }
    }
    client
}

/// What proxies have told, the last of them last.
fn told(headers: &HeaderMap, header: ProxyHeader) -> Vec<Option<IpAddr>> {
    let name = match header {
        ProxyHeader::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
        ProxyHeader::Forwarded => header::FORWARDED,
    };
    let elements = headers.get_all(name).iter().flat_map(|value| value.to_str().unwrap_or_default().split(','));
    let address = |element: &str| match header {
        ProxyHeader::XForwardedFor => parse(element),
        ProxyHeader::Forwarded => element.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then(|| parse(value)).flatten()
        }),
    };
    elements.map(address).collect()
}

/// An address as proxies write it: bare, in quotes, with a port, an IPv6 one in brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.parse().ok();
    let bracketed = || text.strip_prefix('[')?.split_once(']')?.0.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.or_else(bracketed).or_else(with_port)
}

/// Of IPv6 a household has 64 bits to choose from: they count as one.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(proxies: usize, header: ProxyHeader, lines: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(name, value.parse().unwrap());
        }
        client("10.0.0.1".parse().unwrap(), &headers, proxies, header).to_string()
    }

    #[test]
    fn only_what_trusted_proxies_have_added_is_believed() {
        use ProxyHeader::{Forwarded, XForwardedFor};
        let spoofed = &["x-forwarded-for: 6.6.6.6, 203.0.113.7", "x-forwarded-for: 10.0.0.2"];
        assert_eq!(behind(0, XForwardedFor, spoofed), "10.0.0.1");
        assert_eq!(behind(1, XForwardedFor, spoofed), "10.0.0.2");
        assert_eq!(behind(2, XForwardedFor, spoofed), "203.0.113.7");
        assert_eq!(behind(1, Forwarded, spoofed), "10.0.0.1");
        assert_eq!(behind(1, XForwardedFor, &["forwarded: for=6.6.6.6"]), "10.0.0.1");
        assert_eq!(behind(2, XForwardedFor, &["x-forwarded-for: 203.0.113.7"]), "203.0.113.7");
        assert_eq!(behind(2, XForwardedFor, &["x-forwarded-for: 6.6.6.6, unknown, 10.0.0.2"]), "10.0.0.2");
        let by_rfc = &["forwarded: for=6.6.6.6, for=\"[2001:db8::1]:4711\";proto=https, For=10.0.0.2:80;by=10.0.0.3"];
        assert_eq!(behind(1, Forwarded, by_rfc), "10.0.0.2");
        assert_eq!(behind(2, Forwarded, by_rfc), "2001:db8::1");
    }

    #[test]
    fn addresses_of_one_household_are_one() {
        let of = |text: &str| household(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:203.0.113.7"), "203.0.113.7");
    }
}
