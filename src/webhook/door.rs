//! The door as a whole: what it is configured with, and how it is opened.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::body::BodyMemory;
use super::connections;
use super::counters::Counters;
use super::keys::PublicKeys;
use super::observer::{Observer, observed};
use super::receive::{Receiver, router};
use super::relay::Relay;
use crate::kyc::clock::Clock;
use crate::kyc::log::LateLog;
use crate::throttle::Throttle;
use crate::transport::{Protocol, Tls};

/// What the door is configured with.
#[derive(Debug)]
pub struct DoorConfig {
    /// Where webhooks are taken.
    pub path: DoorPath,
    /// Grid's keys.
    pub keys: PublicKeys,
    /// Who is told what is not about KYC, if anyone.
    pub relay: Option<Relay>,
    /// How much a sender may take up.
    pub limits: Limits,
}

/// How much a sender may take up. Anyone can be one.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections open at once. Further ones wait in the listener's queue.
    pub max_connections: u32,
    /// The largest head of a request, in bytes; at least 1 KiB.
    pub max_head_bytes: usize,
    /// The largest body, in bytes.
    pub max_body_bytes: usize,
    /// What the bodies being read take together, in bytes; at least `max_body_bytes`.
    pub max_bodies_bytes: usize,
    /// How long a connection may take to say a request's head, also the next one's: so it is how long it may be idle.
    pub head_timeout: Duration,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// How long the log may take to say that a webhook is recorded.
    pub record_timeout: Duration,
    /// How old a connection may get before it ends after the request it is at.
    pub max_connection_age: Duration,
}

impl Default for Limits {
    /// 512 connections; heads of 16 KiB, bodies of 1 MiB, 64 MiB of them together; 10 seconds for a head, for a body and
    /// for recording; connections of 2 minutes.
    fn default() -> Self {
        Self {
            max_connections: 512,
            max_head_bytes: 16 * 1024,
            max_body_bytes: 1024 * 1024,
            max_bodies_bytes: 64 * 1024 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            record_timeout: Duration::from_secs(10),
            max_connection_age: Duration::from_secs(120),
        }
    }
}

/// The path at which webhooks are taken, such as `/webhooks/grid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorPath(String);

/// The text is no path that webhooks can be taken at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a path that begins with / and has only letters, digits, and - . _ ~ / in it, at most 256 of them")]
pub struct InvalidDoorPath;

impl DoorPath {
    /// Takes a text as a path.
    ///
    /// # Errors
    /// When it does not begin with a slash, or has other characters in it than RFC 3986 calls unreserved.
    pub fn parse(text: &str) -> Result<Self, InvalidDoorPath> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if text.starts_with('/') && text.len() <= 256 && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDoorPath)
        }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Takes Grid's webhooks.
#[derive(Clone)]
pub struct WebhookDoor {
    path: DoorPath,
    receiver: Arc<Receiver>,
    observer: Option<Arc<dyn Observer>>,
    tls: Option<Tls>,
}

impl WebhookDoor {
    /// A door to this log. Nothing listens yet. While the log is not open, what is to be recorded is answered 503, and the
    /// rest as always.
    #[must_use]
    pub fn new(config: DoorConfig, log: impl Into<LateLog>, clock: Arc<dyn Clock>) -> Self {
        let DoorConfig { path, keys, relay, limits } = config;
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
        Self { path, receiver: Arc::new(receiver), observer: None, tls: None }
    }

    /// Tells `observer` of every request.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// What it has seen so far.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.receiver.counters)
    }

    /// What answers requests, without the limits that only a connection can keep.
    pub fn router(&self) -> Router {
        let router = router(&self.path, Arc::clone(&self.receiver));
        match &self.observer {
            Some(observer) => {
                let scheme = if self.tls.is_some() { "https" } else { "http" };
                observed(router, &self.path, scheme, Arc::clone(observer))
            }
            None => router,
        }
    }

    /// What is spoken with senders, under these limits: what certificates are to be loaded for.
    #[must_use]
    pub fn protocol(limits: &Limits) -> Protocol {
        connections::protocol(limits)
    }

    /// Secures it. Without this, it speaks plain HTTP/1.1; with it HTTP/2 too, for those who ask for that.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Serves on `listener` until `leaving`, then accepts no more, and returns when every request that had begun is
    /// answered. That is within the limits' times; who cannot wait so long drops this, which ends everything at once.
    pub async fn serve(self, listener: TcpListener, leaving: CancellationToken) {
        let router = self.router();
        let Receiver { limits, relay, counters, .. } = self.receiver.as_ref();
        let port = connections::port(listener, self.tls, limits, relay.as_ref(), counters.connections());
        port.serve(router, leaving).await;
    }
}

impl std::fmt::Debug for WebhookDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookDoor").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_plain_path() {
        for good in ["/", "/webhooks/grid", "/a-b_c.d~e/"] {
            assert_eq!(DoorPath::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "webhooks", "/{id}", "/*all", "/:id", "/a b", "/a?b", "/a%20", "/é", &"/a".repeat(200)] {
            assert_eq!(DoorPath::parse(bad), Err(InvalidDoorPath), "{bad}");
        }
    }
}
