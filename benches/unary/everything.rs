//! gridgate with everything on that a deployment has: a policy, traces, the audit log.

use serde_json::Value;
use std::fmt::Write as _;
use std::net::SocketAddr;
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::program;

const CALLERS: usize = 1_000;

pub const DESCRIPTION: &str =
    "a policy of 1,000 callers with a token each, 1 % of traces sent to a collector, metrics, the audit log";

pub struct Everything {
    folder: TempDir,
    token: String,
    collector: String,
}

impl Everything {
    /// Writes the policy; `collector` takes spans.
    pub async fn set_up(collector: SocketAddr) -> Self {
        let printed = Command::new(program()).arg("token").env_clear().output().await.unwrap();
        let pair: Value = serde_json::from_slice(&printed.stdout).unwrap();
        let mut policy = String::new();
        for number in 0..CALLERS {
            // All others' tokens are nobody's.
            let hash = if number == CALLERS / 2 {
                pair["hash"].as_str().unwrap().to_owned()
            } else {
                format!("sha256:{number:064x}")
            };
            writeln!(
                policy,
                "[callers.service-{number}]\ntokens = [\"{hash}\"]\nmethods = [\"gridgate.v1.CustomerService/*\"]"
            )
            .unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.toml"), policy).unwrap();
        Self { folder, token: pair["token"].as_str().unwrap().to_owned(), collector: format!("http://{collector}") }
    }

    pub fn settings(&self) -> Vec<(&str, String)> {
        vec![
            ("GRIDGATE_IDENTITY_POLICY_FILE", self.folder.path().join("policy.toml").display().to_string()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.collector.clone()),
            ("OTEL_TRACES_SAMPLER", "traceidratio".to_owned()),
            ("OTEL_TRACES_SAMPLER_ARG", "0.01".to_owned()),
        ]
    }

    /// What its one caller calls with.
    pub fn token(&self) -> &str {
        &self.token
    }
}
