//! The envelope of Grid's webhooks, and the answer to asking for a test one.

use serde::{Deserialize, Serialize};

use super::complete::Complete;
use super::field::Value;
use super::redact::redacted_debug;
use super::time::Time;

/// `{id, type, timestamp, data}`; `data` depends on the type.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook<T> {
    /// Id of this delivery, the key to tell copies by.
    pub id: String,
    /// Type, such as `CUSTOMER.KYC_APPROVED`.
    #[serde(rename = "type")]
    pub webhook_type: String,
    /// When it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Value::read")]
    pub timestamp: Option<Time>,
    /// What it is about.
    pub data: T,
}

impl<T> std::fmt::Debug for Webhook<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("id", &self.id)
            .field("webhook_type", &self.webhook_type)
            .field("timestamp", &self.timestamp)
            .finish_non_exhaustive()
    }
}

/// What `POST /webhooks/test` answers. These two names are snake case in Grid's API.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TestWebhookResult {
    /// Where the webhook was sent.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "Value::read")]
    pub url: Option<String>,
    /// What the endpoint answered.
    #[serde(deserialize_with = "Value::read")]
    pub response_status: Option<u16>,
    /// The body it answered.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "Value::read")]
    pub response_body: Option<String>,
}
redacted_debug!(TestWebhookResult { url, response_status });
impl Complete for TestWebhookResult {}
