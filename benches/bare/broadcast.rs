//! The least a team could write to tell many of something: a tonic stream from a tokio broadcast, with no log.

use std::net::SocketAddr;
use std::pin::Pin;

use futures_util::{Stream, stream};
use gridgate::pb;
use gridgate::pb::kyc_event_service_server::{KycEventService, KycEventServiceServer};
use gridgate::pb::watch_kyc_status_response::Event;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

pub struct Bare(broadcast::Sender<pb::WatchKycStatusResponse>);

#[tonic::async_trait]
impl KycEventService for Bare {
    type WatchKycStatusStream = Pin<Box<dyn Stream<Item = Result<pb::WatchKycStatusResponse, Status>> + Send>>;

    async fn watch_kyc_status(
        &self,
        _: Request<pb::WatchKycStatusRequest>,
    ) -> Result<Response<Self::WatchKycStatusStream>, Status> {
        let first =
            pb::WatchKycStatusResponse { event: Some(Event::Synced(pb::Synced::default())), ..Default::default() };
        let events = stream::unfold((Some(first), self.0.subscribe()), async |(first, mut events)| match first {
            Some(first) => Some((Ok(first), (None, events))),
            None => match events.recv().await {
                Ok(event) => Some((Ok(event), (None, events))),
                Err(error) => Some((Err(Status::data_loss(error.to_string())), (None, events))),
            },
        });
        Ok(Response::new(Box::pin(events)))
    }

    async fn list_kyc_events(
        &self,
        _: Request<pb::ListKycEventsRequest>,
    ) -> Result<Response<pb::ListKycEventsResponse>, Status> {
        Err(Status::unimplemented("not part of the benchmark"))
    }

    async fn get_kyc_status(
        &self,
        request: Request<pb::GetKycStatusRequest>,
    ) -> Result<Response<pb::GetKycStatusResponse>, Status> {
        let customer_id = request.into_inner().customer_id;
        let customer = pb::CustomerKycStatus { customer_id, ..Default::default() };
        Ok(Response::new(pb::GetKycStatusResponse { customer: Some(customer), ..Default::default() }))
    }
}

/// Starts it; what is sent to the answer goes to each stream.
pub async fn start(
    servers: &mut JoinSet<()>,
    capacity: usize,
) -> (SocketAddr, broadcast::Sender<pb::WatchKycStatusResponse>) {
    let (sender, _) = broadcast::channel(capacity);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = KycEventServiceServer::new(Bare(sender.clone()));
    let server = tonic::transport::Server::builder().tcp_nodelay(true).add_service(service);
    servers.spawn(async move { server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap() });
    (address, sender)
}

/// As long as what gridgate sends.
pub fn event(id: String, customer_id: String, status_raw: String) -> pb::WatchKycStatusResponse {
    let record = pb::KycEventRecord {
        event_id: id.clone(),
        outcome: pb::KycEventOutcome::Change.into(),
        source: pb::KycEventSource::Webhook.into(),
        webhook_id: id,
        occurred_at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        recorded_at: Some(prost_types::Timestamp { seconds: 1_790_000_000, nanos: 123_456_000 }),
        ..Default::default()
    };
    let change = pb::KycStatusChange {
        record: Some(record),
        customer_id,
        previous_status: pb::KycStatus::Pending.into(),
        previous_status_raw: "PENDING".to_owned(),
        status: pb::KycStatus::Unverified.into(),
        status_raw,
        ..Default::default()
    };
    // A token is so long.
    pb::WatchKycStatusResponse { resume_token: "x".repeat(48), event: Some(Event::StatusChange(change)) }
}
