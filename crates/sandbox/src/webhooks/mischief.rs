//! What can go wrong with webhooks on purpose, so that receivers can be tested against it.

use serde::{Deserialize, Serialize};

/// What is done to webhooks before and while they are sent. The default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WebhookMischief {
    /// Only these types, such as `CUSTOMER.KYC_PENDING`; empty: all but `TEST`.
    pub only_types: Vec<String>,
    /// How many more times each webhook is sent, with the same id and at once.
    pub duplicates: u32,
    /// How many webhooks are collected and then sent in reverse order; 0 and 1: none. What has been collected is sent
    /// two seconds after the first of it, even if it is fewer.
    pub reorder: u32,
    /// Seconds, on the sandbox's clock, before a webhook is sent for the first time.
    pub delay_seconds: u64,
    /// How many webhooks of a hundred are never sent, picked at random.
    pub drop_percent: u8,
    /// How many of the next webhooks are never sent; counts down.
    pub drop_next: u32,
    /// Whether every attempt carries its own time in `timestamp`, and not that of the first one. Grid's
    /// documentation leaves this open.
    pub restamp_retries: bool,
    /// Whether a `TEST` has `webhookId` instead of `id`, as Grid sent it before June 2026. It is the only thing that is
    /// done to a `TEST`.
    pub old_test: bool,
}

impl WebhookMischief {
    /// Whether it is done to webhooks of this type.
    pub(super) fn concerns(&self, webhook_type: &str) -> bool {
        webhook_type != "TEST"
            && (self.only_types.is_empty() || self.only_types.iter().any(|only| only == webhook_type))
    }

    /// Whether the next webhook is lost.
    pub(super) fn drops(&mut self) -> bool {
        if self.drop_next > 0 {
            self.drop_next -= 1;
            return true;
        }
        fastrand::u8(0..100) < self.drop_percent
    }
}
