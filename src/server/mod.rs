//! The running server: [`App`]. The only module that knows all others.
//!
//! [`App::bind`] binds every port first, so that an address in use is an error before anything runs. [`App::run`] answers
//! probes at once, opens the event log, serves until it is stopped, and then lets calls finish within the grace period.

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
mod stop;

pub use error::{BindError, DescriptorError, ListenError, LogOpenError, RunError};
pub use grpc::methods;
pub use identity::Reload;
pub use own_sandbox::SandboxAccess;
pub use ports::{Addresses, listen};

use crate::config::{Config, ShutdownConfig, Upstream, settings};
use crate::grid::{self, ClientConfig};
use crate::identity::{Gate, register_metrics as register_gate};
use crate::rpc::UploadMemory;
use crate::telemetry::{LogLevels, context};
use crate::transport::{self, Port, Runtimes};
use crate::webhook::Endpoint;
use connections::{Certificates, Secured, admin_port, grpc_port};
use events::EventsToCome;
use grpc::Grpc;
use identity::Guard;
use observe::{Observed, Observing};
use own_sandbox::OwnSandbox;
use ports::{Ports, Wanted};
use services::ApiParts;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A server that has its ports and is about to run.
pub struct App {
    addresses: Addresses,
    shutdown: ShutdownConfig,
    /// Cancelled when ready.
    ready: CancellationToken,
    /// Who has to answer first.
    needed: Option<grid::Client>,
    /// Whether it is ready only while the event log records.
    needs_recording: bool,
    grpc: Grpc,
    runtimes: Runtimes,
    /// None where callers are not checked.
    guard: Option<Guard>,
    reload: Reload,
    admin: Port,
    certificates: Certificates,
    events: EventsToCome,
    endpoint: Option<(Endpoint, TcpListener)>,
    sandbox: Option<OwnSandbox>,
    observed: Arc<Observed>,
    /// None where several servers share a process.
    log_levels: Option<LogLevels>,
}

impl App {
    /// Binds the ports and sets up everything that does not block. No port answers before [`App::run`].
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
            uploads_max_memory,
            mut webhook,
            events,
            shutdown,
            ready_needs_grid,
            ready_needs_recording,
            log: _,
            traces: _,
            connection_threads: threads,
        } = config;
        let takes_webhooks = takes_webhooks(webhook.public_keys.as_deref(), &upstream);
        let wanted = Wanted {
            grpc: grpc.addr,
            admin: admin_addr,
            webhook: takes_webhooks.then_some(webhook.addr),
            webhook_path: &webhook.path,
            upstream,
        };
        let ports = wanted.bind()?;
        let addresses = ports.addresses();
        let runtimes = Runtimes::start("connections", threads).map_err(BindError::Threads)?;
        let mut observing = Observing::begin(&runtimes);
        let Ports { grpc: (grpc_listener, _), admin: (admin_listener, _), webhook: webhook_port, client, sandbox } =
            ports;
        let client = grid_client(client, &mut observing)?;

        let tls = Secured { grpc: grpc.tls.take(), admin: admin_tls, webhook: webhook.tls.take() };
        let (certificates, secured) = Certificates::load(tls, tls_times, &grpc.http2).await?;
        let events_to_come = EventsToCome::new(&events, &client)?;
        let keys = webhook.public_keys.clone().or_else(|| sandbox.as_ref().and_then(OwnSandbox::public_key));
        let endpoint = keys.zip(webhook_port).map(|(keys, (listener, _))| {
            let endpoint = events::endpoint(&webhook, &keys, events_to_come.late())?.measured(&mut observing.metrics);
            Ok::<_, BindError>((
                secured.webhook.into_iter().fold(endpoint.on(runtimes.lanes()), Endpoint::with_tls),
                listener,
            ))
        });

        let (methods, reload) = (Arc::new(grpc::methods()?), Reload::default());
        let guard = Guard::open(identity, &methods, &reload).await?;
        let gate = guard.as_ref().map(|guard| Arc::clone(&guard.gate));
        register_gate(&mut observing.metrics, gate.clone());
        let grpc_port = grpc_port(grpc_listener, runtimes.lanes(), &grpc, secured.grpc);
        let admin = admin_port(admin_listener, secured.admin, tls_times);
        let counted = |port: &Port| (port.name, Arc::clone(&port.counters));
        let webhooks = endpoint.as_ref().and_then(|endpoint| endpoint.as_ref().ok());
        let webhooks = webhooks.map(|(endpoint, _)| ("webhook", endpoint.counters().connections()));
        let counted = webhooks.into_iter().chain([counted(&grpc_port), counted(&admin)]).collect();
        transport::register_metrics(&mut observing.metrics, counted, certificates.counts());
        let of = ApiParts {
            grid: client.clone(),
            uploads: UploadMemory::new(uploads_max_memory),
            watch_max_age: events.watch_max_age,
        };
        Ok(App {
            addresses,
            shutdown,
            ready: CancellationToken::new(),
            needed: ready_needs_grid.then_some(client),
            needs_recording: ready_needs_recording,
            grpc: Grpc::set_up(grpc, grpc_port, gate, &methods, of, &mut observing).await?,
            runtimes,
            guard,
            reload,
            admin,
            certificates,
            observed: Arc::new(events_to_come.observed(observing)),
            log_levels: None,
            events: events_to_come,
            endpoint: endpoint.transpose()?,
            sandbox,
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

    /// Decides on calls and counts its decisions; `None` if gridgate does not check callers.
    #[must_use]
    pub fn gate(&self) -> Option<Arc<Gate>> {
        self.guard.as_ref().map(|guard| Arc::clone(&guard.gate))
    }

    /// Resolves when [`App::run`] answers calls, and never if it does not come to that.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        self.ready.clone().cancelled_owned()
    }
}

/// The client that calls Grid as this account.
fn grid_client(config: ClientConfig, observing: &mut Observing) -> Result<grid::Client, grid::ClientSetupError> {
    let config = ClientConfig { headers: context::inject, unknown_words: observing.unknown_words(), ..config };
    let client = grid::Client::new(config)?;
    client.register_metrics(&mut observing.metrics);
    Ok(client)
}

/// Without a key nothing could be believed, so nothing listens. A sandbox has one of its own.
fn takes_webhooks(public_keys: Option<&str>, upstream: &Upstream) -> bool {
    let takes_them = public_keys.is_some() || matches!(upstream, Upstream::Sandbox { .. });
    if !takes_them {
        tracing::warn!("{} is not set: gridgate receives no webhooks", settings::WEBHOOK_PUBLIC_KEYS.env);
    }
    takes_them
}
