//! The stream of status changes that is open while the flows are played.

use super::report::Heard;
use crate::cli::calling::Connection;
use crate::pb::kyc_event_service_client::KycEventServiceClient;
use crate::pb::watch_kyc_status_response::Event;
use crate::pb::{KycEventRecord, WatchKycStatusRequest, WatchKycStatusResponse};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, Streaming};

/// Responses that wait to be heard; the stream waits when there are more.
const WAITING: usize = 1024;
/// How often a sign of life comes: as often as gridgate allows.
const HEARTBEAT: prost_types::Duration = prost_types::Duration { seconds: 1, nanos: 0 };
/// After so long without a word, what a flow set off has been heard.
const QUIET: Duration = Duration::from_millis(100);
/// How long to listen at most to what a flow set off.
const AFTER_A_FLOW: Duration = Duration::from_secs(1);
/// How long the last of it may take.
const IN_THE_END: Duration = Duration::from_secs(5);

/// Listens until it is dropped.
pub(super) struct Watcher {
    responses: mpsc::Receiver<Result<WatchKycStatusResponse, Status>>,
    _listening: AbortOnDropHandle<()>,
    /// Why nothing more comes, if so.
    broken: Option<String>,
}

impl Watcher {
    /// Listens to everything from now on.
    ///
    /// # Errors
    /// The stream cannot be opened.
    pub(super) async fn begin(connection: Connection) -> Result<Self, Status> {
        let request = WatchKycStatusRequest { heartbeat_interval: Some(HEARTBEAT), ..WatchKycStatusRequest::default() };
        let stream = KycEventServiceClient::new(connection).watch_kyc_status(request).await?.into_inner();
        let (tell, responses) = mpsc::channel(WAITING);
        let listening = AbortOnDropHandle::new(tokio::spawn(listen(stream, tell)));
        Ok(Self { responses, _listening: listening, broken: None })
    }

    /// What has come so far and was not heard yet.
    pub(super) fn so_far(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        while let Ok(response) = self.responses.try_recv() {
            heard.extend(self.take(response).0);
        }
        heard
    }

    /// What comes until it is quiet.
    pub(super) async fn until_quiet(&mut self) -> Vec<Heard> {
        let (mut heard, end) = (Vec::new(), Instant::now() + AFTER_A_FLOW);
        while Instant::now() < end
            && let Ok(Some(response)) = timeout(QUIET, self.responses.recv()).await
        {
            heard.extend(self.take(response).0);
        }
        heard
    }

    /// What comes until gridgate says that this is all that it knows.
    pub(super) async fn until_caught_up(&mut self) -> Vec<Heard> {
        let (mut heard, end) = (Vec::new(), Instant::now() + IN_THE_END);
        while let Ok(Some(response)) = timeout_at(end, self.responses.recv()).await {
            let (change, caught_up) = self.take(response);
            heard.extend(change);
            if caught_up {
                return heard;
            }
        }
        self.broken.get_or_insert_with(|| format!("gridgate did not say within {IN_THE_END:?} that this is all"));
        heard
    }

    /// Why something may not have been heard, if so.
    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The change that a response tells of, and whether it says that there is no more.
    fn take(&mut self, response: Result<WatchKycStatusResponse, Status>) -> (Option<Heard>, bool) {
        let event = match response {
            Ok(response) => response.event,
            Err(status) => {
                self.broken = Some(status.message().to_owned());
                None
            }
        };
        let source = |record: Option<KycEventRecord>| record.unwrap_or_default().source().as_str_name();
        let change = match event {
            Some(Event::StatusChange(change)) => Heard {
                customer_id: change.customer_id,
                platform_customer_id: change.platform_customer_id,
                previous: change.previous_status_raw,
                status: change.status_raw,
                is_decision: change.is_decision,
                is_deleted: change.is_deleted,
                source: source(change.record),
                ..Heard::default()
            },
            Some(Event::VerificationUpdate(update)) => Heard {
                customer_id: update.customer_id,
                platform_customer_id: update.platform_customer_id,
                verification_id: update.verification_id,
                previous: update.previous_status_raw,
                status: update.status_raw,
                is_decision: update.is_decision,
                source: source(update.record),
                ..Heard::default()
            },
            Some(Event::Heartbeat(heartbeat)) => return (None, heartbeat.caught_up),
            Some(Event::GoingAway(bye)) => {
                self.broken = Some(bye.reason().as_str_name().to_owned());
                return (None, false);
            }
            Some(Event::SnapshotEntry(_) | Event::Synced(_)) | None => return (None, false),
        };
        (Some(change), false)
    }
}

async fn listen(
    mut stream: Streaming<WatchKycStatusResponse>,
    tell: mpsc::Sender<Result<WatchKycStatusResponse, Status>>,
) {
    while let Some(response) = stream.message().await.transpose() {
        let is_last = response.is_err();
        if tell.send(response).await.is_err() || is_last {
            return;
        }
    }
}
