//! Watchers of a program that is there at times. Each keeps the last token, and goes on with it.

use std::net::SocketAddr;
use std::time::Duration;

use gridgate::pb;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::Endpoint;

use super::senders::LAST;
use crate::watch::requests::{Asking as _, Request, from_earliest};

/// The pause before a watcher tries again.
const PAUSE: Duration = Duration::from_millis(20);

/// What a watcher has heard.
pub struct Heard {
    customers: Vec<String>,
    /// In the order in which they came: the customer, the event's id, the status.
    pub changes: Vec<(String, String, String)>,
    /// How many streams it took.
    pub streams: usize,
}

impl Heard {
    /// Whether it asked for this customer.
    pub fn wants(&self, customer: &str) -> bool {
        self.customers.is_empty() || self.customers.iter().any(|wanted| wanted == customer)
    }
}

/// One watcher.
pub struct Watch {
    request: Request,
    /// Where it ends streams by itself, at random.
    moods: Option<fastrand::Rng>,
    heard: Heard,
}

impl Watch {
    pub fn of_everyone() -> Self {
        let heard = Heard { customers: Vec::new(), changes: Vec::new(), streams: 0 };
        Self { request: from_earliest(), moods: None, heard }
    }

    pub fn of_some() -> Self {
        let mut customers: Vec<_> = (0..10).map(|n| format!("Customer:c{}", n * 7)).collect();
        customers.push(LAST.to_owned());
        let mut watch = Self::of_everyone();
        watch.request.customer_ids.clone_from(&customers);
        watch.heard.customers = customers;
        watch
    }

    pub fn that_hangs_up(mut self, seed: u64) -> Self {
        self.moods = Some(fastrand::Rng::with_seed(seed ^ 2));
        self
    }

    /// Watches until the last webhook is heard.
    pub fn start(mut self, addr: SocketAddr) -> JoinHandle<Heard> {
        tokio::spawn(async move {
            loop {
                match self.stream(addr).await {
                    Ok(true) => return self.heard,
                    Ok(false) => {}
                    // It is not there, or went away.
                    Err(status) if retried(&status) => {}
                    Err(status) => panic!("{status:?}"),
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    /// One stream, to its end; whether the last webhook was heard.
    async fn stream(&mut self, addr: SocketAddr) -> Result<bool, Status> {
        let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap().connect_timeout(Duration::from_secs(1));
        let channel = endpoint.connect().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let mut stream = KycEventServiceClient::new(channel).watch_kyc_status(self.request.clone()).await?.into_inner();
        self.heard.streams += 1;
        while let Some(response) = stream.message().await? {
            let pb::WatchKycStatusResponse { resume_token, event } = response;
            // The event and its token are kept together, as a service does in one transaction.
            self.request = std::mem::take(&mut self.request).resumed(&resume_token);
            if let Some(Event::StatusChange(change)) = event {
                let record = change.record.expect("each has a record");
                let is_last = change.customer_id == LAST;
                self.heard.changes.push((change.customer_id, record.event_id, change.status_raw));
                if is_last {
                    return Ok(true);
                }
            }
            if self.moods.as_mut().is_some_and(|moods| moods.u16(0..500) == 0) {
                return Ok(false);
            }
        }
        Ok(false)
    }
}

fn retried(status: &Status) -> bool {
    use tonic::Code::{Cancelled, Internal, Unavailable, Unknown};
    // What tonic makes of a connection that breaks depends on where it breaks.
    matches!(status.code(), Unavailable | Unknown | Internal | Cancelled)
}
