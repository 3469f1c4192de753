//! Answering on a listener, HTTP/1.1, until told to stop.
//!
//! Connections are tasks of this module: their number is bounded, who connects without saying anything is cut off,
//! and at the end each may finish its request before it is ended.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::faults::HangUp;
use super::shared::App;

/// Connections that may be open at once; others wait to be accepted.
const MAX_CONNECTIONS: usize = 1_024;

/// How long a connection may take to say the head of a request.
const HEAD: Duration = Duration::from_secs(30);

/// How long requests and other work may take to finish at the end.
const GRACE: Duration = Duration::from_secs(5);

/// The pause after accepting failed, for lack of file descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` resolves, and returns when everything has finished or the grace is over.
pub(super) async fn serve(app: App, router: Router, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let leaving = app.stopping.child_token();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                connections.spawn(connection(stream, place, router.clone(), leaving.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "the sandbox can't accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    app.stopping.cancel();
    app.tasks.close();
    let finished = async {
        while connections.join_next().await.is_some() {}
        app.tasks.wait().await;
    };
    if timeout(GRACE, finished).await.is_err() {
        tracing::warn!("the sandbox ended with requests under way");
    }
    connections.shutdown().await;
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn connection(stream: TcpStream, place: OwnedSemaphorePermit, router: Router, leaving: CancellationToken) {
    // Small answers go out at once. Where that can't be set, they go out a little later.
    let _ = stream.set_nodelay(true);
    let mut http = Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    let service = service_fn(move |request: Request<Incoming>| answer(router.clone(), request));
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = leaving.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection to the sandbox ended with an error");
    }
    drop(place);
}

/// A connection that is broken off on purpose.
#[derive(Debug, thiserror::Error)]
#[error("broken off on purpose")]
struct Broken;

/// Answers a request. An error instead of a response makes hyper close the connection without a word.
async fn answer(router: Router, request: Request<Incoming>) -> Result<Response, Broken> {
    match router.oneshot(request).await {
        Ok(response) if response.extensions().get::<HangUp>().is_some() => Err(Broken),
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

/// The address that a client on this machine connects to.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
