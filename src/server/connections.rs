//! The certificates of every port, and the gRPC and the admin port.

use super::BindError;
use crate::config::{GrpcConfig, Setting, TlsTimes, settings};
use crate::transport::{
    ClientFiles, Counters, Http1, Http2, Lanes, Limits, Overflow, Port, Protocol, ReloadCounts, Reloader, Tls, TlsFiles,
};
use crate::webhook::{self, Endpoint};
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
const FIRST_BYTES: Duration = Duration::from_secs(30);

/// The largest head of a request to the admin port, in bytes.
const MAX_ADMIN_HEAD: u16 = 16 * 1024;

/// The drain timeout of admin connections.
const ADMIN_DRAIN: Duration = Duration::from_secs(60);

/// Certificates in use, and what looks after them.
pub(super) struct Certificates {
    reloaders: Vec<Reloader>,
    times: TlsTimes,
}

/// Something of each port that can have TLS; `None` is plain.
pub(super) struct Secured<T> {
    pub(super) grpc: Option<T>,
    pub(super) admin: Option<T>,
    pub(super) webhook: Option<T>,
}

impl Certificates {
    /// Loads those of all ports; `grpc` is how HTTP/2 is spoken on the gRPC port.
    pub(super) async fn load(
        files: Secured<TlsFiles>,
        times: TlsTimes,
        grpc: &Http2,
    ) -> Result<(Self, Secured<Tls>), BindError> {
        let (grpc_speaks, webhook_speaks) =
            (Protocol::Http2(grpc.clone()), Endpoint::protocol(&webhook::Limits::default()));
        let mut all = Certificates { reloaders: Vec::new(), times };
        let secured = Secured {
            grpc: all.load_one(&settings::GRPC_TLS_CERTIFICATE, files.grpc, &grpc_speaks).await?,
            admin: all.load_one(&settings::ADMIN_TLS_CERTIFICATE, files.admin, &admin_protocol()).await?,
            webhook: all.load_one(&settings::WEBHOOK_TLS_CERTIFICATE, files.webhook, &webhook_speaks).await?,
        };
        Ok((all, secured))
    }

    /// Loads those of one port, where it has any; `setting` is the one that names its certificate.
    async fn load_one(
        &mut self,
        setting: &'static Setting,
        files: Option<TlsFiles>,
        protocol: &Protocol,
    ) -> Result<Option<Tls>, BindError> {
        let Some(files) = files else { return Ok(None) };
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

/// The gRPC port.
pub(super) fn grpc_port(listener: TcpListener, lanes: Lanes, grpc: &GrpcConfig, tls: Option<Tls>) -> Port {
    Port {
        name: "grpc",
        listener,
        lanes,
        protocol: Protocol::Http2(grpc.http2.clone()),
        tls,
        limits: grpc.limits,
        counters: Arc::new(Counters::default()),
        requests: TaskTracker::new(),
    }
}

/// What is spoken on the admin port.
fn admin_protocol() -> Protocol {
    Protocol::Http1 {
        http1: Http1 { head_timeout: FIRST_BYTES, max_head_bytes: MAX_ADMIN_HEAD.into(), linger: None },
        http2: Some(Http2 {
            max_concurrent_streams: MAX_ADMIN_STREAMS,
            max_head_bytes: MAX_ADMIN_HEAD.into(),
            keepalive_interval: Some(FIRST_BYTES),
            keepalive_timeout: FIRST_BYTES,
        }),
    }
}

/// The admin port.
pub(super) fn admin_port(listener: TcpListener, tls: Option<Tls>, times: TlsTimes) -> Port {
    Port {
        name: "admin",
        listener,
        lanes: Lanes::default(),
        protocol: admin_protocol(),
        tls,
        limits: Limits {
            max_connections: MAX_ADMIN_CONNECTIONS,
            overflow: Overflow::Wait,
            handshake: times.handshake_timeout,
            preface_timeout: FIRST_BYTES,
            stall: Some(FIRST_BYTES),
            max_age: None,
            drain_timeout: ADMIN_DRAIN,
        },
        counters: Arc::new(Counters::default()),
        requests: TaskTracker::new(),
    }
}
