//! A server of the event service on a free port, and a client of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::log::EventLog;
use gridgate::kyc::lookup::Lookup;
use gridgate::kyc::source::CustomerSource;
use gridgate::pb;
use gridgate::pb::encoded::kyc_event_service_server::KycEventServiceServer;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::rpc::{
    AdmitLayer, BeginLayer, CallMetrics, CarryLayer, Deadlines, KycEvents, Methods, ServeLayer, WatchConfig,
};
use gridgate::telemetry::Metrics;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tower::ServiceBuilder;

use super::source::NoSource;
use crate::support::soon;
use crate::support::watcher::Watcher;

/// A server that is dropped with this, without a word to its callers.
pub struct Rig {
    addr: SocketAddr,
    pub leaving: CancellationToken,
    _running: AbortOnDropHandle<()>,
}

/// How streams are kept where a test does not say: as if for ever. (The logs' clocks are moved by hand, and show any time.)
pub fn for_ever() -> WatchConfig {
    let years = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    WatchConfig { max_age: years, max_lag: years, leaving: CancellationToken::new() }
}

impl Rig {
    pub async fn of(log: &Arc<EventLog>) -> Rig {
        Rig::with(log, for_ever()).await
    }

    pub async fn with(log: &Arc<EventLog>, config: WatchConfig) -> Rig {
        Rig::start(log, config, Arc::new(NoSource)).await
    }

    pub async fn asking(log: &Arc<EventLog>, source: Arc<dyn CustomerSource>) -> Rig {
        Rig::start(log, for_ever(), source).await
    }

    async fn start(log: &Arc<EventLog>, config: WatchConfig, source: Arc<dyn CustomerSource>) -> Rig {
        let leaving = config.leaving.clone();
        let lookup = Arc::new(Lookup::new(Arc::clone(log), source));
        let service = KycEventServiceServer::new(KycEvents::new(Arc::clone(log), lookup, config));
        let minute = Duration::from_secs(60);
        let deadlines = Deadlines { default: minute, upload: minute, max: minute };
        let methods = Methods::from_descriptors([pb::FILE_DESCRIPTOR_SET]).unwrap();
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_nodelay(Some(true));
        let addr = incoming.local_addr().unwrap();
        let layers = ServiceBuilder::new()
            .layer(BeginLayer::new(methods, CallMetrics::new(&mut Metrics::default())))
            .layer(AdmitLayer(deadlines))
            .layer(CarryLayer::default())
            .layer(ServeLayer)
            .into_inner();
        let server = Server::builder().layer(layers).add_service(service);
        let running = tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
        Rig { addr, leaving, _running: AbortOnDropHandle::new(running) }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A client with a connection of its own.
    pub async fn client(&self) -> KycEventServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.addr)).unwrap();
        KycEventServiceClient::new(soon("connected", endpoint.connect()).await.unwrap())
    }

    /// A stream that has begun.
    pub async fn watch(&self, request: pb::WatchKycStatusRequest) -> Watcher {
        self.try_watch(request).await.unwrap()
    }

    pub async fn try_watch(&self, request: pb::WatchKycStatusRequest) -> Result<Watcher, Status> {
        let mut client = self.client().await;
        let answer = soon("the stream begins", client.watch_kyc_status(request)).await?;
        Ok(Watcher::new(answer.into_inner()))
    }

    pub async fn get(&self, request: pb::GetKycStatusRequest) -> Result<pb::GetKycStatusResponse, Status> {
        let mut client = self.client().await;
        Ok(soon("an answer", client.get_kyc_status(request)).await?.into_inner())
    }

    pub async fn list(&self, request: pb::ListKycEventsRequest) -> Result<pb::ListKycEventsResponse, Status> {
        let mut client = self.client().await;
        Ok(soon("a page", client.list_kyc_events(request)).await?.into_inner())
    }
}
