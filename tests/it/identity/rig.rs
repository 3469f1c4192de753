//! A server with a policy.

use std::path::PathBuf;
use std::sync::Arc;

use gridgate::config::{Config, Sources, settings};
use gridgate::identity::{Gate, NewToken};
use gridgate::server::App;
use tempfile::TempDir;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::app::{TestApp, free_ports};
use crate::support::raw_grpc::{Answer, RawClient};
use crate::support::soon;

/// A server whose callers are checked, and its policy's file.
pub struct Rig {
    pub app: TestApp,
    pub gate: Arc<Gate>,
    reload: gridgate::server::Reload,
    directory: TempDir,
}

/// A policy in which `token` is a caller called `name`, with these lines more.
pub fn caller(name: &str, token: &NewToken, lines: &str) -> String {
    format!("[callers.{name}]\ntokens = [\"{}\"]\n{lines}\n", token.hash())
}

/// A token that nobody else has.
pub fn token() -> NewToken {
    NewToken::generate().unwrap()
}

/// The header of a token.
pub fn bearer(token: &NewToken) -> String {
    format!("Bearer {}", token.expose())
}

impl Rig {
    /// A server with a sandbox of its own, and this policy.
    pub async fn with(policy: &str) -> Rig {
        Rig::secured(policy, |_, sources| sources).await
    }

    /// The same, with more settings; they may name files in the directory that they are told.
    pub async fn secured(policy: &str, settings: impl FnOnce(&std::path::Path, Sources) -> Sources) -> Rig {
        Rig::configured(policy, true, settings).await
    }

    /// A server with this policy, in front of whatever answers at `base_url`.
    pub async fn in_front_of(base_url: &str, policy: &str) -> Rig {
        let account = [("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET", "secret")];
        Rig::configured(policy, false, |_, sources| {
            sources
                .with_env(account.map(|(name, value)| (name.into(), value.into())))
                .with(&settings::GRID_BASE_URL, base_url)
        })
        .await
    }

    async fn configured(
        policy: &str,
        sandbox: bool,
        settings: impl FnOnce(&std::path::Path, Sources) -> Sources,
    ) -> Rig {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.toml");
        std::fs::write(&path, policy).unwrap();
        let sources = free_ports()
            .with(&settings::IDENTITY_POLICY_FILE, path.to_str().unwrap())
            // Tests say when it is to be looked at.
            .with(&settings::IDENTITY_RELOAD_INTERVAL, "1h");
        let sources = settings(directory.path(), sources);
        let app = App::bind(Config::load(sources, sandbox).unwrap()).await.unwrap();
        let (gate, reload) = (app.gate().unwrap(), app.reload());
        let app = TestApp::run(app).await;
        Rig { app, gate, reload, directory }
    }

    pub fn policy_file(&self) -> PathBuf {
        self.directory.path().join("policy.toml")
    }

    /// Writes another policy, and has it looked at.
    pub fn rewrite(&self, policy: &str) {
        std::fs::write(self.policy_file(), policy).unwrap();
        self.reload.now();
    }

    /// Writes another policy, and waits until it holds.
    pub async fn replace(&self, policy: &str) {
        let loaded = self.gate.state().loaded_at;
        self.rewrite(policy);
        soon("the new policy", until(|| self.gate.state().loaded_at != loaded)).await;
    }

    /// Writes a policy with mistakes, and waits until it is refused.
    pub async fn rewrite_wrongly(&self, policy: &str) {
        self.rewrite(policy);
        soon("the refusal", until(|| self.gate.state().refused_since.is_some())).await;
    }

    /// Stops the server, and waits until it has.
    pub async fn stop(self) {
        self.app.stop().await.unwrap();
    }

    pub fn look(&self) {
        self.reload.now();
    }

    pub async fn client(&self) -> RawClient {
        RawClient::connect(self.app.addresses.grpc).await
    }

    /// Makes a call with an empty message and these headers.
    pub async fn call(&self, method: &str, headers: &[(&str, &str)]) -> Answer {
        self.client().await.call(&format!("/{method}"), headers).await
    }

    /// Makes a call with a token.
    pub async fn call_as(&self, token: &NewToken, method: &str) -> Answer {
        self.call(method, &[("authorization", &bearer(token))]).await
    }
}

/// Waits until something is so.
pub async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// The code, and the reason in gridgate's own domain where there is one.
pub fn outcome(answer: &Answer) -> (Code, String) {
    let info = answer.status().get_details_error_info();
    let reason = info.filter(|info| info.domain == "gridgate").map(|info| info.reason);
    (answer.code(), reason.unwrap_or_default())
}
