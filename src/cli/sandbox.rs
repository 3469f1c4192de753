//! `gridgate sandbox`

use super::output::{Failure, json_line};
use super::signals::Signals;
use super::{CommonArgs, Environment, OfSandbox};
use crate::config::{SandboxCommand, settings};
use crate::sandbox::Sandbox;
use crate::server::{self, BindError, SandboxAccess};
use crate::telemetry;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long requests may take to finish after a signal.
const FINISH: Duration = Duration::from_secs(2);

/// The ready line. The names are those of the environment variables that a Grid client reads, in small letters.
#[derive(Serialize)]
struct ReadyLine<'a> {
    /// The address that was bound.
    sandbox: SocketAddr,
    /// What `LIGHTSPARK_GRID_BASE_URL` has to be.
    base_url: &'a str,
    /// What `GRID_CLIENT_ID` has to be.
    client_id: &'a str,
    /// What `GRID_CLIENT_SECRET` has to be.
    client_secret: &'a str,
    /// What `GRID_WEBHOOK_PUBKEY` has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_pubkey: Option<&'a str>,
}

/// Serves a local Grid until a signal comes.
pub(super) fn run(args: CommonArgs<OfSandbox>, env: Environment) -> Result<(), Failure> {
    let command = SandboxCommand::load(args.sources(env))?;
    telemetry::init(&command.log, None).map_err(|error| Failure::Other("cannot log", error.into()))?;
    super::block_on(serve(command))
}

async fn serve(command: SandboxCommand) -> Result<(), Failure> {
    let SandboxCommand { addr, config, log: _ } = command;
    let mut signals = Signals::new().map_err(|error| Failure::Other("cannot listen for signals", error.into()))?;
    let bound = server::listen(&settings::SANDBOX_ADDR, addr);
    let (listener, addr) =
        bound.map_err(|error| Failure::Other("cannot start", BindError::Listen(vec![error]).into()))?;
    let SandboxAccess { base_url, client_id, client_secret } = SandboxAccess::new(addr, &config);
    let sandbox = Sandbox::new(config);
    let webhook_pubkey = sandbox.webhook_public_key_pem();

    let stop = CancellationToken::new();
    let mut running = pin!(sandbox.serve(listener, stop.clone().cancelled_owned()));
    let line = ReadyLine {
        sandbox: addr,
        base_url: &base_url,
        client_id: &client_id,
        client_secret: client_secret.expose_secret(),
        webhook_pubkey: webhook_pubkey.as_deref(),
    };
    if let Err(error) = json_line(&line) {
        tracing::warn!(%error, "cannot write the ready line to standard output");
    }
    let signal = tokio::select! {
        ended = &mut running => return ended.map_err(|error| Failure::Other("the sandbox stopped", error.into())),
        signal = signals.next() => signal,
    };
    tracing::info!(signal, "stopping");
    stop.cancel();
    tokio::select! {
        ended = timeout(FINISH, running) => match ended {
            Ok(ended) => ended.map_err(|error| Failure::Other("the sandbox stopped", error.into())),
            // A sandbox has nothing to lose.
            Err(_) => Ok(()),
        },
        _ = signals.next() => Err(Failure::Interrupted),
    }
}
