//! `gridgate healthcheck`

use super::output::Failure;
use super::{CommonArgs, Environment, OfCallers};
use crate::config::CallerConfig;
use clap::Args;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// How long an answer may take. Docker gives a health check 30 s by default.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub(super) struct HealthcheckArgs {
    /// The service to ask about, for example gridgate.v1.CustomerService; the whole server if empty
    #[arg(long, value_name = "NAME", default_value = "")]
    service: String,

    #[command(flatten)]
    common: CommonArgs<OfCallers>,
}

/// The server is not ready.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unhealthy {
    #[error("{0} cannot be reached")]
    Unreachable(SocketAddr, #[source] tonic::transport::Error),
    #[error("{0} did not answer within {PATIENCE:?}")]
    Silent(SocketAddr),
    #[error("{0} answered {code:?}: {message}", code = .1.code(), message = .1.message())]
    Refused(SocketAddr, tonic::Status),
    #[error("{0} is {status}", status = .1.as_str_name())]
    NotServing(SocketAddr, ServingStatus),
}

/// Succeeds if the server says that it is serving.
pub(super) fn run(args: HealthcheckArgs, env: Environment) -> Result<(), Failure> {
    let HealthcheckArgs { service, common } = args;
    let CallerConfig { addr } = CallerConfig::load(common.sources(env))?;
    super::block_on(async { check(addr, service).await.map_err(|error| Failure::Other("not healthy", error.into())) })
}

/// Asks the gRPC port at `addr` about a service; the whole server if empty.
pub(super) async fn check(addr: SocketAddr, service: String) -> Result<(), Unhealthy> {
    timeout(PATIENCE, ask(addr, service)).await.unwrap_or(Err(Unhealthy::Silent(addr)))
}

async fn ask(addr: SocketAddr, service: String) -> Result<(), Unhealthy> {
    let unreachable = |error| Unhealthy::Unreachable(addr, error);
    let endpoint = Endpoint::from_shared(format!("http://{addr}")).map_err(unreachable)?;
    let channel = endpoint.connect().await.map_err(unreachable)?;
    let answer = HealthClient::new(channel).check(HealthCheckRequest { service }).await;
    match answer.map_err(|status| Unhealthy::Refused(addr, status))?.into_inner().status() {
        ServingStatus::Serving => Ok(()),
        other => Err(Unhealthy::NotServing(addr, other)),
    }
}
