//! Someone who watches, and goes on at another replica with the token of the last response whenever a stream ends.

use std::net::SocketAddr;
use std::time::Duration;

use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_request::Start;
use gridgate::pb::watch_kyc_status_response::Event;
use gridgate::pb::{WatchKycStatusRequest, WatchStart};
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Endpoint;
use tonic::{Code, Status};

use super::replica::Replicas;

/// What was heard: customer and webhook of each change, in the order it came.
pub struct Watcher {
    random: fastrand::Rng,
    pub heard: Vec<(String, String)>,
    token: Option<String>,
    /// How many streams it took.
    pub streams: usize,
}

impl Watcher {
    pub fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), heard: Vec::new(), token: None, streams: 0 }
    }

    /// Watches until so many changes were heard, moving on now and then without need.
    pub async fn hear(&mut self, replicas: &Replicas, changes: usize, deadline: Instant) {
        while self.heard.len() < changes {
            assert!(Instant::now() < deadline, "heard only {} of {changes}", self.heard.len());
            let Some(address) = replicas.grpc(self.random.usize(0..replicas.count())) else {
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            if let Err(status) = self.one_stream(address, changes).await {
                let ends_well = [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::Internal];
                assert!(ends_well.contains(&status.code()), "refused: {status:?}");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Everything was heard: another replica has nothing more to say before it is synced.
    pub async fn hear_nothing_more(&mut self, address: SocketAddr) {
        let before = self.heard.len();
        self.one_stream(address, usize::MAX).await.unwrap();
        assert_eq!(self.heard.len(), before, "something was said twice");
    }

    /// One stream, until it ends, falls silent, or something makes it move. With `usize::MAX` changes: until synced.
    async fn one_stream(&mut self, address: SocketAddr, changes: usize) -> Result<(), Status> {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let connecting = endpoint.connect_timeout(Duration::from_secs(2)).connect().await;
        let channel = connecting.map_err(|error| Status::unavailable(error.to_string()))?;
        let start = match &self.token {
            Some(token) => Start::ResumeToken(token.clone()),
            None => Start::StartPosition(WatchStart::Earliest.into()),
        };
        let request = WatchKycStatusRequest { start: Some(start), ..WatchKycStatusRequest::default() };
        let mut client = KycEventServiceClient::new(channel);
        let begin = client.watch_kyc_status(request);
        let silent = |_| Status::unavailable("silence");
        let mut stream = timeout(Duration::from_secs(12), begin).await.map_err(silent)??.into_inner();
        self.streams += 1;
        while self.heard.len() < changes {
            let next = timeout(Duration::from_secs(3), stream.message()).await.map_err(silent)??;
            let Some(response) = next else { return Ok(()) };
            match response.event.expect("each says something") {
                Event::StatusChange(change) => {
                    self.heard.push((change.customer_id, change.record.expect("each has one").event_id));
                }
                Event::Synced(_) if changes == usize::MAX => return Ok(()),
                Event::Synced(_) | Event::Heartbeat(_) => {}
                Event::GoingAway(_) => return Ok(()),
                other => panic!("nobody asked for {other:?}"),
            }
            self.token = Some(response.resume_token);
            if changes != usize::MAX && self.random.u8(..) < 4 {
                return Ok(());
            }
        }
        Ok(())
    }
}
