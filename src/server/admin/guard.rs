//! Who is let in: tools on this machine, and nobody's browser.
//!
//! The port has no credentials. What is behind this is answered to loopback only, also where the port listens on other
//! addresses for probes. A web page cannot use the browser of somebody on this machine to get here either: a name that
//! was made to point at this machine (DNS rebinding) shows in `Host`, and a page's requests say where they come from.

use super::answer::Refusal;
use crate::transport::Peer;
use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::IpAddr;

/// Lets a request through, or refuses it.
pub(super) async fn tools_on_this_machine(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.addr.ip());
    match judge(peer, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(why) => Refusal::new(StatusCode::FORBIDDEN, "forbidden", why).into_response(),
    }
}

fn judge(peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), &'static str> {
    if !peer.is_some_and(|peer| peer.to_canonical().is_loopback()) {
        return Err("this is answered to the machine that gridgate runs on only");
    }
    if headers.contains_key(ORIGIN) {
        return Err("this is not for web pages");
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) {
        (Some(host), None) if is_no_name(host) => Ok(()),
        _ => Err("the Host header has to be an IP address or localhost"),
    }
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
        judge(Some(peer.parse().unwrap()), &map).is_ok()
    }

    #[test]
    fn tools_on_this_machine_are_let_in() {
        for host in ["127.0.0.1:9090", "localhost", "LOCALHOST:9090", "[::1]:9090", "10.0.0.1:9090"] {
            assert!(judged("127.0.0.1", &[(HOST, host)]), "{host}");
        }
        for peer in ["::1", "127.1.2.3", "::ffff:127.0.0.1"] {
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
        assert!(!judged("10.0.0.1", &[(HOST, "127.0.0.1")]));
        assert!(judge(None, &HeaderMap::from_iter([(HOST, HeaderValue::from_static("127.0.0.1"))])).is_err());
    }
}
