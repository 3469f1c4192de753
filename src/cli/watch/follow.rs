//! Keeps a stream open: connects, reads, and reconnects with the last token when it breaks.

use crate::backoff::Backoff;
use crate::cli::calling::{ConnectError, Connection, Target};
use crate::cli::fault::Lasting;
use crate::cli::output::{chain, printable};
use crate::pb::kyc_event_service_client::KycEventServiceClient;
use crate::pb::watch_kyc_status_request::Start;
use crate::pb::watch_kyc_status_response::Event;
use crate::pb::{GetKycStatusRequest, GoingAwayReason, WatchKycStatusRequest, WatchKycStatusResponse};
use crate::rpc::code_name;
use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The wait before connecting again at first, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// After so many missed heartbeats the client reconnects, even if the connection is open.
const MISSED_HEARTBEATS: u32 = 3;
/// After this long without an answer to a call, a probe finds out whether the server speaks gRPC.
const DOUBT: Duration = Duration::from_secs(2);
/// The longest lookup of whether a customer exists.
const ASKING: Duration = Duration::from_secs(15);

/// Shows responses.
pub(super) trait View: Send {
    /// One response.
    fn show(&mut self, response: &WatchKycStatusResponse) -> io::Result<()>;
}

/// How watching ends on success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Everyone is decided.
    Everything,
}

/// Why watching cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum FollowError {
    /// Calling again cannot help.
    #[error(transparent)]
    Lasting(#[from] Lasting),
    /// The stream cannot start at the token that --from named.
    #[error("{fault}")]
    Place {
        /// What the server said.
        fault: Lasting,
        /// What the person can do about it.
        hint: String,
    },
    /// A response could not be written.
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
}

/// Why a stream ended and the command reconnects.
struct Broken(String);

/// One stream, across all reconnections.
pub(super) struct Follow {
    target: Target,
    request: WatchKycStatusRequest,
    view: Box<dyn View>,
    /// Tells the person of breaks.
    say: fn(&str),
    silence: Duration,
    token: Option<String>,
    backoff: Backoff,
    broken: bool,
    /// Whether anything ever arrived.
    heard: bool,
    /// Checks whether the customers that --until-decided waits for exist.
    asking: Option<AbortOnDropHandle<()>>,
}

impl Follow {
    /// Calls `target` with `request`, and shows `view` the responses. `heartbeat` is the interval of heartbeats.
    pub(super) fn new(
        target: Target,
        mut request: WatchKycStatusRequest,
        heartbeat: Duration,
        view: Box<dyn View>,
        say: fn(&str),
    ) -> Self {
        request.heartbeat_interval = prost_types::Duration::try_from(heartbeat).ok();
        let (silence, backoff) = (heartbeat * MISSED_HEARTBEATS, Backoff::new(FIRST_WAIT, LONGEST_WAIT));
        let (token, broken, heard, asking) = (None, false, false, None);
        Self { target, request, view, say, silence, token, backoff, broken, heard, asking }
    }

    /// The token of the last response.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Follows the stream until it is complete or a fault is permanent.
    pub(super) async fn run(&mut self) -> Result<Said, FollowError> {
        loop {
            let Broken(why) = match self.once().await? {
                Ok(said) => return Ok(said),
                Err(broken) => broken,
            };
            self.broken = true;
            let wait = self.backoff.next_wait();
            (self.say)(&format!("{why}; reconnecting in {:.1} s", wait.as_secs_f64()));
            sleep(wait).await;
        }
    }

    /// One call, to its end.
    async fn once(&mut self) -> Result<Result<Said, Broken>, FollowError> {
        let channel = match self.target.connect().await {
            Ok(channel) => channel,
            Err(ConnectError::Lasting(fault)) => return Err(fault.into()),
            Err(error) => return Ok(Err(Broken(chain(&error)))),
        };
        let mut request = self.request.clone();
        if let Some(token) = &self.token {
            request.start = Some(Start::ResumeToken(token.clone()));
        }
        let mut client = KycEventServiceClient::new(channel.clone());
        let mut call = pin!(client.watch_kyc_status(request));
        let mut answer = timeout(DOUBT.min(self.silence), call.as_mut()).await;
        if answer.is_err() {
            if let Some(fault) = self.fault_of_silence().await {
                return Err(fault.into());
            }
            answer = timeout(self.silence, call).await;
        }
        let mut stream = match answer {
            Ok(Ok(answer)) => answer.into_inner(),
            Ok(Err(status)) => return self.judge(status).await.map(Err),
            Err(_) => return Ok(Err(self.because("does not answer"))),
        };
        if self.request.until_decided && self.asking.is_none() {
            let asking = tell_of_unknown(channel, self.request.customer_ids.clone(), self.say);
            self.asking = Some(AbortOnDropHandle::new(tokio::spawn(asking)));
        }
        loop {
            let response = match timeout(self.silence, stream.message()).await {
                Ok(Ok(Some(response))) => response,
                Ok(Ok(None)) => return Ok(Err(self.because("ended the stream"))),
                Ok(Err(status)) => return self.judge(status).await.map(Err),
                Err(_) => return Ok(Err(self.because("sends no heartbeats"))),
            };
            if let Some(ended) = self.take(response)? {
                return Ok(ended);
            }
        }
    }

