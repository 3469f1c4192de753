//! The running server: [`App`]. The only place that knows all the rooms.
//!
//! [`App::bind`] takes every port first, so that an address that is taken is known before anything runs;
//! [`App::run`] serves until it is told to stop, and then lets calls finish within the grace period.

mod admin;
mod connections;
mod customer_source;
mod error;
mod events;
mod grpc;
mod own_sandbox;
mod ports;
mod readiness;
mod run;
mod services;

pub use error::{BindError, ListenError, RunError};
pub(crate) use events::log_place;
pub use own_sandbox::SandboxAccess;
pub use ports::listen;
pub use services::DescriptorError;

use crate::config::{Config, GrpcConfig, ShutdownConfig, Upstream, connectable, settings};
use crate::grid::{self, ClientConfig};
use crate::rpc::UploadMemory;
use crate::webhook::WebhookDoor;
use connections::{Connections, Http2, Protocol};
use events::Events;
use grpc::{GrpcService, Stops};
use own_sandbox::OwnSandbox;
use ports::Ports;
use readiness::Readiness;
use serde::Serialize;
use services::Services;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic_health::server::HealthReporter;

/// Connections that the admin port serves at once.
const MAX_ADMIN_CONNECTIONS: u32 = 64;

/// A server that has its ports and is about to run.
pub struct App {
    addresses: Addresses,
    shutdown: ShutdownConfig,
    stops: Stops,
    readiness: Readiness,
    /// Cancelled when ready.
    ready: CancellationToken,
    grpc: Connections,
    service: GrpcService,
    admin: Connections,
    events: Events,
    door: Option<(WebhookDoor, TcpListener)>,
    sandbox: Option<OwnSandbox>,
}

/// The ports that were bound. Serialized, it is the program's ready line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// The gRPC API.
    pub grpc: SocketAddr,
    /// Grid's webhooks, where they are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<SocketAddr>,
    /// `/livez` and `/readyz`.
    pub admin: SocketAddr,
    /// The local Grid, where one runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SocketAddr>,
}

impl App {
    /// Takes the ports and sets everything up. Nothing is answered before [`App::run`].
    ///
    /// # Errors
    /// The addresses that cannot be listened on, all of them; or a part that cannot be set up.
    pub async fn bind(config: Config) -> Result<App, BindError> {
        let Config { grpc, admin_addr, upstream, grid, uploads_max_memory, events, shutdown, log: _ } = config;
        let mut ports = Ports::default();
        let grpc_port = ports.bind(&settings::GRPC_ADDR, grpc.addr).await;
        let admin_port = ports.bind(&settings::ADMIN_ADDR, admin_addr).await;
        // Without a key nothing could be believed, so nothing listens. A sandbox has one of its own.
        let takes_webhooks = events.webhook.public_keys.is_some() || matches!(upstream, Upstream::Sandbox { .. });
        let webhook_port = if takes_webhooks {
            ports.bind(&settings::WEBHOOK_ADDR, events.webhook.addr).await
        } else {
            tracing::warn!("no {} is set: webhooks are not taken", settings::WEBHOOK_PUBLIC_KEYS.env);
            None
        };
        let webhook_addr = webhook_port.as_ref().map(|(_, addr)| *addr);
        let (account, sandbox) = match upstream {
            Upstream::Grid(account) => {
                let base_url = account.base_url.as_str();
                (Some(ClientConfig::new(base_url, account.client_id, account.client_secret)), None)
            }
            Upstream::Sandbox { addr, behaviour } => {
                let endpoint = webhook_addr.map(|addr| format!("http://{}{}", connectable(addr), events.webhook.path));
                let port = ports.bind(&settings::SANDBOX_ADDR, addr).await;
                let sandbox = port.map(|(listener, addr)| OwnSandbox::new(listener, addr, &behaviour, endpoint));
                (sandbox.as_ref().map(OwnSandbox::client_config), sandbox)
            }
        };
        let (Some((grpc_listener, grpc_addr)), Some((admin_listener, admin_addr)), Some(account), true) =
            (grpc_port, admin_port, account, takes_webhooks == webhook_port.is_some())
        else {
            return Err(BindError::Listen(ports.into_failures()));
        };
        let client = grid::Client::new(ClientConfig {
            connect_timeout: grid.connect_timeout,
            max_concurrent: usize::try_from(grid.max_concurrent_calls).unwrap_or(usize::MAX),
            ..account
        })?;

        let stops = Stops::default();
        let reporter = HealthReporter::new();
        let log = Events::open(&events, &client).await?;
        let keys = events.webhook.public_keys.clone().or_else(|| sandbox.as_ref().and_then(OwnSandbox::public_key));
        let door = match (keys, webhook_port) {
            (Some(keys), Some((listener, _))) => Some((log.door(&events, &keys)?, listener)),
            (Some(_) | None, _) => None,
        };
        let watch = log.service(events.watch_max_age, stops.leaving.clone());
        let services =
            Services::of_the_api(&grpc, &client, UploadMemory::new(uploads_max_memory), watch, log.witness());
        let readiness = Readiness::starting(reporter.clone(), services.names.clone()).await;
        let routes = services.with_health_and_reflection(&grpc, reporter, &stops)?;
        Ok(App {
            addresses: Addresses {
                grpc: grpc_addr,
                webhook: webhook_addr,
                admin: admin_addr,
                sandbox: sandbox.as_ref().map(|own| own.addr),
            },
            events: log,
            door,
            shutdown,
            ready: CancellationToken::new(),
            service: grpc::with_layers(routes, grpc.deadlines, &stops)?,
            grpc: grpc_connections(grpc_listener, &grpc),
            admin: admin_connections(admin_listener),
            sandbox,
            stops,
            readiness,
        })
    }

    /// The ports that were bound, where the configuration may have said 0.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// How to call the sandbox, where this server runs its own.
    #[must_use]
    pub fn sandbox(&self) -> Option<SandboxAccess> {
        self.sandbox.as_ref().map(OwnSandbox::access)
    }

    /// Resolves when [`App::run`] answers calls, and never if it does not come to that.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        self.ready.clone().cancelled_owned()
    }
}

fn grpc_connections(listener: TcpListener, grpc: &GrpcConfig) -> Connections {
    let http2 = Http2 {
        max_concurrent_streams: grpc.max_concurrent_streams,
        keepalive_interval: grpc.keepalive_interval,
        keepalive_timeout: grpc.keepalive_timeout,
    };
    Connections {
        name: "grpc",
        listener,
        protocol: Protocol::Http2(http2),
        max_connections: grpc.max_connections,
        requests: TaskTracker::new(),
    }
}

fn admin_connections(listener: TcpListener) -> Connections {
    Connections {
        name: "admin",
        listener,
        protocol: Protocol::Http1,
        max_connections: MAX_ADMIN_CONNECTIONS,
        requests: TaskTracker::new(),
    }
}
