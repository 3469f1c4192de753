//! The sandbox that `serve --sandbox` runs in its own process, with credentials made up for it.

use crate::config::connectable;
use crate::sandbox::{Sandbox, SandboxConfig};
use secrecy::SecretString;
use std::net::SocketAddr;
use tokio::net::TcpListener;

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
    /// How to call the sandbox of this configuration when it listens on `addr`.
    #[must_use]
    pub fn new(addr: SocketAddr, config: &SandboxConfig) -> Self {
        SandboxAccess {
            base_url: Sandbox::base_url(connectable(addr)),
            client_id: config.client_id.clone(),
            client_secret: config.client_secret.clone(),
        }
    }
}

/// A sandbox and its port.
pub(super) struct OwnSandbox {
    pub(super) sandbox: Sandbox,
    pub(super) listener: TcpListener,
    pub(super) addr: SocketAddr,
    pub(super) access: SandboxAccess,
}

impl OwnSandbox {
    /// A sandbox for a port that was bound as `addr`. It sends its webhooks to `endpoint` unless it is configured otherwise.
    pub(super) fn new(
        listener: TcpListener,
        addr: SocketAddr,
        mut config: SandboxConfig,
        endpoint: Option<String>,
    ) -> Self {
        config.webhook_endpoint = config.webhook_endpoint.or(endpoint);
        let access = SandboxAccess::new(addr, &config);
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
}
