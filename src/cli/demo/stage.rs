//! What the demo plays on: a gridgate in this process, and a sandbox, its own or one that runs already.

use super::access::{Access, Calls};
use super::control::{Control, ControlError};
use super::report::StageShown;
use crate::config::{Config, Upstream, settings};
use crate::pb;
use crate::pb::platform_service_client::PlatformServiceClient;
use crate::sandbox;
use crate::server::{App, BindError, RunError};
use reqwest::Url;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt as _;

/// How long starting and stopping may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The demo cannot begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum StageError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("there is no policy for the demo")]
    Access(#[source] Box<dyn std::error::Error + Send + Sync>),
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
pub(super) struct Stage {
    channel: Channel,
    access: Access,
    control: Control,
    grpc: SocketAddr,
    grid: String,
    sandbox: Url,
    stop: CancellationToken,
    running: JoinHandle<Result<(), RunError>>,
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

impl Stage {
    /// Starts everything. `sandbox` is one that runs already.
    ///
    /// # Errors
    /// Something does not start, or gridgate's calls arrive elsewhere.
    pub(super) async fn build(mut config: Config, sandbox: Option<Url>) -> Result<Stage, StageError> {
        let account = match &config.upstream {
            Upstream::Grid(client) => Some(client.base_url.clone()),
            Upstream::Sandbox { .. } => None,
        };
        let access = Access::to_everything()?;
        config.identity.policy_file = Some(access.policy_file());
        let app = App::bind(config).await?;
        let (addresses, ready) = (app.addresses(), app.ready());
        let grid = account.or_else(|| app.sandbox().map(|access| access.base_url)).ok_or(StageError::NoSandbox)?;
        let sandbox = match sandbox {
            Some(url) => url,
            None => Url::parse(&grid).map_err(|_| StageError::NoSandbox)?,
        };
        let channel = Endpoint::from_shared(format!("http://{}", addresses.grpc))?.connect_lazy();
        let control = Control::new(sandbox.clone())?;
        let stop = CancellationToken::new();
        let mut running = tokio::spawn(app.run(stop.clone().cancelled_owned()));
        tokio::select! {
            became = timeout(PATIENCE, ready) => became.map_err(|_| StageError::Slow)?,
            ended = &mut running => {
                return Err(match ended {
                    Ok(Err(error)) => StageError::Run(error),
                    Ok(Ok(())) | Err(_) => StageError::Ended,
                });
            }
        }
        let stage = Stage { channel, access, control, grpc: addresses.grpc, grid, sandbox, stop, running };
        stage.check_where_calls_go().await?;
        Ok(stage)
    }

    /// Makes sure that what gridgate calls is the sandbox, by a call that changes nothing.
    async fn check_where_calls_go(&self) -> Result<(), StageError> {
        let before = self.control.requests_seen().await?;
        let answer =
            PlatformServiceClient::new(self.channel()).get_platform_config(pb::GetPlatformConfigRequest {}).await;
        if self.control.requests_seen().await? == before {
            return Err(StageError::Elsewhere { sandbox: self.sandbox.clone(), status: answer.err().map(Box::new) });
        }
        // Any other answer is for the flows to judge.
        if answer.is_err_and(|status| is_about_credentials(&status)) { Err(StageError::Credentials) } else { Ok(()) }
    }

    /// A channel to the gRPC API, for calls of the demo.
    pub(super) fn channel(&self) -> Calls {
        self.access.calls(self.channel.clone())
    }

    /// A client of the sandbox's own paths.
    pub(super) fn control(&self) -> Control {
        self.control.clone()
    }

    /// What to tell of it.
    pub(super) fn shown(&self) -> StageShown {
        let Stage { channel: _, access: _, control: _, grpc, grid, sandbox, stop: _, running: _ } = self;
        let origin = sandbox.origin().ascii_serialization();
        StageShown { grpc: grpc.to_string(), grid: grid.clone(), sandbox: origin }
    }

    /// Stops everything.
    pub(super) async fn strike(self) {
        let Stage { channel, running, stop, .. } = self;
        // Open connections would be waited for.
        drop(channel);
        stop.cancel();
        // Nothing is left that would be lost: what does not stop in time ends with the process.
        let _ = timeout(PATIENCE, running).await;
    }
}