    /// Takes one response, and says how the stream ends if it says so.
    fn take(&mut self, response: WatchKycStatusResponse) -> Result<Option<Result<Said, Broken>>, FollowError> {
        if std::mem::take(&mut self.broken) {
            (self.say)("reconnected");
        }
        self.view.show(&response)?;
        self.heard = true;
        self.backoff.reset();
        let WatchKycStatusResponse { resume_token, event } = response;
        self.token = Some(resume_token);
        let Some(Event::GoingAway(bye)) = event else { return Ok(None) };
        Ok(Some(match bye.reason() {
            GoingAwayReason::Decided => Ok(Said::Everything),
            GoingAwayReason::MaxAge => Err(self.because("ended the stream, which reached its maximum age")),
            GoingAwayReason::Shutdown => Err(self.because("ended the stream: gridgate is shutting down")),
            GoingAwayReason::Unspecified => Err(self.because("ended the stream")),
        }))
    }

    /// Decides whether to repeat a call that ended with this status.
    async fn judge(&mut self, status: Status) -> Result<Broken, FollowError> {
        let info = status.get_details_error_info();
        let lost = match info.as_ref().map(|info| info.reason.as_str()) {
            Some("RESUME_TOKEN_EXPIRED") => Some("no longer keeps the events after the last one"),
            Some("RESUME_TOKEN_FOREIGN") => Some("has another event log than before"),
            _ => None,
        };
        // The user did not choose a token of this run.
        if let Some(why) = lost
            && self.token.take().is_some()
        {
            self.request.start = None;
            self.request.with_snapshot = true;
            return Ok(self.because(&format!("{why}: changes may have been missed, and the current statuses follow")));
        }
        let Some(fault) = self.target.server.fault_of_call(&status, self.heard).await else {
            return Ok(match status.source() {
                Some(why) => self.because(&format!("broke the connection ({})", chain(why))),
                None => self.because(&format!("answered {}: {}", code_name(status.code()), status.message())),
            });
        };
        let oldest = info.as_ref().and_then(|info| info.metadata.get("oldest_resume_token"));
        Err(match (oldest, lost) {
            (Some(oldest), _) => FollowError::Place {
                fault,
                hint: format!(
                    "the missed events are no longer kept; --from {oldest} begins with the oldest event that is kept, --snapshot with the current statuses"
                ),
            },
            (None, Some(_)) => {
                FollowError::Place { fault, hint: "--snapshot alone begins with the current statuses".to_owned() }
            }
            (None, None) => fault.into(),
        })
    }

    /// The permanent fault of a server that never sent anything, if it is one.
    async fn fault_of_silence(&self) -> Option<Lasting> {
        if self.heard { None } else { self.target.server.fault_of_silence().await }
    }

    fn because(&self, what: &str) -> Broken {
        Broken(format!("{} {what}", self.target.server.name))
    }
}

/// Reports customers that do not exist, since the stream never would. Without permission to ask, or without an answer, nothing
/// is reported.
async fn tell_of_unknown(channel: Connection, customers: Vec<String>, say: fn(&str)) {
    let mut client = KycEventServiceClient::new(channel);
    for customer_id in customers {
        let name = printable(&customer_id);
        let request = GetKycStatusRequest { customer_id, ..GetKycStatusRequest::default() };
        match timeout(ASKING, client.get_kyc_status(request)).await {
            Ok(Err(status)) if status.code() == Code::NotFound => {
                say(&format!("Grid has no customer {name}; waiting until it has one and decides"));
            }
            Ok(Err(status)) if status.code() == Code::InvalidArgument => {
                say(&format!("{name} is not a customer id: {}", status.message()));
            }
            Ok(Ok(_) | Err(_)) | Err(_) => {}
        }
    }
}
