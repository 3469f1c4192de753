//! The port that is open to the internet: anyone may connect, so everything has a limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::config::Limits;
use super::relay::Relay;
use crate::transport::{self, Counters, Http1, Http2, Lanes, Overflow, Port, Protocol, Tls};

/// What the last request of a connection may take beside its own limits, to be answered and for the answer to be read.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long the sender of a request that was answered before it was read may go on sending.
const LINGER: Duration = Duration::from_secs(2);
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Requests open at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 32;

/// The HTTP versions of the endpoint, with their limits.
pub(super) fn protocol(limits: &Limits) -> Protocol {
    let Limits { max_head_bytes, head_timeout, .. } = *limits;
    Protocol::Http1 {
        http1: Http1 { head_timeout, max_head_bytes, linger: Some(LINGER) },
        http2: Some(Http2 {
            max_concurrent_streams: MAX_STREAMS,
            max_head_bytes: u32::try_from(max_head_bytes).unwrap_or(u32::MAX),
            keepalive_interval: Some(head_timeout),
            keepalive_timeout: head_timeout,
        }),
    }
}

/// The port, on this listener.
pub(super) fn port(
    (listener, lanes): (TcpListener, Lanes),
    tls: Option<Tls>,
    limits: &Limits,
    relay: Option<&Relay>,
    counters: Arc<Counters>,
) -> Port {
    let Limits {
        max_connections,
        max_head_bytes: _,
        max_body_bytes: _,
        max_bodies_bytes: _,
        head_timeout,
        body_timeout,
        record_timeout,
        max_connection_age,
    } = *limits;
    let acting = relay.map_or(record_timeout, |relay| record_timeout.max(relay.timeout()));
    // Who does not read what is answered is cut off then.
    let drain_timeout = head_timeout.saturating_add(body_timeout).saturating_add(acting).saturating_add(LAST_WORDS);
    Port {
        name: "webhook",
        listener,
        lanes,
        protocol: protocol(limits),
        tls,
        limits: transport::Limits {
            max_connections,
            // Grid waits and retries, and has no other server to send to.
            overflow: Overflow::Wait,
            handshake: HANDSHAKE,
            preface_timeout: head_timeout,
            stall: Some(drain_timeout),
            max_age: Some(max_connection_age),
            drain_timeout,
        },
        counters,
        requests: TaskTracker::new(),
    }
}
