//! A port: what is spoken on it, and what its connections may take up.

use super::counters::Counters;
use super::runtimes::Lanes;
use super::tls::Tls;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// A port that is about to be served.
#[derive(Debug)]
pub struct Port {
    /// For logs: which port it is.
    pub name: &'static str,
    /// Where connections come from.
    pub listener: TcpListener,
    /// Where they run.
    pub lanes: Lanes,
    /// What is spoken.
    pub protocol: Protocol,
    /// TLS, where it is asked for. Without it, everything is plain.
    pub tls: Option<Tls>,
    /// What connections may take up.
    pub limits: Limits,
    /// What has been seen.
    pub counters: Arc<Counters>,
    /// Counts the tasks that HTTP/2 makes for its requests. They end with their connection, a moment later.
    pub requests: TaskTracker,
}

/// How HTTP is spoken on a port.
#[derive(Debug, Clone)]
pub enum Protocol {
    /// HTTP/2 and nothing else, as gRPC speaks it.
    Http2(Http2),
    /// HTTP/1.1; and HTTP/2 for those who ask for it in the TLS handshake (ALPN).
    Http1 {
        /// The limits of HTTP/1.1.
        http1: Http1,
        /// The limits of HTTP/2, where it is offered.
        http2: Option<Http2>,
    },
}

impl Protocol {
    /// What is offered in a TLS handshake (RFC 7301), what is preferred first.
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
    /// How long a connection may take to say a request's head, also the next one's: so it is how long it may be idle.
    pub head_timeout: Duration,
    /// The largest head of a request, in bytes.
    pub max_head_bytes: usize,
    /// How long the sender of a request that was answered before it was read may go on sending.
    pub linger: Option<Duration>,
}

/// The limits of HTTP/2.
#[derive(Debug, Clone)]
pub struct Http2 {
    /// Requests open at once on one connection.
    pub max_concurrent_streams: u32,
    /// The largest head of a request, in bytes as RFC 9113, section 6.5.2 counts them.
    pub max_head_bytes: u32,
    /// How often a ping checks the other end. `None`: never.
    pub keepalive_interval: Option<Duration>,
    /// How long the answer to a ping may take.
    pub keepalive_timeout: Duration,
}

/// What the connections of a port may take up.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections open at once.
    pub max_connections: u32,
    /// What becomes of further ones.
    pub overflow: Overflow,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a new HTTP/2 connection may take to say its preface.
    pub preface_timeout: Duration,
    /// How long a connection may take none of what is written to it. `None`: for ever.
    pub stall: Option<Duration>,
    /// How old a connection becomes before it is told to end; up to a tenth less, by chance. `None`: no limit.
    pub max_age: Option<Duration>,
    /// How long a connection may take to end once it is told to. Then it is cut.
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
