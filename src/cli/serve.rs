//! `gridgate serve`

use super::output::{Failure, json_line, to_stderr};
use super::signals::{HangUps, Signals};
use super::{Environment, ServeArgs};
use crate::config::{Config, Upstream};
use crate::identity::Gate;
use crate::server::{Addresses, App, BindError, RunError, SandboxAccess};
use crate::telemetry::{self, LogFormat, LogLevels, Traces};
use secrecy::ExposeSecret as _;
use std::pin::pin;
use tokio_util::sync::CancellationToken;

/// Serves until a signal comes.
pub(super) fn run(args: ServeArgs, env: Environment) -> Result<(), Failure> {
    let ServeArgs { sandbox, common } = args;
    let config = Config::load(common.sources(env), sandbox)?;
    super::block_on(async {
        let (traces, notes) = Traces::set_up(&config.traces);
        let levels = telemetry::init(&config.log, traces.as_ref());
        let levels = levels.map_err(|error| Failure::Other("cannot log", error.into()))?;
        notes.log();
        let served = serve(config, levels).await;
        if let (Some(traces), false) = (traces, matches!(served, Err(Failure::Interrupted))) {
            traces.shut_down().await;
        }
        served
    })
}

async fn serve(config: Config, levels: LogLevels) -> Result<(), Failure> {
    // Before binding, so that no signal after the ready line is lost.
    let no_signals = |error: std::io::Error| Failure::Other("cannot listen for signals", error.into());
    let mut signals = Signals::new().map_err(no_signals)?;
    let mut hang_ups = HangUps::new().map_err(no_signals)?;
    let human = config.log.format == LogFormat::Human;
    let grpc_is_remote = !config.grpc.addr.ip().is_loopback();
    let grpc_is_plain = config.grpc.tls.is_none();
    let grid = match &config.upstream {
        Upstream::Grid(client) => client.base_url.clone(),
        Upstream::Sandbox { .. } => "a sandbox in this process".to_owned(),
    };
    let bound = tokio::select! {
        bound = App::bind(config) => bound,
        signal = signals.next() => {
            tracing::info!(signal, "stopping, before it began");
            return Ok(());
        }
    };
    let app = bound.map_err(|error| match error {
        BindError::Policy(_) => Failure::Mistaken(error.into()),
        error => Failure::Other("cannot start", error.into()),
    })?;
    let app = app.with_log_levels(levels);
    tracing::info!(grid, "calls go to Grid");
    say_who_may_call(app.gate().as_deref(), grpc_is_remote, grpc_is_plain);

    let stop = CancellationToken::new();
    let reload = app.reload();
    let (addresses, sandbox, ready) = (app.addresses(), app.sandbox(), app.ready());
    let mut running = pin!(app.run(stop.clone().cancelled_owned()));
    let mut told = pin!(async {
        ready.await;
        if let Err(error) = json_line(&addresses) {
            tracing::warn!(%error, "cannot write the ready line to standard output");
        }
        if let Some(access) = sandbox.filter(|_| human) {
            to_stderr(&hint(&addresses, &access));
        }
    });
    let mut is_told = false;
    loop {
        tokio::select! {
            ended = &mut running => {
                return ended.map_err(|error| match error {
                    RunError::LogNotOpened(error) => Failure::Other("cannot start", error.into()),
                    error => Failure::Other("stopped", error.into()),
                });
            }
            () = &mut told, if !is_told => is_told = true,
            () = hang_ups.next() => reload.now(),
            signal = signals.next() => {
                if stop.is_cancelled() {
                    return Err(Failure::Interrupted);
                }
                tracing::info!(signal, "stopping; a second signal ends it at once");
                stop.cancel();
            }
        }
    }
}

/// Logs who can call.
fn say_who_may_call(gate: Option<&Gate>, grpc_is_remote: bool, grpc_is_plain: bool) {
    match (gate, grpc_is_remote) {
        (Some(gate), _) => {
            tracing::info!(callers = gate.state().callers, "the policy decides who may call which methods");
            if gate.takes_tokens() && grpc_is_remote && grpc_is_plain {
                tracing::warn!(
                    "the policy has tokens, and the gRPC port has no TLS: anyone on the network path can read and use the \
                     tokens. Encrypt the connections with TLS or a mesh"
                );
            }
        }
        (None, true) => tracing::warn!(
            "no policy is set and the gRPC API is reachable from other machines: anyone who connects can use the Grid \
             account"
        ),
        (None, false) => {
            tracing::info!("no policy is set: the gRPC API listens on loopback only, and callers are not checked");
        }
    }
}

/// For `serve --sandbox`, once it is ready.
fn hint(addresses: &Addresses, sandbox: &SandboxAccess) -> String {
    let Addresses { grpc, webhook: _, admin, sandbox: _ } = addresses;
    let SandboxAccess { base_url, client_id, client_secret } = sandbox;
    let client_secret = client_secret.expose_secret();
    format!(
        "\n\
         gridgate is ready, with a local Grid of its own: nothing leaves this machine.\n\
         \n\
         \x20 gRPC API   {grpc}  (no TLS; reflection is on)\n\
         \x20 readiness  http://{admin}/readyz\n\
         \x20 sandbox    {base_url}  (user {client_id}, password {client_secret})\n\
         \n\
         A first call:\n\
         \n\
         \x20 npx -y @bufbuild/buf curl --protocol grpc --http2-prior-knowledge --data '{{}}' \\\n\
         \x20   http://{grpc}/gridgate.v1.PlatformService/GetPlatformConfig\n\
         \n\
         Ctrl-C stops it.\n\
         \n"
    )
}
