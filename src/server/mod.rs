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
mod identity;
mod observe;
mod own_sandbox;
mod parts;
mod ports;
mod readiness;
mod run;
mod services;

pub use error::{BindError, ListenError, RunError};
pub(crate) use events::log_place;
pub use grpc::methods;
pub use identity::Reload;
pub use own_sandbox::SandboxAccess;
pub use ports::listen;
pub use services::DescriptorError;

use crate::config::{Config, ShutdownConfig, Upstream, connectable, settings};
use crate::grid::{self, ClientConfig};
use crate::identity::Gate;
use crate::rpc::UploadMemory;
use crate::telemetry::LogLevels;
use crate::transport::Port;
use crate::webhook::{Limits, WebhookDoor};
use connections::{Certificates, admin_protocol, grpc_protocol};
use events::Events;
use grpc::{GrpcService, Stops};
use identity::Guard;
use observe::{Observed, Observing};
use own_sandbox::OwnSandbox;
use ports::Ports;
use readiness::Readiness;
use serde::Serialize;
use services::Services;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

/// A server that has its ports and is about to run.
pub struct App {
    addresses: Addresses,
    shutdown: ShutdownConfig,
    stops: Stops,
    readiness: Readiness,
    /// Cancelled when ready.
    ready: CancellationToken,
    /// Who has to answer first.
    needed: Option<grid::Client>,
    grpc: Port,
    service: GrpcService,
    /// None where callers are not checked.
    guard: Option<Guard>,
    reload: Reload,
    admin: Port,
    certificates: Certificates,
    events: Events,
    door: Option<(WebhookDoor, TcpListener)>,
    sandbox: Option<OwnSandbox>,
    observed: Observed,
    /// None where several servers share a process.
    log_levels: Option<LogLevels>,
}

/// The ports that were bound. Serialized, it is the program's ready line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// The gRPC API.
    pub grpc: SocketAddr,
    /// Grid's webhooks, where they are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<SocketAddr>,
    /// `/livez`, `/readyz` and `/metrics`.
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
        let Config {
            mut grpc,
            identity,
            admin_addr,
            admin_tls,
            tls: tls_times,
            upstream,
            grid,
            uploads_max_memory,
            mut events,
            shutdown,
            ready_needs_grid,
            log: _,
            traces: _,
        } = config;
        let mut ports = Ports::default();
        let grpc_port = ports.bind(&settings::GRPC_ADDR, grpc.addr);
        let admin_port = ports.bind(&settings::ADMIN_ADDR, admin_addr);
        // Without a key nothing could be believed, so nothing listens. A sandbox has one of its own.
        let takes_webhooks = events.webhook.public_keys.is_some() || matches!(upstream, Upstream::Sandbox { .. });
        let webhook_port = if takes_webhooks {
            ports.bind(&settings::WEBHOOK_ADDR, events.webhook.addr)
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
                let port = ports.bind(&settings::SANDBOX_ADDR, addr);
                let sandbox = port.map(|(listener, addr)| OwnSandbox::new(listener, addr, &behaviour, endpoint));
                (sandbox.as_ref().map(OwnSandbox::client_config), sandbox)
            }
        };
        let (Some((grpc_listener, grpc_addr)), Some((admin_listener, admin_addr)), Some(account), true) =
            (grpc_port, admin_port, account, takes_webhooks == webhook_port.is_some())
        else {
            return Err(BindError::Listen(ports.into_failures()));
        };
        let mut observing = Observing::begin();
        let client = grid::Client::new(ClientConfig {
            observer: observing.grid(),
            connect_timeout: grid.connect_timeout,
            max_concurrent: usize::try_from(grid.max_concurrent_calls).unwrap_or(usize::MAX),
            ..account
        })?;

        let mut certificates = Certificates::new(tls_times);
        let (grpc_speaks, admin_speaks) = (grpc_protocol(&grpc), admin_protocol());
        let grpc_tls = certificates.load(&settings::GRPC_TLS_CERTIFICATE, grpc.tls.take(), &grpc_speaks).await?;
        let admin_tls = certificates.load(&settings::ADMIN_TLS_CERTIFICATE, admin_tls, &admin_speaks).await?;
        let webhook_speaks = WebhookDoor::protocol(&Limits::default());
        let webhook_tls = events.webhook.tls.take();
        let webhook_tls = certificates.load(&settings::WEBHOOK_TLS_CERTIFICATE, webhook_tls, &webhook_speaks).await?;

        let (stops, reload) = (Stops::default(), Reload::default());
        let methods = grpc::methods()?;
        let guard = Guard::open(identity, &methods, &reload).await?;
        let gate = guard.as_ref().map(|guard| Arc::clone(&guard.gate));
        observing.gate(gate.as_ref());
        let reporter = HealthReporter::new();
        observing.client(&client);
        let log = Events::open(&events, &client, &observing).await?;
        let keys = events.webhook.public_keys.clone().or_else(|| sandbox.as_ref().and_then(OwnSandbox::public_key));
        let door = match (keys, webhook_port) {
            (Some(keys), Some((listener, _))) => {
                let door = observing.door(log.door(&events, &keys)?);
                Some((webhook_tls.into_iter().fold(door, WebhookDoor::with_tls), listener))
            }
            (Some(_) | None, _) => None,
        };
        let watch = log.service(events.watch_max_age, stops.leaving.clone()).observed_by(observing.deliveries());
        let services =
            Services::of_the_api(&grpc, &client, UploadMemory::new(uploads_max_memory), watch, log.witness());
        let readiness = Readiness::starting(reporter.clone(), services.names.clone()).await;
        let routes = services.with_health_and_reflection(&grpc, reporter, &stops)?;
        let service = grpc::with_layers(routes, &grpc, gate, methods, &stops, &mut observing);
        let grpc = connections::grpc_port(grpc_listener, &grpc, grpc_speaks, grpc_tls, tls_times);
        let admin = connections::admin_port(admin_listener, admin_speaks, admin_tls, tls_times);
        observing.port(grpc.name, Arc::clone(&grpc.counters));
        observing.port(admin.name, Arc::clone(&admin.counters));
        observing.certificates(certificates.counts());
        Ok(App {
            addresses: Addresses {
                grpc: grpc_addr,
                webhook: webhook_addr,
                admin: admin_addr,
                sandbox: sandbox.as_ref().map(|own| own.addr),
            },
            shutdown,
            ready: CancellationToken::new(),
            needed: ready_needs_grid.then_some(client),
            service,
            guard,
            reload,
            grpc,
            admin,
            certificates,
            observed: log.observed(observing),
            log_levels: None,
            events: log,
            door,
            sandbox,
            stops,
            readiness,
        })
    }

    /// Lets the admin port read and change which log lines this process writes.
    #[must_use]
    pub fn with_log_levels(self, levels: LogLevels) -> App {
        App { log_levels: Some(levels), ..self }
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

    /// Makes the policy file be looked at, where there is one.
    #[must_use]
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// Who decides on calls, with what it has decided; `None` where callers are not checked.
    #[must_use]
    pub fn gate(&self) -> Option<Arc<Gate>> {
        self.guard.as_ref().map(|guard| Arc::clone(&guard.gate))
    }

    /// Resolves when [`App::run`] answers calls, and never if it does not come to that.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        self.ready.clone().cancelled_owned()
    }
}
