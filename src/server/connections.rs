//! Connections: accepts them, serves HTTP on them, and lets them finish.
//!
//! hyper does the HTTP. What is here is what servers made of it do not offer: every connection's task has an owner
//! that can wait for it and end it, their number has a bound, and who connects without saying anything is cut off.
//! (tonic's and axum's own servers spawn connections and let go of them, so a shutdown could not end them.)

use crate::transport::Peer;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::server::TcpConnectInfo;
use tower::{Service, ServiceExt as _};

/// How long a new connection may take to say something, and an HTTP/1 request to say its head.
const FIRST_WORDS: Duration = Duration::from_secs(30);

/// The pause after the process could not accept, because it has no file descriptors left for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// How HTTP is spoken on a port.
#[derive(Debug, Clone)]
pub(super) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without negotiation, as gRPC speaks it.
    Http2(Http2),
}

/// The limits of HTTP/2.
#[derive(Debug, Clone)]
pub(super) struct Http2 {
    /// Requests open at once on one connection.
    pub(super) max_concurrent_streams: u32,
    /// How often a ping checks the other end. `None`: never.
    pub(super) keepalive_interval: Option<Duration>,
    /// How long the answer to a ping may take.
    pub(super) keepalive_timeout: Duration,
}

/// A port that is being served.
pub(super) struct Connections {
    /// For logs: which port it is.
    pub(super) name: &'static str,
    pub(super) listener: TcpListener,
    pub(super) protocol: Protocol,
    pub(super) max_connections: u32,
    /// Counts the tasks that HTTP/2 makes for its requests. They end with their connection, a moment later.
    pub(super) requests: TaskTracker,
}

impl Connections {
    /// Serves until `leaving`, then accepts no more, and returns when every connection has finished what it was
    /// doing. Dropped before that, it ends them all: their requests notice, and `requests` says when they have.
    pub(super) async fn serve<S, B>(self, service: S, leaving: CancellationToken)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let Connections { name, listener, protocol, max_connections, requests } = self;
        let http = builder(&protocol, requests.clone());
        let places = Arc::new(Semaphore::new(usize::try_from(max_connections).unwrap_or(Semaphore::MAX_PERMITS)));
        let mut connections = JoinSet::new();
        loop {
            // Those that are done are taken out as they end, so that the set holds living ones only.
            let accepted = tokio::select! {
                accepted = accept(name, &listener, &places) => accepted,
                Some(ended) = connections.join_next() => {
                    log_panic(name, ended);
                    continue;
                }
                () = leaving.cancelled() => break,
            };
            let Some((stream, place)) = accepted else { continue };
            let connection = serve_connection(name, stream, http.clone(), service.clone(), leaving.clone());
            connections.spawn(async move {
                connection.await;
                drop(place);
            });
        }
        drop(listener);
        while let Some(ended) = connections.join_next().await {
            log_panic(name, ended);
        }
        requests.close();
        requests.wait().await;
    }
}

/// The next connection, with its place among those that may be open.
async fn accept(
    name: &'static str,
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) if is_of_the_connection(&error) => None,
        Err(error) => {
            tracing::error!(port = name, %error, "cannot accept connections");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Whether accepting failed because of the one who connected, so that the next one may fare better.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Runs the requests of HTTP/2 as tasks that are counted.
#[derive(Clone)]
struct CountedTasks(TaskTracker);

impl<F> hyper::rt::Executor<F> for CountedTasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, request: F) {
        self.0.spawn(request);
    }
}

fn builder(protocol: &Protocol, requests: TaskTracker) -> Builder<CountedTasks> {
    let mut builder = Builder::new(CountedTasks(requests));
    match protocol {
        Protocol::Http1 => {
            builder = builder.http1_only();
            builder.http1().timer(TokioTimer::new()).header_read_timeout(FIRST_WORDS);
        }
        Protocol::Http2(Http2 { max_concurrent_streams, keepalive_interval, keepalive_timeout }) => {
            builder = builder.http2_only();
            builder
                .http2()
                .timer(TokioTimer::new())
                .max_concurrent_streams(*max_concurrent_streams)
                .keep_alive_interval(*keepalive_interval)
                .keep_alive_timeout(*keepalive_timeout);
        }
    }
    builder
}

async fn serve_connection<S, B>(
    name: &'static str,
    stream: TcpStream,
    http: Builder<CountedTasks>,
    service: S,
    leaving: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    // Small answers go out at once.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(port = name, %error, "cannot set TCP_NODELAY");
    }
    let mut first_byte = [0];
    let spoke = tokio::select! {
        spoke = timeout(FIRST_WORDS, stream.peek(&mut first_byte)) => matches!(spoke, Ok(Ok(1))),
        () = leaving.cancelled() => false,
    };
    if !spoke {
        return;
    }
    // Where tonic and its interceptors look for the caller's address.
    let info = TcpConnectInfo { local_addr: stream.local_addr().ok(), remote_addr: stream.peer_addr().ok() };
    let peer = info.remote_addr.map(|addr| Peer { addr, certificates: None });
    let service = service.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(info.clone());
        if let Some(peer) = peer.clone() {
            request.extensions_mut().insert(peer);
        }
        request
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = leaving.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // The other end's doing as a rule: it went away, or does not speak HTTP.
        tracing::debug!(port = name, error, "a connection ended with an error");
    }
}

fn log_panic(name: &'static str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(port = name, "serving a connection panicked");
    }
}
