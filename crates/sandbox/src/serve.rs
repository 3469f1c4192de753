//! Answering on a listener, HTTP/1.1, until told to stop.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::Request;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tower::{ServiceExt as _, service_fn};

use super::faults::HangUp;
use super::shared::App;
use gridgate_transport::{Counters, Http1, Lanes, Limits, Overflow, Port, Protocol, RequestBody};

/// Connections that may be open at once; others wait to be accepted.
const MAX_CONNECTIONS: u32 = 1_024;

/// How long a connection may take to say the head of a request.
const HEAD: Duration = Duration::from_secs(30);

/// The largest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long requests and other work may take to finish at the end.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until `shutdown` resolves, and returns when everything has finished or the grace is over.
pub(super) async fn serve(app: App, router: Router, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let port = Port {
        name: "sandbox",
        listener,
        lanes: Lanes::default(),
        protocol: Protocol::Http1 {
            http1: Http1 { head_timeout: HEAD, max_head_bytes: MAX_HEAD_BYTES, linger: None },
            http2: None,
        },
        tls: None,
        limits: Limits {
            max_connections: MAX_CONNECTIONS,
            overflow: Overflow::Wait,
            handshake: HEAD,
            preface_timeout: HEAD,
            stall: None,
            max_age: None,
            drain_timeout: GRACE,
        },
        counters: Arc::new(Counters::default()),
        requests: TaskTracker::new(),
    };
    let service = service_fn(move |request| answer(router.clone(), request));
    let mut serving = pin!(port.serve(service, app.stopping.child_token()));
    tokio::select! {
        // It ends only on `stopping`, which is cancelled below.
        () = serving.as_mut() => return,
        () = shutdown => {}
    }
    app.stopping.cancel();
    app.tasks.close();
    let finished = async {
        serving.await;
        app.tasks.wait().await;
    };
    // What is not finished then ends with this.
    if timeout(GRACE, finished).await.is_err() {
        tracing::warn!("the sandbox ended with requests under way");
    }
}

/// The connection breaks on purpose.
#[derive(Debug, thiserror::Error)]
#[error("broken off on purpose")]
struct Broken;

/// Answers a request. On an error hyper closes the connection without a response.
async fn answer(router: Router, request: Request<RequestBody>) -> Result<Response, Broken> {
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
