//! A stream that is read as a step: as far as it is to be.

use super::access::Calls;
use super::tree::Tree;
use crate::pb::kyc_event_service_client::KycEventServiceClient;
use crate::pb::watch_kyc_status_response::Event;
use crate::pb::{WatchKycStatusRequest, WatchKycStatusResponse};
use tonic::Status;

/// How far a stream is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// Until a response comes that has this field.
    Comes(&'static str),
    /// To its end.
    Ends,
}

/// Reads a stream into `responses`, without its heartbeats.
pub(super) async fn watched(
    channel: Calls,
    request: WatchKycStatusRequest,
    until: Until,
    shown: impl Fn(&WatchKycStatusResponse) -> Tree,
    responses: &mut Vec<Tree>,
) -> Result<(), Status> {
    let mut stream = KycEventServiceClient::new(channel).watch_kyc_status(request).await?.into_inner();
    while let Some(response) = stream.message().await? {
        if matches!(response.event, Some(Event::Heartbeat(_))) {
            continue;
        }
        let response = shown(&response);
        let is_it = matches!(until, Until::Comes(field) if response.at(field).is_some());
        responses.push(response);
        if is_it {
            return Ok(());
        }
    }
    match until {
        Until::Ends => Ok(()),
        Until::Comes(field) => Err(Status::unknown(format!("the stream ended before {field} came"))),
    }
}
