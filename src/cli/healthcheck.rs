//! `gridgate healthcheck`

use super::calling::{ConnectError, Target};
use super::fault::Lasting;
use super::output::{Failure, to_stdout, while_read};
use super::{CommonArgs, Environment, OfCallers};
use crate::config::CallerConfig;
use clap::Args;
use std::time::Duration;
use tokio::time::timeout;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// The longest wait for an answer. Docker allows a health check 30 s by default.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub(super) struct HealthcheckArgs {
    /// The service to check, for example gridgate.v1.CustomerService; the whole server if empty
    #[arg(long, value_name = "NAME", default_value = "")]
    service: String,

    #[command(flatten)]
    common: CommonArgs<OfCallers>,
}

/// The server is not ready.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unhealthy {
    #[error(transparent)]
    Unreachable(#[from] ConnectError),
    #[error(transparent)]
    Lasting(#[from] Lasting),
    #[error("{0} did not answer within {PATIENCE:?}")]
    Silent(String),
    #[error("{0} answered {code:?}: {message}", code = .1.code(), message = .1.message())]
    Refused(String, tonic::Status),
    #[error("{0} is {status}", status = .1.as_str_name())]
    NotServing(String, ServingStatus),
}

/// Succeeds if the server answers SERVING.
pub(super) fn run(args: HealthcheckArgs, env: Environment) -> Result<(), Failure> {
    let HealthcheckArgs { service, common } = args;
    let of = if service.is_empty() { String::new() } else { format!("{service} of ") };
    let target = Target::of(CallerConfig::load(common.sources(env))?)
        .map_err(|error| Failure::Other("cannot call", error.into()))?;
    super::block_on(async {
        check(&target, service).await.map_err(|error| Failure::Other("not healthy", error.into()))?;
        while_read(to_stdout(&format!("healthy: {of}{} is SERVING\n", target.server.name)))
            .map_err(|error| Failure::Other("cannot write", error.into()))
    })
}

/// Checks a service of a gridgate; the whole server if empty.
pub(super) async fn check(target: &Target, service: String) -> Result<(), Unhealthy> {
    let asked = timeout(PATIENCE, ask(target, service)).await;
    match asked {
        Ok(answered) => answered,
        Err(_) => Err(match target.server.fault_of_silence().await {
            Some(fault) => fault.into(),
            None => Unhealthy::Silent(target.server.name.clone()),
        }),
    }
}

async fn ask(target: &Target, service: String) -> Result<(), Unhealthy> {
    let name = || target.server.name.clone();
    let answer = HealthClient::new(target.connect().await?).check(HealthCheckRequest { service }).await;
    let status = match answer {
        Ok(answer) => answer.into_inner().status(),
        Err(status) => {
            let fault = target.server.fault_of_call(&status, false).await;
            return Err(fault.map_or_else(|| Unhealthy::Refused(name(), status), Unhealthy::Lasting));
        }
    };
    if status == ServingStatus::Serving { Ok(()) } else { Err(Unhealthy::NotServing(name(), status)) }
}
