//! Receives webhooks in place of a gridgate that does not run, to see whether a test webhook arrives.
//!
//! It answers other webhooks with 503, so that Grid resends them.

use crate::transport::{Counters, Http1, Lanes, Limits, Overflow, Port, Protocol};
use crate::webhook::PublicKeys;
use crate::webhook::parse::{Content, parse};
use crate::webhook::signature::Received;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// The most arrivals that wait to be read; further ones are dropped.
const REMEMBERED: usize = 64;

/// The longest connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrived {
    /// A test webhook with a valid signature.
    Test,
    /// Another webhook with a valid signature.
    Other,
    /// A request with an invalid signature.
    Unsigned,
}

/// Listens until it is dropped.
pub(super) struct Listener {
    arrivals: mpsc::Receiver<Arrived>,
    _serving: AbortOnDropHandle<()>,
}

struct Shared {
    keys: PublicKeys,
    tell: mpsc::Sender<Arrived>,
}

impl Listener {
    /// Listens where the gridgate would.
    pub(super) async fn open(addr: SocketAddr, path: &str, keys: PublicKeys) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let (tell, arrivals) = mpsc::channel(REMEMBERED);
        let router = Router::new().route(path, post(take)).with_state(Arc::new(Shared { keys, tell }));
        // It ends only with the task.
        let serving = tokio::spawn(port(listener).serve(router, CancellationToken::new()));
        Ok(Self { arrivals, _serving: AbortOnDropHandle::new(serving) })
    }

    /// The next arrival.
    pub(super) async fn next(&mut self) -> Option<Arrived> {
        self.arrivals.recv().await
    }
}

/// A port with limits on its connections, since anyone can connect.
fn port(listener: TcpListener) -> Port {
    let http1 = Http1 { head_timeout: PATIENCE, max_head_bytes: 16 * 1024, linger: None };
    Port {
        name: "doctor",
        listener,
        lanes: Lanes::default(),
        protocol: Protocol::Http1 { http1, http2: None },
        tls: None,
        limits: Limits {
            max_connections: 64,
            overflow: Overflow::Wait,
            handshake: PATIENCE,
            preface_timeout: PATIENCE,
            stall: Some(PATIENCE),
            max_age: None,
            drain_timeout: PATIENCE,
        },
        counters: Arc::new(Counters::default()),
        requests: TaskTracker::new(),
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let verified = Received::new(&headers, body).and_then(|received| received.verify(&shared.keys));
    let arrived = match verified {
        Ok(webhook) => match parse(&webhook).map(|delivery| delivery.content) {
            Ok(Content::Test) => Arrived::Test,
            Ok(Content::Status { .. } | Content::Unreadable(_) | Content::BulkUpload | Content::Other) | Err(_) => {
                Arrived::Other
            }
        },
        Err(_) => Arrived::Unsigned,
    };
    let status = match arrived {
        Arrived::Test => StatusCode::OK,
        Arrived::Other => StatusCode::SERVICE_UNAVAILABLE,
        Arrived::Unsigned => StatusCode::UNAUTHORIZED,
    };
    // If the queue is full or closed, another arrival adds nothing.
    let _ = shared.tell.try_send(arrived);
    status
}
