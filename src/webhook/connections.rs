//! Connections that anyone may open: their number, their age, and the time they take have limits, and every task has an
//! owner that waits for it. (axum's own server has none of these.)

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::counters::Counters;
use super::door::Limits;
use super::relay::Relay;

/// The pause after the process could not accept, because it has no file descriptors left for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
/// What is read at once from a connection, at most, in bytes; at least what hyper asks for.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// What the last request of a connection may take beside its own limits, to be answered and for the answer to be read.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long the sender of a request that was answered before it was read may go on sending, and how much. Closing while
/// it sends would take the answer away from it (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 32 * 1024 * 1024;

/// What a connection may take up.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    max_connections: u32,
    max_head_bytes: usize,
    head_timeout: Duration,
    max_age: Duration,
    /// How long a connection that is past its age may take to end. Who does not read what is answered is cut off then.
    last_request: Duration,
}

impl ConnectionLimits {
    pub(super) fn of(limits: &Limits, relay: Option<&Relay>) -> Self {
        let Limits {
            max_connections,
            max_head_bytes,
            max_body_bytes: _,
            max_bodies_bytes: _,
            head_timeout,
            body_timeout,
            record_timeout,
            max_connection_age,
        } = *limits;
        let acting = relay.map_or(record_timeout, |relay| record_timeout.max(relay.timeout()));
        let last_request = head_timeout.saturating_add(body_timeout).saturating_add(acting).saturating_add(LAST_WORDS);
        Self { max_connections, max_head_bytes, head_timeout, max_age: max_connection_age, last_request }
    }
}

/// Serves until `leaving`, and returns when all connections have ended.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    counters: Arc<Counters>,
    leaving: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(usize::try_from(limits.max_connections).unwrap_or(Semaphore::MAX_PERMITS)));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            Some(ended) = connections.join_next() => {
                log_panic(ended);
                continue;
            }
            () = leaving.cancelled() => break,
        };
        let Some((stream, place)) = accepted else { continue };
        let open = Open::new(Arc::clone(&counters), place);
        let connection = serve_connection(stream, router.clone(), limits, Arc::clone(&counters), leaving.clone());
        connections.spawn(async move {
            connection.await;
            drop(open);
        });
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        log_panic(ended);
    }
}

/// A connection's place among those that may be open, counted for as long as it is held.
struct Open {
    counters: Arc<Counters>,
    _place: OwnedSemaphorePermit,
}

impl Open {
    fn new(counters: Arc<Counters>, place: OwnedSemaphorePermit) -> Self {
        counters.count_accepted();
        Self { counters, _place: place }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.counters.count_closed();
    }
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) if is_of_the_connection(&error) => None,
        Err(error) => {
            tracing::error!(%error, "cannot accept webhook connections");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Whether accepting failed because of the one who connected, so that the next one may fare better.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

async fn serve_connection(
    stream: TcpStream,
    router: Router,
    limits: ConnectionLimits,
    counters: Arc<Counters>,
    leaving: CancellationToken,
) {
    // Answers are small, and go out at once.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_header_size(limits.max_head_bytes)
        .max_buf_size(MAX_BUFFER_BYTES.max(limits.max_head_bytes));
    let mut connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = leaving.cancelled() => None,
        () = sleep(limits.max_age) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            match timeout(limits.last_request, &mut connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        // The other end's doing as a rule: it went away, was too slow, or does not speak HTTP.
        if error.is_timeout() {
            counters.count_head_timeout();
        }
        tracing::debug!(%error, "a webhook connection ended with an error");
    }
    tokio::select! {
        () = linger(connection.into_parts().io.into_inner()) => {}
        () = leaving.cancelled() => {}
    }
}

/// Reads what is still being sent, and throws it away.
async fn linger(stream: TcpStream) {
    let mut rest = stream.take(LINGER_BYTES);
    let discard = async { tokio::io::copy(&mut rest, &mut tokio::io::sink()).await };
    // Whether it ended, broke, or took too long: it is closed now.
    let _ = timeout(LINGER, discard).await;
}

fn log_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("serving a webhook connection panicked");
    }
}
