//! The least a team could write to take webhooks: an axum handler that believes them, and puts them into the broadcast.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use gridgate::pb;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast::Sender;
use tokio::task::JoinSet;

use crate::broadcast;

/// How many messages a stream may be behind.
const CAPACITY: usize = 16 * 1024;

/// Starts both ports. A webhook is answered when all streams can have it.
pub async fn start(servers: &mut JoinSet<()>) -> Value {
    let (grpc, sender) = broadcast::start(servers, CAPACITY).await;
    let webhook = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = json!({ "grpc": grpc, "webhook": webhook.local_addr().unwrap() });
    let router = Router::new().route("/webhooks/grid", post(publish)).with_state(sender);
    servers.spawn(async move { axum::serve(webhook, router).await.unwrap() });
    addresses
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    id: String,
    data: Customer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    id: String,
    kyc_status: String,
}

async fn publish(State(streams): State<Sender<pb::WatchKycStatusResponse>>, webhook: Bytes) -> StatusCode {
    let Ok(webhook) = serde_json::from_slice::<Webhook>(&webhook) else { return StatusCode::BAD_REQUEST };
    // Without a stream it fails, which is fine.
    let _ = streams.send(broadcast::event(webhook.id, webhook.data.id, webhook.data.kyc_status));
    StatusCode::OK
}
