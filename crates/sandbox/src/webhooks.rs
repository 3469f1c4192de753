//! Webhooks: like Grid, the sandbox sends one for every status that a customer or a verification enters, and for every
//! import job that ends.
//!
//! Each webhook is signed with the sandbox's own key and sent until it is acknowledged: 2xx and 409 end it, anything
//! else is tried again with exponential backoff, at most 30 minutes apart, for 7 days on the sandbox's clock. A clock
//! that jumps makes up for the attempts that it skipped.
//!
//! [`queue`] holds what waits to be sent, [`dispatch`] says when, and [`sender`] sends it.

pub(super) mod dispatch;
pub(super) mod event;
pub(super) mod key;
pub(super) mod queue;
pub(super) mod sender;

use super::config::SandboxConfig;
use super::faults::WebhookFaults;
use key::SigningKey;
use queue::Queue;

/// What waits to be sent, and how it is sent.
pub(super) struct Webhooks {
    /// Without an endpoint no webhooks are sent.
    pub(super) endpoint: Option<String>,
    pub(super) faults: WebhookFaults,
    pub(super) queue: Queue,
    /// Absent only where the system has no randomness.
    pub(super) key: Option<SigningKey>,
}

impl Webhooks {
    pub(super) fn new(config: &SandboxConfig) -> Self {
        let (endpoint, faults) = (config.webhook_endpoint.clone(), config.webhook_faults.clone());
        Self { endpoint, faults, queue: Queue::default(), key: SigningKey::generate() }
    }

    /// Forgets what waits, and sends as configured again. The key stays: receivers have it already.
    pub(super) fn reset(&mut self, config: &SandboxConfig) {
        self.endpoint.clone_from(&config.webhook_endpoint);
        self.faults = config.webhook_faults.clone();
        self.queue.clear();
    }
}
