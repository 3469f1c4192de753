//! What connections may take up, on the gRPC port and on the admin port, and what they are secured with.

use super::BindError;
use crate::config::{ClientTlsConfig, GrpcConfig, Setting, TlsConfig, TlsTimes, settings};
use crate::transport::{
    ClientCertificates, ClientFiles, Counters, Http1, Http2, Limits, Overflow, Port, Protocol, ReloadCounts, Reloader,
    Tls, TlsFiles,
};
use crate::webhook::{self, WebhookDoor};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections that the admin port serves at once: several times what probes and scrapes need, who keep theirs.
const MAX_ADMIN_CONNECTIONS: u32 = 256;

/// Requests at once on one HTTP/2 connection of the admin port.
const MAX_ADMIN_STREAMS: u32 = 64;

/// How long a new connection may take to say something, and an HTTP/1 request to say its head.
const FIRST_WORDS: Duration = Duration::from_secs(30);

/// The largest head of a request to the admin port, in bytes.
const MAX_ADMIN_HEAD: u16 = 16 * 1024;

/// How long an admin connection that is told to end may take.
const ADMIN_FAREWELL: Duration = Duration::from_secs(60);

/// Certificates in use, and what looks after them.
pub(super) struct Certificates {
    reloaders: Vec<Reloader>,
    times: TlsTimes,
}

/// What is configured for each port.
pub(super) struct TlsConfigs {
    pub(super) grpc: Option<TlsConfig>,
    pub(super) admin: Option<TlsConfig>,
    pub(super) webhook: Option<TlsConfig>,
}

/// What each port is secured with; `None` is plain.
pub(super) struct Secured {
    pub(super) grpc: Option<Tls>,
    pub(super) admin: Option<Tls>,
    pub(super) webhook: Option<Tls>,
}

impl Certificates {
    /// Loads those of all ports; `grpc_speaks` is what is spoken on the gRPC port.
    pub(super) async fn load(
        configs: TlsConfigs,
        times: TlsTimes,
        grpc_speaks: &Protocol,
    ) -> Result<(Self, Secured), BindError> {
        let TlsConfigs { grpc, admin, webhook } = configs;
        let (admin_speaks, webhook_speaks) = (admin_protocol(), WebhookDoor::protocol(&webhook::Limits::default()));
        let mut all = Certificates { reloaders: Vec::new(), times };
        let secured = Secured {
            grpc: all.load_one(&settings::GRPC_TLS_CERTIFICATE, grpc, grpc_speaks).await?,
            admin: all.load_one(&settings::ADMIN_TLS_CERTIFICATE, admin, &admin_speaks).await?,
            webhook: all.load_one(&settings::WEBHOOK_TLS_CERTIFICATE, webhook, &webhook_speaks).await?,
        };
        Ok((all, secured))
    }

    /// Loads those of one port, where it has any; `setting` is the one that names its certificate.
    async fn load_one(
        &mut self,
        setting: &'static Setting,
        config: Option<TlsConfig>,
        protocol: &Protocol,
    ) -> Result<Option<Tls>, BindError> {
        let Some(TlsConfig { certificate, key, clients }) = config else { return Ok(None) };
        let clients = clients.map(|ClientTlsConfig { ca, optional }| ClientFiles {
            ca,
            needed: if optional { ClientCertificates::Optional } else { ClientCertificates::Required },
        });
        let files = TlsFiles { certificate, key, clients };
        let loaded = Tls::load(files.clone(), protocol.alpn()).await;
        let (tls, reloader) =
            loaded.map_err(|source| BindError::Tls { setting: naming(source.path(), &files, setting), source })?;
        self.reloaders.push(reloader);
        Ok(Some(tls))
    }

    /// How often those of each port were read again.
    pub(super) fn counts(&self) -> Vec<Arc<ReloadCounts>> {
        self.reloaders.iter().map(Reloader::counts).collect()
    }

    /// Looks for changes, until `stop`; `None` where there are none.
    pub(super) fn keep_current(self, stop: CancellationToken) -> Option<impl Future<Output = ()> + Send + 'static> {
        let Certificates { reloaders, times } = self;
        let watched = reloaders.into_iter().map(move |reloader| reloader.run(times.reload_interval, stop.clone()));
        let watched: Vec<_> = watched.collect();
        (!watched.is_empty()).then(|| join_all(watched).map(drop))
    }
}

/// The setting that names this file, of those beside the one that names the certificate.
fn naming(path: &Path, files: &TlsFiles, of_certificate: &'static Setting) -> &'static Setting {
    let TlsFiles { certificate, key, clients } = files;
    let name = match clients {
        _ if path == certificate => return of_certificate,
        _ if path == key => "tls_key",
        Some(ClientFiles { ca, needed: _ }) if path == ca => "tls_client_ca",
        Some(_) | None => return of_certificate,
    };
    let beside = |setting: &&Setting| {
        setting.section() == of_certificate.section() && setting.key.rsplit('.').next() == Some(name)
    };
    settings::ALL.iter().copied().find(beside).unwrap_or(of_certificate)
}

/// What is spoken on the gRPC port.
pub(super) fn grpc_protocol(grpc: &GrpcConfig) -> Protocol {
    Protocol::Http2(Http2 {
        max_concurrent_streams: grpc.max_concurrent_streams,
        max_head_bytes: grpc.max_header_size,
        keepalive_interval: grpc.keepalive_interval,
        keepalive_timeout: grpc.keepalive_timeout,
    })
}

/// The gRPC port.
pub(super) fn grpc_port(listener: TcpListener, grpc: &GrpcConfig, tls: Option<Tls>, times: TlsTimes) -> Port {
    Port {
        name: "grpc",
        listener,
        protocol: grpc_protocol(grpc),
        tls,
        limits: Limits {
            max_connections: grpc.max_connections,
            overflow: Overflow::TurnAway,
            handshake: times.handshake_timeout,
            first_words: FIRST_WORDS,
            // A peer that takes nothing answers no ping either; but while bytes are stuck, none is sent.
            stall: grpc.keepalive_interval.map(|interval| interval.saturating_add(grpc.keepalive_timeout)),
            max_age: grpc.max_connection_age,
            farewell: grpc.max_connection_age_grace,
        },
        counters: Arc::new(Counters::default()),
        requests: TaskTracker::new(),
    }
}

/// What is spoken on the admin port.
fn admin_protocol() -> Protocol {
    Protocol::Http1 {
        http1: Http1 { head_timeout: FIRST_WORDS, max_head_bytes: MAX_ADMIN_HEAD.into(), linger: None },
        http2: Some(Http2 {
            max_concurrent_streams: MAX_ADMIN_STREAMS,
            max_head_bytes: MAX_ADMIN_HEAD.into(),
            keepalive_interval: Some(FIRST_WORDS),
            keepalive_timeout: FIRST_WORDS,
        }),
    }
}

/// The admin port.
pub(super) fn admin_port(listener: TcpListener, tls: Option<Tls>, times: TlsTimes) -> Port {
    Port {
        name: "admin",
        listener,
        protocol: admin_protocol(),
        tls,
        limits: Limits {
            max_connections: MAX_ADMIN_CONNECTIONS,
            overflow: Overflow::Wait,
            handshake: times.handshake_timeout,
            first_words: FIRST_WORDS,
            stall: Some(FIRST_WORDS),
            max_age: None,
            farewell: ADMIN_FAREWELL,
        },
        counters: Arc::new(Counters::default()),
        requests: TaskTracker::new(),
    }
}
