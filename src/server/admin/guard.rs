//! Admits tools on this machine, and rejects proxied requests and web pages.
//!
//! The port has no credentials. The guarded routes answer loopback clients only, also if the port listens on other
//! addresses for probes. Requests through a proxy on this machine are rejected: they come over loopback but from anywhere.
//! Proxies add headers that show it, and Istio's sidecar connects from 127.0.0.6; tools connect from 127.0.0.1 or ::1. A
//! web page cannot reach these routes through a browser on this machine either: after DNS rebinding, `Host` has the page's
//! domain, and a page's requests have `Origin`.

use super::answer::Refusal;
use crate::transport::ConnectionInfo;
use axum::extract::Request;
use axum::http::header::{FORWARDED, HOST, ORIGIN, VIA};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// What the headers begin with that proxies add: any HTTP proxy, Envoy with Istio, Linkerd.
const OF_PROXIES: [&str; 6] = ["x-forwarded-", "x-envoy-", "x-istio-", "x-real-ip", "x-client-ip", "l5d-"];

/// Lets a request through, or refuses it.
pub(super) async fn tools_on_this_machine(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Arc<ConnectionInfo>>().map(|connection| connection.peer.addr.ip());
    match judge(peer, request.uri().authority(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(why) => Refusal::new(StatusCode::FORBIDDEN, "forbidden", why).into_response(),
    }
}

/// `authority` is the one of the request's target: HTTP/2 has it there, often with no `Host` beside it (RFC 9113, section 8.3.1).
fn judge(peer: Option<IpAddr>, authority: Option<&Authority>, headers: &HeaderMap) -> Result<(), &'static str> {
    let of_tools = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    if !peer.is_some_and(|peer| of_tools.contains(&peer.to_canonical())) {
        return Err("this is answered to the machine that gridgate runs on only");
    }
    if headers.keys().any(is_of_a_proxy) {
        return Err("this is not answered through a proxy");
    }
    if headers.contains_key(ORIGIN) {
        return Err("this is not for web pages");
    }
    let hosts: Vec<_> = headers.get_all(HOST).iter().collect();
    let in_header = match hosts.as_slice() {
        [] => None,
        [host] => Some(host.to_str().is_ok_and(is_no_name)),
        [..] => Some(false),
    };
    let in_target = authority.map(|authority| is_no_name(authority.as_str()));
    // Each that is there has to be right, and one has to be there.
    match (in_header, in_target) {
        (Some(true), Some(true) | None) | (None, Some(true)) => Ok(()),
        (Some(false) | None, _) | (_, Some(false)) => Err("the Host header has to be an IP address or localhost"),
    }
}

fn is_of_a_proxy(name: &HeaderName) -> bool {
    name == FORWARDED || name == VIA || OF_PROXIES.iter().any(|beginning| name.as_str().starts_with(beginning))
}

/// Whether it is an address, or the one name that always means this machine; a port may follow.
fn is_no_name(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    !authority.as_str().contains('@') && (host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn judged(peer: &str, headers: &[(HeaderName, &'static str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        headers.for_each(|(name, value)| {
            map.append(name, value);
        });
        judge(Some(peer.parse().unwrap()), None, &map).is_ok()
    }

    #[test]
    fn the_target_of_a_request_counts_as_its_host() {
        let judged = |target: &str, host: Option<&'static str>| {
            let headers = host.map(|host| (HOST, HeaderValue::from_static(host)));
            let target: Authority = target.parse().unwrap();
            judge(Some("127.0.0.1".parse().unwrap()), Some(&target), &HeaderMap::from_iter(headers)).is_ok()
        };
        assert!(judged("localhost:9090", None));
        assert!(judged("[::1]:9090", Some("127.0.0.1:9090")));
        assert!(!judged("evil.example:9090", None));
        assert!(!judged("evil.example:9090", Some("localhost:9090")));
        assert!(!judged("localhost:9090", Some("evil.example")));
    }

    #[test]
    fn tools_on_this_machine_are_let_in() {
        for host in ["127.0.0.1:9090", "localhost", "LOCALHOST:9090", "[::1]:9090", "10.0.0.1:9090"] {
            assert!(judged("127.0.0.1", &[(HOST, host)]), "{host}");
        }
        for peer in ["::1", "::ffff:127.0.0.1"] {
            assert!(judged(peer, &[(HOST, "127.0.0.1")]), "{peer}");
        }
    }

    #[test]
    fn others_are_not() {
        for host in ["evil.example:9090", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1@evil.example"]
        {
            assert!(!judged("127.0.0.1", &[(HOST, host)]), "{host}");
        }
        for host in ["evil@127.0.0.1", "", "127.0.0.1, evil.example", "[::1"] {
            assert!(!judged("127.0.0.1", &[(HOST, host)]), "{host}");
        }
        assert!(!judged("127.0.0.1", &[]));
        assert!(!judged("127.0.0.1", &[(HOST, "127.0.0.1"), (HOST, "evil.example")]));
        assert!(!judged("127.0.0.1", &[(HOST, "127.0.0.1"), (ORIGIN, "http://127.0.0.1:9090")]));
        assert!(!judged("127.0.0.1", &[(HOST, "127.0.0.1"), (ORIGIN, "null")]));
        for peer in ["10.0.0.1", "127.0.0.6", "127.1.2.3", "::ffff:127.0.0.6", "::2"] {
            assert!(!judged(peer, &[(HOST, "127.0.0.1")]), "{peer}");
        }
        for name in
            ["x-forwarded-for", "x-forwarded-client-cert", "forwarded", "via", "x-envoy-attempt-count", "l5d-client-id"]
        {
            assert!(!judged("127.0.0.1", &[(HOST, "127.0.0.1"), (HeaderName::from_static(name), "")]), "{name}");
        }
        assert!(judge(None, None, &HeaderMap::from_iter([(HOST, HeaderValue::from_static("127.0.0.1"))])).is_err());
    }
}
