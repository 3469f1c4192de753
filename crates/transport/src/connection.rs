//! Serves one connection: TLS handshake, requests, maximum age, and shutdown.

use super::answering::Answering;
use super::counters::Counters;
use super::guarded::{Guarded, Heard, jittered};
use super::linger::linger;
use super::peer::{ConnectionInfo, Peer};
use super::port::{Http1, Http2, Limits, Overflow, Protocol};
use super::priority::ConnectionPriority;
use super::tls::Tls;
use super::unread::RequestBody;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::CertificateDer;
use std::error::Error as StdError;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt as _};

/// The first bytes of an HTTP/2 connection: its preface, and the head of the SETTINGS that follow (RFC 9113, section 3.4).
const HTTP2_PREFACE: usize = 24 + 9;

/// The largest read buffer of an HTTP/1 connection, in bytes; at least hyper's minimum.
const HTTP1_BUFFER: usize = 64 * 1024;

/// Streams that the client may have reset before the server accepted them. More at once is an attack (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;

/// Streams that the server may reset for the client's protocol errors. More of them end the connection (CVE-2025-8671).
const MAX_OWN_RESETS: usize = 256;

/// The state that all connections of a port share; each connection has a clone.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) name: &'static str,
    pub(super) protocol: Arc<Protocol>,
    pub(super) tls: Option<Tls>,
    pub(super) limits: Limits,
    pub(super) counters: Arc<Counters>,
    pub(super) requests: TaskTracker,
    pub(super) leaving: CancellationToken,
}

/// How a connection came to its end.
enum Ended {
    /// hyper finished serving it.
    Done,
    /// hyper returned an error.
    Broken(hyper::Error),
    /// A timeout passed: it was closed with its requests unfinished.
    Cut,
    /// The port was full and evicted it for a new connection.
    Evicted,
}

/// The reasons, beside its age, for which a connection ends.
struct Ends<'c> {
    /// Cancelled when the connection begins to shut down; its requests watch it.
    told: CancellationToken,
    priority: &'c ConnectionPriority,
    /// When the client's certificate expires.
    expiry: Option<Instant>,
}

