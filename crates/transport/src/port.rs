//! A port's protocol and its limits.

use super::counters::Counters;
use super::runtimes::Lanes;
use super::tls::Tls;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// A listening port, ready to be served.
#[derive(Debug)]
pub struct Port {
    /// The port's name in logs.
    pub name: &'static str,
    /// The listener that accepts its connections.
    pub listener: TcpListener,
    /// The runtimes that serve its connections.
    pub lanes: Lanes,
    /// The HTTP version, with its limits.
    pub protocol: Protocol,
    /// TLS. `None`: plain text.
    pub tls: Option<Tls>,
    /// The limits of its connections.
    pub limits: Limits,
    /// Its counters, shared with the metrics.
    pub counters: Arc<Counters>,
    /// Tracks the tasks that HTTP/2 spawns for requests. They end shortly after their connection.
    pub requests: TaskTracker,
}

/// The HTTP version that a port speaks.
#[derive(Debug, Clone)]
pub enum Protocol {
    /// Only HTTP/2, for gRPC.
    Http2(Http2),
    /// HTTP/1.1; and HTTP/2 for clients that negotiate it in the TLS handshake (ALPN).
    Http1 {
        /// The limits of HTTP/1.1.
        http1: Http1,
        /// The limits of HTTP/2. `None`: the server does not offer it.
        http2: Option<Http2>,
    },
}

impl Protocol {
    /// The protocols that the TLS handshake offers (ALPN, RFC 7301), in order of preference.
    #[must_use]
    pub fn alpn(&self) -> Vec<Vec<u8>> {
        match self {
            Protocol::Http2(_) => vec![b"h2".to_vec()],
            Protocol::Http1 { http1: _, http2: Some(_) } => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Protocol::Http1 { http1: _, http2: None } => vec![b"http/1.1".to_vec()],
        }
    }
}

/// The limits of HTTP/1.1.
#[derive(Debug, Clone)]
pub struct Http1 {
    /// How long a client may take to send a request's head. It also starts between requests, so it limits idle time.
    pub head_timeout: Duration,
    /// The largest head of a request, in bytes.
    pub max_head_bytes: usize,
    /// How long to read and discard the rest of a request that was answered early, so that closing does not reset the
    /// connection. `None`: not at all.
    pub linger: Option<Duration>,
}

/// The limits of HTTP/2.
#[derive(Debug, Clone)]
pub struct Http2 {
    /// Requests open at once on one connection.
    pub max_concurrent_streams: u32,
    /// The largest head of a request, in bytes as RFC 9113, section 6.5.2 counts them.
    pub max_head_bytes: u32,
    /// How often the server pings the client. `None`: never.
    pub keepalive_interval: Option<Duration>,
    /// How long the client may take to acknowledge a ping; then the connection is closed.
    pub keepalive_timeout: Duration,
}

/// The limits of a port's connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections open at once.
    pub max_connections: u32,
    /// What happens to connections over `max_connections`.
    pub overflow: Overflow,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long the client of a new HTTP/2 connection may take to send its preface.
    pub preface_timeout: Duration,
    /// How long a write may make no progress before the connection is closed. `None`: forever.
    pub stall: Option<Duration>,
    /// The age at which a connection begins to drain, less a random tenth. `None`: no limit.
    pub max_age: Option<Duration>,
    /// How long a connection may take to drain. Then it is closed with its requests unfinished.
    pub drain_timeout: Duration,
}

/// What happens to connections over the limit. Before that, the port evicts the oldest one of low priority
/// ([`ConnectionPriority`](super::ConnectionPriority)), if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// They wait in the listener's queue: for clients that retry and have no other server. Any request raises its
    /// connection's priority.
    Wait,
    /// They receive a GOAWAY that accepts no request: for callers with other replicas to go to. The service says which
    /// requests raise their connection's priority.
    TurnAway,
}
