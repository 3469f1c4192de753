//! A log in a file, written without webhooks, and the service that watches it on tonic's own server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::event::{Observation, Subject};
use gridgate::kyc::id::{CustomerId, ObservationId, VerificationId};
use gridgate::kyc::log::EventLog;
use gridgate::kyc::log::sqlite::{self, SqliteOptions};
use gridgate::kyc::lookup::Lookup;
use gridgate::kyc::source::{CustomerAnswer, CustomerSource, CustomersPage, SourceError, VerificationAnswer};
use gridgate::kyc::status::KycStatus;
use gridgate::pb::encoded::kyc_event_service_server::KycEventServiceServer;
use gridgate::rpc::{KycEvents, WatchConfig};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;

use crate::grid;

/// A Grid that is never there.
struct Away;

#[async_trait]
impl CustomerSource for Away {
    async fn customer(&self, _: &CustomerId) -> Result<CustomerAnswer, SourceError> {
        Err(SourceError::Unavailable)
    }

    async fn verification(&self, _: &VerificationId) -> Result<VerificationAnswer, SourceError> {
        Err(SourceError::Unavailable)
    }

    async fn customers(&self, _: Option<Timestamp>, _: Option<&str>) -> Result<CustomersPage, SourceError> {
        Err(SourceError::Unavailable)
    }
}

pub struct LocalLog {
    pub log: Arc<EventLog>,
    _directory: TempDir,
}

impl LocalLog {
    pub async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.db");
        let open = move || sqlite::open(SqliteOptions::at(path), Arc::new(SystemClock)).unwrap();
        let log = tokio::task::spawn_blocking(open).await.unwrap();
        Self { log: Arc::new(log), _directory: directory }
    }

    /// The service, on the same server as what it is compared with.
    pub async fn serve(&self, servers: &mut JoinSet<()>) -> SocketAddr {
        let log: Arc<EventLog> = self.log.clone();
        let lookup = Arc::new(Lookup::new(Arc::clone(&log), Arc::new(Away)));
        let (max_age, max_lag) = (Duration::from_secs(3600), Duration::from_secs(600));
        let watch = WatchConfig { max_age, max_lag, leaving: CancellationToken::new() };
        let service = KycEventServiceServer::new(KycEvents::new(log, lookup, watch));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tonic::transport::Server::builder().tcp_nodelay(true).add_service(service);
        servers.spawn(async move { server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap() });
        address
    }

    /// Records changes `from..to`, of `customers` in turn, with at most `in_flight` of them under way at once.
    pub async fn record(&self, from: usize, to: usize, customers: usize, in_flight: usize) {
        let mut recording = JoinSet::new();
        for number in from..to {
            if recording.len() >= in_flight {
                recording.join_next().await.unwrap().unwrap();
            }
            let (log, change) = (Arc::clone(&self.log), change(number, customers));
            recording.spawn(async move {
                log.record(change).await.unwrap();
            });
        }
        recording.join_all().await;
    }
}

/// A change of the customer `number % customers`: each turn it is another status, later than the one before.
pub fn change(number: usize, customers: usize) -> Observation {
    let (of, turn) = (number % customers, number / customers);
    let word = if turn.is_multiple_of(2) { "PENDING" } else { "UNVERIFIED" };
    let time = Timestamp::from_second(1_700_000_000 + turn as i64).unwrap();
    let id = ObservationId::parse(&format!("Webhook:0197c3a2-0000-7000-8000-{number:012x}")).unwrap();
    let customer = CustomerId::parse(&grid::customer(of)).unwrap();
    let subject = Subject::Customer { status: KycStatus::from_word(word), deleted: false };
    Observation::webhook(id, Some(time), customer, None, subject, Some(time))
}
