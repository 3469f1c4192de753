//! In place of the crate `gridgate_sandbox` in a build without the feature `sandbox`: there are no values of these types.

use secrecy::SecretString;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// What is wrong with asking for a sandbox.
pub const MISSING: &str = "this gridgate was built without its sandbox (the cargo feature `sandbox`)";

/// How a sandbox behaves.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "as in `gridgate_sandbox`")]
pub struct SandboxConfig {
    pub client_id: String,
    pub client_secret: SecretString,
    pub webhook_endpoint: Option<String>,
    never: Infallible,
}

/// A local Grid.
#[derive(Clone, Copy)]
pub struct Sandbox(Infallible);

#[expect(missing_docs, reason = "as in `gridgate_sandbox`")]
impl Sandbox {
    pub fn new(config: SandboxConfig) -> Self {
        match config.never {}
    }

    pub fn base_url(_: SocketAddr) -> String {
        String::new()
    }

    pub fn webhook_public_key_pem(&self) -> Option<String> {
        match self.0 {}
    }

    pub async fn serve(self, _: TcpListener, _: impl Future<Output = ()>) -> Result<(), Infallible> {
        match self.0 {}
    }
}
