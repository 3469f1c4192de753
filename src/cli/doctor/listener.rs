//! Takes webhooks in the place of a gridgate that does not run, to see whether a test one arrives.
//!
//! What is not a test is told to come back (503), so that nothing is lost here.

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
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Arrivals that are remembered until they are asked for; further ones are not.
const REMEMBERED: usize = 64;

/// Something that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrived {
    /// A test webhook, rightly signed.
    Test,
    /// Another webhook, rightly signed.
    Other,
    /// Something whose signature does not count.
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
        let serving = tokio::spawn(async move {
            // It ends only with the task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { arrivals, _serving: AbortOnDropHandle::new(serving) })
    }

    /// The next arrival.
    pub(super) async fn next(&mut self) -> Option<Arrived> {
        self.arrivals.recv().await
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
    // Where nobody asks any more, or too much came, one more says nothing new.
    let _ = shared.tell.try_send(arrived);
    status
}
