//! What the demo runs against: a gridgate in this process, and a sandbox, its own or one that runs already.

use super::control::{Control, ControlError};
use super::output::Report;
use super::report::Event;
use crate::cli::calling::{Bearer, Connection, TargetError};
use crate::config::{Config, Upstream, settings};
use crate::identity::NewToken;
use crate::pb;
use crate::pb::platform_service_client::PlatformServiceClient;
use crate::sandbox;
use crate::server::{App, BindError, RunError};
use reqwest::Url;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt as _;

/// How long starting and stopping may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The demo cannot begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("there is no policy for the demo")]
    Policy(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Token(#[from] TargetError),
    #[error("gridgate ended before it was ready")]
    Ended,
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("the gRPC API cannot be called")]
    Channel(#[from] tonic::transport::Error),
    #[error("gridgate was not ready within {PATIENCE:?}")]
    Slow,
    /// Nothing may be created before it is certain that it is in a sandbox.
    #[error("gridgate's calls do not arrive at the sandbox {sandbox}{}", .status.as_ref().map_or_else(String::new, |status| format!(": {}", status.message())))]
    Elsewhere { sandbox: Url, status: Option<Box<Status>> },
    #[error("the sandbox refuses the credentials; set {} and {} to those of its ready line", settings::GRID_CLIENT_ID.env, settings::GRID_CLIENT_SECRET.env)]
    Credentials,
    #[error("there is no sandbox")]
    NoSandbox,
}

/// A gridgate that runs, and the sandbox that it calls.
pub(super) struct Servers {
    channel: Channel,
    bearer: Bearer,
    control: Control,
    grpc: SocketAddr,
    grid: String,
    sandbox: Url,
    stop: CancellationToken,
    running: JoinHandle<Result<(), RunError>>,
    /// Holds the policy's file.
    _directory: TempDir,
}

/// Grid's API on a sandbox.
pub(super) fn grid_base_url(sandbox: &Url) -> Url {
    let mut url = sandbox.clone();
    url.set_path(sandbox::BASE_PATH);
    url.set_query(None);
    url
}

/// Whether Grid answered 401.
fn is_about_credentials(status: &Status) -> bool {
    let info = status.get_details_error_info();
    info.is_some_and(|info| info.metadata.get("http_status").is_some_and(|status| status == "401"))
}

/// Writes a policy in which a new token may call every method; some methods only a policy grants. Returns the token.
fn write_policy(directory: &TempDir) -> Result<SecretString, Box<dyn std::error::Error + Send + Sync>> {
    let token = NewToken::generate()?;
    let methods = "\"*/*\", \"gridgate.v1.PlatformService/UpdatePlatformConfig\"";
    let policy = format!("[callers.demo]\ntokens = [\"{}\"]\nmethods = [{methods}]\n", token.hash());
    std::fs::write(directory.path().join("policy.toml"), policy)?;
    Ok(token.expose().to_owned().into())
}

impl Servers {
    /// Starts everything. `sandbox` is one that runs already.
    ///
    /// # Errors
    /// Something does not start, or gridgate's calls arrive elsewhere.
    pub(super) async fn start(mut config: Config, sandbox: Option<Url>) -> Result<Servers, StartError> {
        let account = match &config.upstream {
            Upstream::Grid(client) => Some(client.base_url.clone()),
            Upstream::Sandbox { .. } => None,
        };
        let directory = tempfile::Builder::new().prefix("gridgate-").tempdir();
        let directory = directory.map_err(|error| StartError::Policy(error.into()))?;
        let bearer = Bearer::of(Some(write_policy(&directory).map_err(StartError::Policy)?))?;
        config.identity.policy_file = Some(directory.path().join("policy.toml"));
        let app = App::bind(config).await?;
        let (addresses, ready) = (app.addresses(), app.ready());
        let grid = account.or_else(|| app.sandbox().map(|access| access.base_url)).ok_or(StartError::NoSandbox)?;
        let sandbox = match sandbox {
            Some(url) => url,
            None => Url::parse(&grid).map_err(|_| StartError::NoSandbox)?,
        };
        let channel = Endpoint::from_shared(format!("http://{}", addresses.grpc))?.connect_lazy();
        let control = Control::new(sandbox.clone())?;
        let stop = CancellationToken::new();
        let mut running = tokio::spawn(app.run(stop.clone().cancelled_owned()));
        tokio::select! {
            became = timeout(PATIENCE, ready) => became.map_err(|_| StartError::Slow)?,
            ended = &mut running => {
                return Err(match ended {
                    Ok(Err(error)) => StartError::Run(error),
                    Ok(Ok(())) | Err(_) => StartError::Ended,
                });
            }
        }
        let grpc = addresses.grpc;
        let servers = Servers { channel, bearer, control, grpc, grid, sandbox, stop, running, _directory: directory };
        servers.check_where_calls_go().await?;
        Ok(servers)
    }

    /// Makes sure that what gridgate calls is the sandbox, by a call that changes nothing.
    async fn check_where_calls_go(&self) -> Result<(), StartError> {
        let before = self.control.requests_seen().await?;
        let answer =
            PlatformServiceClient::new(self.connection()).get_platform_config(pb::GetPlatformConfigRequest {}).await;
        if self.control.requests_seen().await? == before {
            return Err(StartError::Elsewhere { sandbox: self.sandbox.clone(), status: answer.err().map(Box::new) });
        }
        // Any other answer is for the flows to judge.
        if answer.is_err_and(|status| is_about_credentials(&status)) { Err(StartError::Credentials) } else { Ok(()) }
    }

    /// A connection to the gRPC API, whose calls bring the demo's token.
    pub(super) fn connection(&self) -> Connection {
        InterceptedService::new(self.channel.clone(), self.bearer.clone())
    }

    /// A client of the sandbox's own paths.
    pub(super) fn control(&self) -> Control {
        self.control.clone()
    }

    /// Reports the addresses.
    pub(super) fn tell(&self, report: &mut Report) {
        let (grpc, sandbox) = (self.grpc.to_string(), self.sandbox.origin().ascii_serialization());
        report.tell(&Event::Started { grpc: &grpc, grid: &self.grid, sandbox: &sandbox });
    }

    /// Stops everything.
    pub(super) async fn stop(self) {
        let Servers { channel, running, stop, .. } = self;
        // Open connections would be waited for.
        drop(channel);
        stop.cancel();
        // Nothing is left that would be lost: what does not stop in time ends with the process.
        let _ = timeout(PATIENCE, running).await;
    }
}
