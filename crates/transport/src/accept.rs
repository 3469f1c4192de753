//! The one accept loop.

use super::connection::Connection;
use super::counters::Counters;
use super::linger::linger;
use super::port::{Overflow, Port, Protocol};
use super::priority::{ConnectionPriority, EvictionQueue};
use super::tls::Tls;
use super::unread::RequestBody;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service;

/// The pause after `accept` failed for a reason of the process's own, such as no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// How long to wait for an evicted connection to release its permit.
const MAKING_ROOM: Duration = Duration::from_secs(1);

/// Rejected connections that are being sent a GOAWAY at once. Further ones are closed without it.
const MAX_TURNED_AWAY: usize = 64;

/// How long sending a rejected connection its GOAWAY may take.
const TURNING_AWAY: Duration = Duration::from_secs(1);

/// Sent to an HTTP/2 connection over the limit, without reading what it sent: empty SETTINGS, and a GOAWAY with NO_ERROR
/// whose last stream is 0, so that the client knows that no request was processed and may retry all of them (RFC 9113,
/// sections 3.4 and 6.8).
const TURNED_AWAY: &[u8] = b"\0\0\0\x04\0\0\0\0\0\
                             \0\0\x1c\x07\0\0\0\0\0\0\0\0\0\0\0\0\0too many connections";

impl Port {
    /// Accepts connections until `leaving` is cancelled, then returns once every connection has finished its requests.
    /// Dropping the future earlier ends all connections; `requests` then tells when their request tasks have ended.
    ///
    /// A service that returns an error instead of a response closes the connection.
    pub async fn serve<S, B>(self, service: S, leaving: CancellationToken)
    where
        S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let Port { name, listener, lanes, protocol, tls, limits, counters, requests } = self;
        let places = usize::try_from(limits.max_connections).unwrap_or(Semaphore::MAX_PERMITS);
        let mut arrivals = Arrivals {
            name,
            places: Arc::new(Semaphore::new(places)),
            evictable: EvictionQueue::new(places),
            arrived: None,
            overflow: limits.overflow,
            speaks_http2: matches!(protocol, Protocol::Http2(_)),
            tls: tls.clone(),
            listener,
            counters: Arc::clone(&counters),
            turned_away: JoinSet::new(),
        };
        let connection = Connection {
            name,
            protocol: Arc::new(protocol),
            tls,
            limits,
            counters: Arc::clone(&counters),
            requests: requests.clone(),
            leaving: leaving.clone(),
        };
        let mut connections = JoinSet::new();
        loop {
            // Connections are removed as they end, so that the set holds only open ones.
            let arrived = tokio::select! {
                arrived = arrivals.next() => arrived,
                Some(ended) = connections.join_next() => {
                    log_panic(name, ended);
                    continue;
                }
                () = leaving.cancelled() => break,
            };
            let Some((stream, addr, place)) = arrived else { continue };
            let (open, priority) = (Open::new(Arc::clone(&counters), place), ConnectionPriority::default());
            arrivals.evictable.add(&priority);
            let (connection, service, lane) = (connection.clone(), service.clone(), lanes.least_used());
            let runtime = lane.runtime.clone();
            let serving = async move {
                match lane.take(stream) {
                    Ok(stream) => connection.serve(stream, addr, priority, service).await,
                    Err(error) => {
                        tracing::error!(port = name, %error, "cannot serve a connection on its thread; closed it")
                    }
                }
                drop((open, lane));
            };
            connections.spawn_on(serving, &runtime);
        }
        drop(arrivals);
        while let Some(ended) = connections.join_next().await {
            log_panic(name, ended);
        }
        requests.close();
        requests.wait().await;
    }
}

/// Accepts connections, and evicts or rejects over the limit.
struct Arrivals {
    name: &'static str,
    listener: TcpListener,
    places: Arc<Semaphore>,
    evictable: EvictionQueue,
    /// An accepted connection that has no permit yet.
    arrived: Option<(TcpStream, SocketAddr)>,
    overflow: Overflow,
    speaks_http2: bool,
    tls: Option<Tls>,
    counters: Arc<Counters>,
    turned_away: JoinSet<()>,
}

impl Arrivals {
    /// The next connection, with its permit. `None`: `accept` failed, or the connection was rejected. Cancel-safe: a
    /// connection that was accepted but has no permit yet is kept for the next call.
    async fn next(&mut self) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        while self.turned_away.try_join_next().is_some() {}
        if self.arrived.is_none() {
            match self.listener.accept().await {
                Ok(arrived) => self.arrived = Some(arrived),
                Err(error) if is_of_the_connection(&error) => return None,
                Err(error) => {
                    tracing::error!(port = self.name, %error, "cannot accept connections");
                    sleep(ACCEPT_PAUSE).await;
                    return None;
                }
            }
        }
        let place = self.place().await;
        let (stream, addr) = self.arrived.take()?;
        match place {
            Some(place) => Some((stream, addr, place)),
            None => {
                self.turn_away(stream);
                None
            }
        }
    }

    /// A permit for one more connection: a free one, or that of an evicted connection. `None`: there is none, and the
    /// port's overflow policy is not to wait.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        let free = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().ok();
        if let Some(place) = free(&self.places) {
            return Some(place);
        }
        let freed = Arc::clone(&self.places).acquire_owned();
        match (self.evictable.evict_oldest(), self.overflow) {
            (_, Overflow::Wait) => freed.await.ok(),
            (true, Overflow::TurnAway) => timeout(MAKING_ROOM, freed).await.ok()?.ok(),
            (false, Overflow::TurnAway) => None,
        }
    }

    fn turn_away(&mut self, stream: TcpStream) {
        self.counters.count_turned_away();
        tracing::debug!(port = self.name, "connection limit reached; rejected a connection");
        if !self.speaks_http2 || self.turned_away.len() >= MAX_TURNED_AWAY {
            return;
        }
        let tls = self.tls.clone();
        self.turned_away.spawn(async move {
            let told = async {
                match tls {
                    None => tell_to_go(stream).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            tell_to_go(stream).await;
                        }
                    }
                }
            };
            let _ = timeout(TURNING_AWAY, told).await;
        });
    }
}

async fn tell_to_go(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    if stream.write_all(TURNED_AWAY).await.is_ok() && stream.shutdown().await.is_ok() {
        linger(stream, TURNING_AWAY).await;
    }
}

/// An open connection's permit; the connection counts as open until this is dropped.
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

/// Whether `accept` failed because of that one connection, so that the next one may succeed at once.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

fn log_panic(name: &'static str, ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(port = name, "a connection's task panicked; closed the connection");
    }
}
