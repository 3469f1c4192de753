//! Fault injection: errors on purpose in responses and webhooks, to test callers and receivers.

use axum::http::Method;
use serde::{Deserialize, Serialize};

/// A fault to inject into responses. If several match a request, the first is injected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Fault {
    /// Only requests with this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests whose path below the base path begins so, such as `/customers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many requests it happens to; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How many of a hundred requests it happens to, picked at random.
    pub percent: u8,
    /// Milliseconds, in real time, before anything else happens; at most ten minutes.
    pub delay_millis: u64,
    /// The request is not acted on but answered with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The `code` of that answer's body; absent: one that goes with the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The `precheckErrors` of that answer's body: what a 422 says of a document's file, such as `screenshot`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub precheck_errors: Vec<String>,
    /// That answer's body instead of Grid's error, as `text/html`: what a proxy before Grid might say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// That answer's `Retry-After`: seconds, or an HTTP date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// The connection breaks instead of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hang_up: Option<HangUp>,
}

/// When a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HangUp {
    /// Before the request is acted on.
    Before,
    /// After the request has been acted on: the caller can't know.
    After,
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            method: None,
            path: None,
            times: None,
            percent: 100,
            delay_millis: 0,
            status: None,
            code: None,
            precheck_errors: Vec::new(),
            body: None,
            retry_after: None,
            hang_up: None,
        }
    }
}

impl Fault {
    /// Takes the first of these faults that happens to a request, and counts it.
    pub(super) fn draw(faults: &mut [Fault], method: &Method, path: &str) -> Option<Fault> {
        let fault = faults.iter_mut().find(|fault| {
            fault.method.as_ref().is_none_or(|only| only.eq_ignore_ascii_case(method.as_str()))
                && fault.path.as_ref().is_none_or(|prefix| path.starts_with(prefix.as_str()))
                && fault.times != Some(0)
                && fastrand::u8(0..100) < fault.percent
        })?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        Some(fault.clone())
    }
}

/// What is done to webhooks before and while they are sent. The default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WebhookFaults {
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

impl WebhookFaults {
    /// Whether it is done to webhooks of this type.
    pub(crate) fn concerns(&self, webhook_type: &str) -> bool {
        webhook_type != "TEST"
            && (self.only_types.is_empty() || self.only_types.iter().any(|only| only == webhook_type))
    }

    /// Whether the next webhook is lost.
    pub(crate) fn drops(&mut self) -> bool {
        if self.drop_next > 0 {
            self.drop_next -= 1;
            return true;
        }
        fastrand::u8(0..100) < self.drop_percent
    }
}
