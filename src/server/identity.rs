//! Who may call: the gate, kept in step with its policy file.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::IdentityConfig;
use crate::identity::{Gate, PolicyError, PolicyFile, PolicyText, audit};
use crate::rpc::Methods;

/// Tells a running server to look at its policy file now.
#[derive(Debug, Clone, Default)]
pub struct Reload(Arc<Notify>);

impl Reload {
    /// Looks at it, without waiting for what becomes of it.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// A gate, and the file that it is kept in step with.
pub(super) struct Guard {
    pub(super) gate: Arc<Gate>,
    file: PolicyFile,
    loaded: PolicyText,
    every: Duration,
    reload: Reload,
}

impl Guard {
    /// Reads the policy, where there is one.
    pub(super) async fn open(
        config: IdentityConfig,
        methods: &Methods,
        reload: &Reload,
    ) -> Result<Option<Self>, PolicyError> {
        let IdentityConfig { policy_file, reload_interval } = config;
        let Some(path) = policy_file else { return Ok(None) };
        let file = PolicyFile::new(path, methods.grantable());
        let (policy, loaded) = file.load().await?;
        let gate = Arc::new(Gate::new(policy));
        Ok(Some(Guard { gate, file, loaded, every: reload_interval, reload: reload.clone() }))
    }

    /// Keeps the gate in step with the file, and the audit log complete, until `stop`.
    pub(super) async fn follow(self, stop: CancellationToken) {
        let Guard { gate, file, loaded, every, reload } = self;
        tokio::join!(file.follow(&gate, loaded, every, &reload.0, stop.clone()), audit::account(&gate, stop));
    }
}
