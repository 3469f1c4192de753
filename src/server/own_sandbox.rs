//! The sandbox that `serve --sandbox` runs in its own process, with credentials made up for it.

use crate::config;
use crate::grid::ClientConfig;
use crate::sandbox::{Sandbox, SandboxConfig};
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
}

/// A sandbox and its port.
pub(super) struct OwnSandbox {
    pub(super) sandbox: Sandbox,
    pub(super) listener: TcpListener,
    pub(super) addr: SocketAddr,
    pub(super) access: SandboxAccess,
}

impl OwnSandbox {
    /// A sandbox for a port that was bound as `addr`, which sends its webhooks to the URL `webhooks`.
    pub(super) fn new(listener: TcpListener, addr: SocketAddr, regulated: bool, webhooks: Option<String>) -> Self {
        let access = SandboxAccess::made_up(addr);
        let config = SandboxConfig {
            regulated,
            webhook_endpoint: webhooks,
            ..SandboxConfig::new(access.client_id.clone(), access.client_secret.clone())
        };
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
