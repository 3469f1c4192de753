//! The endpoint as a whole, and opening it.

use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::body::BodyMemory;
use super::config::{EndpointConfig, EndpointPath, Limits};
use super::connections;
use super::counters::Counters;
use super::metrics::{self, RequestMetrics};
use super::receive::{Receiver, router};
use crate::kyc::clock::Clock;
use crate::kyc::log::LateLog;
use crate::metrics::Metrics;
use crate::throttle::Throttle;
use crate::transport::{Lanes, Protocol, Tls};

/// Takes Grid's webhooks.
#[derive(Clone)]
pub struct Endpoint {
    path: EndpointPath,
    receiver: Arc<Receiver>,
    metrics: Option<RequestMetrics>,
    tls: Option<Tls>,
    lanes: Lanes,
}

impl Endpoint {
    /// An endpoint to this log. Nothing listens yet. While the log is not open, what is to be recorded is answered 503, and the
    /// rest as always.
    #[must_use]
    pub fn new(config: EndpointConfig, log: impl Into<LateLog>, clock: Arc<dyn Clock>) -> Self {
        let EndpointConfig { path, keys, relay, limits } = config;
        tracing::info!(?keys, relay = relay.is_some(), path = path.as_str(), "webhooks are taken");
        let receiver = Receiver {
            path: path.clone(),
            keys,
            relay,
            limits,
            log: log.into(),
            clock,
            counters: Arc::new(Counters::default()),
            memory: BodyMemory::new(limits.max_bodies_bytes),
            unsigned: Throttle::default(),
            log_failures: Throttle::default(),
        };
        Self { path, receiver: Arc::new(receiver), metrics: None, tls: None, lanes: Lanes::default() }
    }

    /// Registers its metrics, and times every request.
    #[must_use]
    pub fn measured(self, metrics: &mut Metrics) -> Self {
        metrics::register(metrics, &self.receiver.counters);
        Self { metrics: Some(RequestMetrics::register(metrics)), ..self }
    }

    /// The endpoint's counters.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.receiver.counters)
    }

    /// What answers requests, without the limits that only a connection can keep.
    pub fn router(&self) -> Router {
        let router = router(&self.path, Arc::clone(&self.receiver));
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match self.metrics.clone() {
            Some(metrics) => metrics.time(router, &self.path, scheme),
            None => router,
        }
    }

    /// The HTTP versions that it speaks, with these limits; certificates are loaded for its ALPN protocols.
    #[must_use]
    pub fn protocol(limits: &Limits) -> Protocol {
        connections::protocol(limits)
    }

    /// Secures it. Without this, it speaks plain HTTP/1.1; with it HTTP/2 too, for those who ask for that.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Spreads its connections over these threads, which have to live for as long as it is served.
    #[must_use]
    pub fn on(self, lanes: Lanes) -> Self {
        Self { lanes, ..self }
    }

    /// Serves on `listener` until `leaving`, then accepts no more, and returns when every request that had begun is
    /// answered. That is within the limits' times; who cannot wait so long drops this, which ends everything at once.
    pub async fn serve(self, listener: TcpListener, leaving: CancellationToken) {
        let router = self.router();
        let Receiver { limits, relay, counters, .. } = self.receiver.as_ref();
        let port = connections::port((listener, self.lanes), self.tls, limits, relay.as_ref(), counters.connections());
        port.serve(router, leaving).await;
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("path", &self.path).finish_non_exhaustive()
    }
}
