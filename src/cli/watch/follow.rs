//! Keeps a stream going: connects, reads, and connects again with the last token where it breaks.

use super::words;
use crate::cli::calling::Target;
use crate::kyc::backoff::Backoff;
use crate::pb::kyc_event_service_client::KycEventServiceClient;
use crate::pb::watch_kyc_status_request::Start;
use crate::pb::watch_kyc_status_response::Event;
use crate::pb::{GoingAwayReason, WatchKycStatusRequest, WatchKycStatusResponse};
use std::io;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// A heartbeat comes every 15 seconds where nothing else is asked for: without a sign of life for so long, the other end is
/// The wait before connecting again at first, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// gone, whatever the connection says.
const SILENCE: Duration = Duration::from_secs(45);

/// Is shown what comes.
pub(super) trait View: Send {
    /// One response.
    fn show(&mut self, response: &WatchKycStatusResponse) -> io::Result<()>;
}

/// How watching ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Everyone is decided.
    Everything,
}

/// Why watching cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum FollowError {
    /// The call can never be answered as it is.
    #[error("{code:?}: {message}", code = .status.code(), message = .status.message())]
    Refused {
        /// What the server said.
        status: Box<Status>,
        /// What the person can do about it.
        hint: Option<String>,
    },
    /// What came could not be written.
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
}

/// Why a stream is over, and is called again.
enum Broken {
    /// It ended in good order.
    Ended(&'static str),
    /// It did not.
    Lost(String),
}

/// One stream, however often it is called.
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
}

impl Follow {
    /// Calls `target` with `request`, and shows `view` what comes.
    pub(super) fn new(target: Target, request: WatchKycStatusRequest, view: Box<dyn View>, say: fn(&str)) -> Self {
        let target = target.connect_timeout(CONNECT);
        let (token, backoff, broken) = (None, Backoff::new(FIRST_WAIT, LONGEST_WAIT), false);
        Self { target, request, view, say, silence: SILENCE, token, backoff, broken }
    }

    /// The token of the last response.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Until everything is said, or it is no use any more.
    pub(super) async fn run(&mut self) -> Result<Said, FollowError> {
        loop {
            let why = match self.once().await? {
                Ok(said) => return Ok(said),
                Err(Broken::Ended(why)) => why.to_owned(),
                Err(Broken::Lost(why)) => why,
            };
            self.broken = true;
            let wait = self.backoff.next_wait();
            (self.say)(&format!("{why}; connecting again in {:.1} s", wait.as_secs_f64()));
            sleep(wait).await;
        }
    }

    /// One call, to its end.
    async fn once(&mut self) -> Result<Result<Said, Broken>, FollowError> {
        let channel = match self.target.connect().await {
            Ok(channel) => channel,
            Err(error) => return Ok(Err(Broken::Lost(words(&error)))),
        };
        let mut client = KycEventServiceClient::new(channel);
        let mut request = self.request.clone();
        if let Some(token) = &self.token {
            request.start = Some(Start::ResumeToken(token.clone()));
        }
        let mut stream = match timeout(self.silence, client.watch_kyc_status(request)).await {
            Ok(Ok(answer)) => answer.into_inner(),
            Ok(Err(status)) => return judge(status).map(Err),
            Err(_) => return Ok(Err(Broken::Lost("no answer".to_owned()))),
        };
        loop {
            let response = match timeout(self.silence, stream.message()).await {
                Ok(Ok(Some(response))) => response,
                Ok(Ok(None)) => return Ok(Err(Broken::Ended("the stream ended"))),
                Ok(Err(status)) => return judge(status).map(Err),
                Err(_) => return Ok(Err(Broken::Lost("no sign of life".to_owned()))),
            };
            if let Some(ended) = self.take(response)? {
                return Ok(ended);
            }
        }
    }

    /// Takes one response, and says how the stream ends if it says so.
    fn take(&mut self, response: WatchKycStatusResponse) -> Result<Option<Result<Said, Broken>>, FollowError> {
        if std::mem::take(&mut self.broken) {
            (self.say)("connected again");
        }
        self.view.show(&response)?;
        self.backoff.reset();
        let WatchKycStatusResponse { resume_token, event } = response;
        self.token = Some(resume_token);
        let Some(Event::GoingAway(bye)) = event else { return Ok(None) };
        Ok(Some(match bye.reason() {
            GoingAwayReason::Decided => Ok(Said::Everything),
            GoingAwayReason::MaxAge => Err(Broken::Ended("the stream has reached its age")),
            GoingAwayReason::Shutdown => Err(Broken::Ended("gridgate is shutting down")),
            GoingAwayReason::Unspecified => Err(Broken::Ended("the stream ended")),
        }))
    }
}

/// Whether a call that ended with this status is of use again.
fn judge(status: Status) -> Result<Broken, FollowError> {
    let useless = match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => true,
        // The last three are also what a connection that breaks looks like.
        Code::Ok
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Unavailable
        | Code::Cancelled
        | Code::Unknown
        | Code::Internal => false,
    };
    if useless {
        let hint = hint(&status);
        return Err(FollowError::Refused { status: Box::new(status), hint });
    }
    Ok(Broken::Lost(format!("{:?}: {}", status.code(), status.message())))
}

/// What can be done about it, where that is known.
fn hint(status: &Status) -> Option<String> {
    let info = status.get_details_error_info()?;
    let oldest = info.metadata.get("oldest_resume_token")?;
    Some(format!(
        "what was missed is no longer kept; --from {oldest} begins with what is, --snapshot with what is so now"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_mended_by_calling_again_is_called_again() {
        for code in (0..=16).map(Code::from) {
            let judged = judge(Status::new(code, "why"));
            let unmendable = [3, 5, 6, 7, 9, 11, 12, 15, 16].contains(&(code as i32));
            assert_eq!(judged.is_err(), unmendable, "{code:?}");
        }
    }
}
