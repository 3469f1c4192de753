//! gridgate with a sandbox, webhooks that cannot be understood, and requests to the admin port.

use gridgate::config::{Config, settings};
use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tonic::Streaming;

use crate::support::app::{TestApp, free_ports};
use crate::support::control::Control;
use crate::support::soon;

pub struct Rig {
    pub app: TestApp,
    pub control: Control,
}

impl Rig {
    pub async fn start() -> Self {
        // Whoever is created with 001 is pending at once, and a webhook tells of it.
        let sources = free_ports().with(&settings::SANDBOX_APPROVE_AT_CREATION, "true");
        let app = TestApp::start(Config::load(sources, true).unwrap()).await;
        let control = Control::of(app.addresses.sandbox.unwrap());
        Self { app, control }
    }

    /// A pending customer, whose webhook has arrived.
    pub async fn customer(&self) -> String {
        let request = pb::CreateCustomerRequest {
            customer_type: pb::CustomerType::Individual.into(),
            details: Some(pb::create_customer_request::Details::Individual(pb::IndividualInput {
                full_name: Some("Jane Doe 001".to_owned()),
                ..Default::default()
            })),
            ..Default::default()
        };
        let mut customers = CustomerServiceClient::new(self.app.channel().await);
        let created = soon("a customer", customers.create_customer(request)).await.unwrap().into_inner();
        self.control.ended_as(|webhook| webhook["type"] == "CUSTOMER.KYC_PENDING").await;
        created.customer.unwrap().id
    }

    /// A decision whose webhook is lost.
    pub async fn decide_in_silence(&self, customer: &str, status: &str) {
        self.control.post("/webhooks/mischief", json!({ "dropPercent": 100 })).await;
        self.control.decide(customer, status).await;
        self.control.ended_as(|webhook| webhook["outcome"] == "DROPPED").await;
        self.control.post("/webhooks/mischief", json!({})).await;
    }

    /// Puts a webhook into quarantine that is about this customer, if it is about any.
    pub async fn quarantine(&self, id: &str, customer: Option<&str>) {
        self.send_unreadable(id, customer).await;
        assert_eq!(self.control.ended(id).await["lastStatus"], 200);
    }

    /// The same, without waiting until it is there.
    pub async fn send_unreadable(&self, id: &str, customer: Option<&str>) {
        let data = match customer {
            Some(customer) => json!({ "id": customer, "kycStatus": { "of": "matters" } }),
            None => json!({ "customer": 7 }),
        };
        let webhook = json!({ "id": id, "type": "CUSTOMER.KYC_APPROVED", "data": data });
        self.control.post("/webhooks/send", webhook).await;
    }

    /// What happens to a customer from now on.
    pub async fn watch(&self, customer: &str) -> Streaming<pb::WatchKycStatusResponse> {
        let mut events = KycEventServiceClient::new(self.app.channel().await);
        let request = pb::WatchKycStatusRequest { customer_ids: vec![customer.to_owned()], ..Default::default() };
        soon("a stream", events.watch_kyc_status(request)).await.unwrap().into_inner()
    }

    /// A request to the admin port.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        Client::new().request(method, format!("http://{}{path}", self.app.addresses.admin))
    }

    /// The ids in quarantine.
    pub async fn ids(&self) -> Vec<String> {
        let (status, body) = answer(self.request(Method::GET, "/quarantine")).await;
        assert_eq!(status, 200);
        body["webhooks"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Has something done about one webhook.
    pub async fn act(&self, what: &str, id: &str) -> (u16, Value) {
        answer(self.request(Method::POST, &format!("/quarantine/{what}")).json(&json!({ "id": id }))).await
    }
}

/// The status and the JSON of an answer; null where there is none.
pub async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = soon("an answer", request.send()).await.unwrap();
    let (status, body) = (response.status().as_u16(), response.bytes().await.unwrap());
    (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() })
}

/// The next change on a stream.
pub async fn change(stream: &mut Streaming<pb::WatchKycStatusResponse>) -> pb::KycStatusChange {
    loop {
        let response = soon("an event", stream.message()).await.unwrap().expect("an open stream");
        if let Some(Event::StatusChange(change)) = response.event {
            return change;
        }
    }
}
