//! The control API of a sandbox that runs: what only a sandbox can do.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::soon;

/// Acts on one sandbox.
pub struct Control {
    address: SocketAddr,
    client: Client,
}

impl Control {
    pub fn of(address: SocketAddr) -> Self {
        Self { address, client: Client::new() }
    }

    /// The answer to a request below `/control`, which has to be a success; null where it says nothing.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let mut request = self.client.request(method, format!("http://{}/control{path}", self.address));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = soon("the control API's answer", request.send()).await.unwrap();
        let (status, body) = (response.status(), response.bytes().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
        if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() }
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, Some(&body)).await
    }

    /// A reviewer's decision.
    pub async fn decide(&self, id: &str, status: &str) {
        self.post("/decisions", json!({ "id": id, "status": status })).await;
    }

    /// What became of a webhook, once that is known.
    pub async fn ended(&self, id: &str) -> Value {
        self.ended_as(|webhook| webhook["id"] == id).await
    }

    /// The first webhook that ended and is like this, once there is one.
    pub async fn ended_as(&self, like: impl Fn(&Value) -> bool) -> Value {
        let ended = async {
            loop {
                let webhooks = self.get("/webhooks").await;
                let found = webhooks["ended"].as_array().unwrap().iter().find(|webhook| like(webhook));
                if let Some(webhook) = found {
                    return webhook.clone();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon("the end of a webhook", ended).await
    }
}