impl Connection {
    /// Serves one connection, to its end.
    pub(super) async fn serve<S, B>(self, stream: TcpStream, addr: SocketAddr, priority: ConnectionPriority, service: S)
    where
        S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        // Send small responses without waiting for more data.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(port = self.name, %error, "cannot set TCP_NODELAY");
        }
        let end = self.leaving.child_token();
        let connected_to = stream.local_addr().ok();
        let (requests, any_request_raises) = (self.requests.clone(), self.limits.overflow == Overflow::Wait);
        let with_info = |certificates, end, http2: bool| {
            let unread = http2.then_some(requests);
            let peer = Peer { addr, connected_to, certificates };
            let info = Arc::new(ConnectionInfo { peer, end, priority: priority.clone() });
            service.map_request(move |request: Request<Incoming>| {
                let mut request = request.map(|body| RequestBody::new(body, unread.clone()));
                request.extensions_mut().insert(Arc::clone(&info));
                if any_request_raises {
                    info.priority.raise();
                }
                request
            })
        };
        match &self.tls {
            None => {
                let http2 = match self.protocol.as_ref() {
                    Protocol::Http2(http2) => Some(http2),
                    Protocol::Http1 { .. } => None,
                };
                self.speak(
                    stream,
                    http2,
                    with_info(None, end.clone(), http2.is_some()),
                    Ends { told: end, priority: &priority, expiry: None },
                )
                .await;
            }
            Some(tls) => {
                let Some(stream) = self.handshake(tls, stream, addr, &priority).await else { return };
                let (certificates, http2) = self.negotiated(&stream);
                let expiry = certificates.as_deref().and_then(<[_]>::first).and_then(expiry);
                let ends = Ends { told: end.clone(), priority: &priority, expiry };
                self.speak(stream, http2, with_info(certificates, end.clone(), http2.is_some()), ends).await;
            }
        }
    }

    /// Performs the TLS handshake, within `limits.handshake`. It runs in the connection's own task, so a silent client
    /// delays no other client: it only holds one of the port's connection permits.
    async fn handshake(
        &self,
        tls: &Tls,
        stream: TcpStream,
        addr: SocketAddr,
        priority: &ConnectionPriority,
    ) -> Option<TlsStream<TcpStream>> {
        let problem = tokio::select! {
            done = timeout(self.limits.handshake, tls.accept(stream)) => match done {
                Ok(Ok(stream)) => return Some(stream),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "timed out".to_owned(),
            },
            () = self.leaving.cancelled() => return None,
            () = priority.evicted() => {
                self.counters.count_gave_way();
                return None;
            }
        };
        self.counters.count_failed_handshake();
        tracing::debug!(port = self.name, peer = %addr, problem, "TLS handshake failed; closed the connection");
        None
    }

    /// The result of the handshake: the client's certificates, and the limits of HTTP/2 if ALPN chose it. A client without
    /// ALPN gets the protocol that the port speaks without TLS.
    fn negotiated(&self, stream: &TlsStream<TcpStream>) -> (Option<Arc<[CertificateDer<'static>]>>, Option<&Http2>) {
        let (_, tls) = stream.get_ref();
        let certificates = tls.peer_certificates().map(|chain| chain.iter().cloned().collect());
        let http2 = match self.protocol.as_ref() {
            Protocol::Http2(http2) => Some(http2),
            Protocol::Http1 { http1: _, http2 } => http2.as_ref().filter(|_| tls.alpn_protocol() == Some(b"h2")),
        };
        (certificates, http2)
    }

    /// Serves requests: over HTTP/2 if `http2` has its limits, otherwise over HTTP/1.1.
    async fn speak<IO, S, B>(&self, io: IO, http2: Option<&Http2>, service: S, ends: Ends<'_>)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let (io, heard) = Guarded::new(io, self.limits.stall);
        let (io, service) = (TokioIo::new(io), TowerToHyperService::new(service));
        let ended = match (http2, self.protocol.as_ref()) {
            (Some(limits), _) | (None, Protocol::Http2(limits)) => {
                let connection = pin!(http2_builder(limits, self.requests.clone()).serve_connection(io, service));
                self.until_its_end(connection, Some(heard), ends).await
            }
            (None, Protocol::Http1 { http1, http2: _ }) => {
                let mut connection = http1_builder(http1).serve_connection(io, service);
                let ended = self.until_its_end(Pin::new(&mut connection), None, ends).await;
                if let (Some(limit), Ended::Done | Ended::Broken(_)) = (http1.linger, &ended) {
                    let io = connection.into_parts().io.into_inner().into_inner();
                    tokio::select! {
                        () = linger(io, limit) => {}
                        () = self.leaving.cancelled() => {}
                    }
                }
                ended
            }
        };
        match ended {
            Ended::Done => {}
            Ended::Broken(error) => {
                // Usually the client's fault: it disconnected, was too slow, or does not speak HTTP. Hence the low level.
                if error.is_timeout() {
                    self.counters.count_silent();
                }
                tracing::debug!(port = self.name, %error, "a connection ended with an error");
            }
            Ended::Cut => self.counters.count_cut(),
            Ended::Evicted => self.counters.count_gave_way(),
        }
    }

    /// Drives a connection until it ends by itself, is evicted, or must drain: then it sends a GOAWAY (in HTTP/2) and
    /// waits up to `drain_timeout` for the open requests. `heard` is `Some` if the client must send a preface first.
    async fn until_its_end<C>(&self, mut connection: Pin<&mut C>, heard: Option<Heard>, ends: Ends<'_>) -> Ended
    where
        C: GracefulConnection<Error = hyper::Error>,
    {
        let Limits { preface_timeout, max_age, drain_timeout, .. } = self.limits;
        let has_spoken = || heard.as_ref().is_none_or(|heard| heard.bytes() >= HTTP2_PREFACE);
        let Ends { told, priority, expiry } = ends;
        // An expired client certificate no longer authenticates its client, so the connection ends with it.
        let old_at = max_age.and_then(jittered).into_iter().chain(expiry).min();
        let mut listening = pin!(sleep(preface_timeout));
        let mut must_speak = heard.is_some();
        loop {
            tokio::select! {
                ended = connection.as_mut() => return done(ended),
                () = listening.as_mut(), if must_speak => {
                    must_speak = false;
                    if !has_spoken() {
                        self.counters.count_silent();
                        return Ended::Done;
                    }
                }
                () = at(old_at) => {
                    self.counters.count_aged();
                    break;
                }
                () = self.leaving.cancelled() => break,
                () = priority.evicted() => {
                    connection.as_mut().graceful_shutdown();
                    // Poll once, without waiting: sends the GOAWAY to a client that has sent its preface.
                    let _ = timeout(Duration::ZERO, connection).await;
                    return Ended::Evicted;
                }
            }
        }
        if !has_spoken() {
            return Ended::Done;
        }
        connection.as_mut().graceful_shutdown();
        told.cancel();
        match timeout(drain_timeout, connection).await {
            Ok(ended) => done(ended),
            Err(_) => Ended::Cut,
        }
    }
}

fn done(ended: Result<(), hyper::Error>) -> Ended {
    ended.map_or_else(Ended::Broken, |()| Ended::Done)
}

/// When a certificate expires, converted from wall-clock time. `None`: the certificate cannot be parsed, or its expiry is
/// outside the range of `Instant`.
fn expiry(certificate: &CertificateDer<'_>) -> Option<Instant> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let not_after = jiff::Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?;
    // A certificate may have expired during the handshake.
    let left = not_after.duration_since(jiff::Timestamp::now()).try_into().unwrap_or(Duration::ZERO);
    Instant::now().checked_add(left)
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Spawns the tasks of HTTP/2 requests on a tracker, so that shutdown can wait for them.
#[derive(Clone)]
struct CountedTasks(TaskTracker);

impl<F> hyper::rt::Executor<F> for CountedTasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, request: F) {
        self.0.spawn(Answering::new(request));
    }
}

fn http1_builder(limits: &Http1) -> http1::Builder {
    let Http1 { head_timeout, max_head_bytes, linger: _ } = *limits;
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Some clients close their sending side after a request and wait for the response (RFC 9112, section 9.6). The
        // connection ends with that response, as no further request can come.
        .half_close(true)
        .header_read_timeout(head_timeout)
        .max_header_size(max_head_bytes)
        .max_buf_size(HTTP1_BUFFER.max(max_head_bytes));
    builder
}

fn http2_builder(limits: &Http2, requests: TaskTracker) -> http2::Builder<CountedTasks> {
    let Http2 { max_concurrent_streams, max_head_bytes, keepalive_interval, keepalive_timeout } = *limits;
    let mut builder = http2::Builder::new(CountedTasks(requests));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(max_concurrent_streams)
        .max_header_list_size(max_head_bytes)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_OWN_RESETS)
        .keep_alive_interval(keepalive_interval)
        .keep_alive_timeout(keepalive_timeout);
    builder
}
