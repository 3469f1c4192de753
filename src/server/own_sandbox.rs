//! The sandbox that `serve --sandbox` runs in its own process, with credentials made up for it.

use crate::config::{self, SandboxAnswers, SandboxBehaviour, SandboxWebhooks};
use crate::grid::ClientConfig;
use crate::sandbox::{Fault, Sandbox, SandboxConfig, WebhookMischief};
use secrecy::SecretString;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use uuid::Uuid;

/// How to call a sandbox. The credentials open nothing else.
#[derive(Debug, Clone)]
pub struct SandboxAccess {
    /// The base URL of its Grid API.
    pub base_url: String,
    /// The user of HTTP Basic.
    pub client_id: String,
    /// The password of HTTP Basic.
    pub client_secret: SecretString,
}

impl SandboxAccess {
    /// Fresh credentials for a sandbox that listens on `addr`.
    #[must_use]
    pub fn made_up(addr: SocketAddr) -> Self {
        SandboxAccess {
            base_url: Sandbox::base_url(config::connectable(addr)),
            client_id: "sandbox".to_owned(),
            client_secret: SecretString::from(Uuid::new_v4().simple().to_string()),
        }
    }

    /// A sandbox that is called so, and behaves as configured.
    #[must_use]
    pub fn sandbox(&self, behaviour: &SandboxBehaviour) -> SandboxConfig {
        let SandboxBehaviour { regulated, approve_at_creation, old_error_bodies, webhook_endpoint, webhooks, answers } =
            behaviour;
        let SandboxWebhooks { duplicates, reorder, delay, drop_percent } = *webhooks;
        let webhook_mischief = WebhookMischief {
            duplicates,
            reorder,
            delay_seconds: delay.as_secs(),
            drop_percent,
            ..WebhookMischief::default()
        };
        SandboxConfig {
            regulated: *regulated,
            old_error_bodies: *old_error_bodies,
            approve_at_creation: *approve_at_creation,
            webhook_endpoint: webhook_endpoint.as_ref().map(ToString::to_string),
            webhook_mischief,
            faults: faults(*answers),
            ..SandboxConfig::new(self.client_id.clone(), self.client_secret.clone())
        }
    }
}

/// What goes wrong with answers, as a list in which the first one that hits a request is what happens to it.
fn faults(answers: SandboxAnswers) -> Vec<Fault> {
    let SandboxAnswers { delay, rate_limited_percent, failing_percent } = answers;
    let late = Fault { delay_millis: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), ..Fault::default() };
    // The second draw is among those that the first one left.
    let left = 100 - u32::from(rate_limited_percent.min(99));
    let failing_of_left = (u32::from(failing_percent) * 100).div_ceil(left).min(100);
    let limited =
        Fault { percent: rate_limited_percent, status: Some(429), retry_after: Some("1".to_owned()), ..late.clone() };
    let failing = Fault { percent: u8::try_from(failing_of_left).unwrap_or(100), status: Some(503), ..late.clone() };
    let mut faults = Vec::new();
    faults.extend(Some(limited).filter(|fault| fault.percent > 0));
    faults.extend(Some(failing).filter(|fault| fault.percent > 0));
    faults.extend(Some(late).filter(|fault| fault.delay_millis > 0));
    faults
}

/// A sandbox and its port.
pub(super) struct OwnSandbox {
    pub(super) sandbox: Sandbox,
    pub(super) listener: TcpListener,
    pub(super) addr: SocketAddr,
    pub(super) access: SandboxAccess,
}

impl OwnSandbox {
    /// A sandbox for a port that was bound as `addr`, which sends its webhooks to the URL `door` unless it is told of
    /// another one.
    pub(super) fn new(
        listener: TcpListener,
        addr: SocketAddr,
        behaviour: &SandboxBehaviour,
        door: Option<String>,
    ) -> Self {
        let access = SandboxAccess::made_up(addr);
        let mut config = access.sandbox(behaviour);
        config.webhook_endpoint = config.webhook_endpoint.or(door);
        OwnSandbox { sandbox: Sandbox::new(config), listener, addr, access }
    }

    /// How to call it.
    pub(super) fn access(&self) -> SandboxAccess {
        self.access.clone()
    }

    /// The key that its webhooks are signed with, as PEM.
    pub(super) fn public_key(&self) -> Option<String> {
        self.sandbox.webhook_public_key_pem()
    }

    /// How this process calls it.
    pub(super) fn client_config(&self) -> ClientConfig {
        let SandboxAccess { base_url, client_id, client_secret } = self.access();
        ClientConfig::new(base_url, client_id, client_secret)
    }
}
