//! Webhooks: telling the platform of every status that a customer or a verification enters, and of every import job
//! that ends, as Grid does it.
//!
//! Each webhook is signed with the sandbox's own key and sent until it is acknowledged: 2xx and 409 end it, anything
//! else is tried again with exponential backoff, at most 30 minutes apart, for 7 days on the sandbox's clock. A clock
//! that jumps makes up for the attempts that it skipped.
//!
//! What waits to be sent is in [`queue`], who sends it is in [`dispatch`], and what can be made to go wrong on the way
//! is in [`mischief`].

pub(super) mod dispatch;
pub(super) mod event;
pub(super) mod key;
pub(super) mod mischief;
pub(super) mod queue;
pub(super) mod test_webhook;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use reqwest::{Client, Url};
use tokio::sync::Notify;

use super::config::SandboxConfig;
use gridgate_io::http_client::HttpSetupError;
use key::SigningKey;
use mischief::WebhookMischief;
use queue::Queue;

/// Everything about webhooks.
pub(super) struct Webhooks {
    /// Guards what waits and how it is sent; held while a webhook is taken or put back, never while one is sent.
    state: Mutex<State>,
    /// What webhooks are sent with, once the sandbox is served.
    client: OnceLock<Client>,
    tls_client: OnceLock<Client>,
    /// Says that there is something new to send.
    pub(super) wake: Arc<Notify>,
}

/// What waits to be sent, and how.
pub(super) struct State {
    /// Where webhooks go; without an endpoint there are none.
    pub(super) endpoint: Option<String>,
    pub(super) mischief: WebhookMischief,
    pub(super) queue: Queue,
    /// Absent only where the system has no randomness.
    pub(super) key: Option<SigningKey>,
}

impl Webhooks {
    pub(super) fn new(config: &SandboxConfig) -> Self {
        let state = State {
            endpoint: config.webhook_endpoint.clone(),
            mischief: config.webhook_mischief.clone(),
            queue: Queue::default(),
            key: SigningKey::generate(),
        };
        Self {
            state: Mutex::new(state),
            client: OnceLock::new(),
            tls_client: OnceLock::new(),
            wake: Arc::new(Notify::new()),
        }
    }

    /// What webhooks are sent with. Made when it is first asked for.
    pub(super) fn client(&self) -> Result<Client, reqwest::Error> {
        match self.client.get() {
            Some(client) => Ok(client.clone()),
            None => dispatch::client().map(|client| self.client.get_or_init(|| client).clone()),
        }
    }

    /// What they are sent with to an endpoint with TLS. Made when the first one needs it.
    pub(super) fn tls_client(&self, endpoint: &Url) -> Result<Client, HttpSetupError> {
        match self.tls_client.get() {
            Some(client) => Ok(client.clone()),
            None => dispatch::tls_client(endpoint).map(|client| self.tls_client.get_or_init(|| client).clone()),
        }
    }

    /// What waits to be sent, and how.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what waits, and sends as configured again. The key stays: whoever verifies has it already.
    pub(super) fn reset(&self, config: &SandboxConfig) {
        let mut state = self.state();
        state.endpoint.clone_from(&config.webhook_endpoint);
        state.mischief = config.webhook_mischief.clone();
        state.queue.clear();
    }
}
