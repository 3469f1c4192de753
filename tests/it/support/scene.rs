//! The whole server between a scripted Grid, which sends webhooks too, and its callers.

use gridgate::config::{Sources, settings};
use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::verification_service_client::VerificationServiceClient;
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::app::{TestApp, free_ports};
use super::fake_grid::{FakeGrid, Reply};
use super::soon;
use super::watcher::{Watcher, listed};
use super::webhook_sender::{Response, WebhookSender};

/// Grid, the server, and a connection to it.
pub struct Scene {
    pub upstream: FakeGrid,
    /// Signs what Grid sends by itself.
    pub grid: WebhookSender,
    pub app: TestApp,
    channel: Channel,
}

impl Scene {
    pub async fn start() -> Self {
        Self::with(FakeGrid::start().await, free_ports()).await
    }

    /// With settings as from [`free_ports`], and more.
    pub async fn with(upstream: FakeGrid, sources: Sources) -> Self {
        let base_url = upstream.base_url();
        Self::in_front_of(&base_url, upstream, sources).await
    }

    /// In front of a Grid at `base_url`, which may be down, with `upstream` kept for later.
    pub async fn in_front_of(base_url: &str, upstream: FakeGrid, sources: Sources) -> Self {
        let grid = WebhookSender::new();
        let sources = sources.with(&settings::WEBHOOK_PUBLIC_KEYS, grid.public_key());
        let app = TestApp::in_front_of(base_url, sources).await;
        let channel = app.channel().await;
        Self { upstream, grid, app, channel }
    }

    /// The same, with another Grid to script: the one that it is in front of.
    pub fn with_grid_at(self, upstream: FakeGrid) -> Self {
        Self { upstream, ..self }
    }

    pub fn customers(&self) -> CustomerServiceClient<Channel> {
        CustomerServiceClient::new(self.channel.clone())
    }

    pub fn verifications(&self) -> VerificationServiceClient<Channel> {
        VerificationServiceClient::new(self.channel.clone())
    }

    pub fn events(&self) -> KycEventServiceClient<Channel> {
        KycEventServiceClient::new(self.channel.clone())
    }

    /// A stream from now on that is synced.
    pub async fn watch(&self) -> Watcher {
        let mut events = self.events();
        let stream = soon("the stream begins", events.watch_kyc_status(pb::WatchKycStatusRequest::default()));
        let mut watcher = Watcher::new(stream.await.unwrap().into_inner());
        assert_eq!(watcher.hear().await, "synced");
        watcher
    }

    /// Everything that was recorded, in words; a hundred events at most.
    pub async fn recorded(&self) -> Vec<String> {
        self.list(pb::ListKycEventsRequest::default()).await
    }

    /// Everything that was recorded of one customer.
    pub async fn events_of(&self, name: &str) -> Vec<String> {
        let customer_ids = vec![format!("Customer:{name}")];
        self.list(pb::ListKycEventsRequest { customer_ids, ..pb::ListKycEventsRequest::default() }).await
    }

    async fn list(&self, request: pb::ListKycEventsRequest) -> Vec<String> {
        let request = pb::ListKycEventsRequest { page_size: 100, ..request };
        let page = soon("a page", self.events().list_kyc_events(request)).await.unwrap().into_inner();
        page.events.iter().map(listed).collect()
    }

    /// What is known of a customer, in Grid's word.
    pub async fn status(&self, name: &str) -> String {
        let request = pb::GetKycStatusRequest { customer_id: format!("Customer:{name}"), ..Default::default() };
        let answer = soon("a status", self.events().get_kyc_status(request)).await.unwrap().into_inner();
        answer.customer.unwrap().status_raw
    }

    /// Grid delivers this webhook, once.
    pub async fn deliver(&self, body: &Value) -> Response {
        let door = self.app.addresses.webhook.expect("webhooks are taken");
        soon("an answer", self.grid.webhook(body.to_string()).send(door)).await
    }

    /// From now on Grid says this of a customer.
    pub fn says(&self, name: &str, status: &str, updated_at: &str) {
        self.upstream.on("GET", &path(name), Reply::json(200, customer(name, status, updated_at)));
    }
}

/// Where Grid has a customer.
pub fn path(name: &str) -> String {
    format!("/customers/Customer:{name}")
}

/// A customer, as Grid has it.
pub fn customer(name: &str, status: &str, updated_at: &str) -> Value {
    json!({
        "id": format!("Customer:{name}"), "platformCustomerId": format!("ours-{name}"), "customerType": "INDIVIDUAL",
        "umaAddress": format!("${name}@uma.example"), "kycStatus": status, "createdAt": "2026-05-01T10:00:00Z",
        "updatedAt": updated_at, "isDeleted": false,
    })
}

/// A webhook about a customer, as Grid sends it.
pub fn webhook(id: &str, name: &str, status: &str, updated_at: &str, timestamp: &str) -> Value {
    json!({
        "id": format!("Webhook:{id}"), "type": format!("CUSTOMER.KYC_{status}"), "timestamp": timestamp,
        "data": customer(name, status, updated_at),
    })
}
