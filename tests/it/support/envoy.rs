//! A real Envoy, with the configuration that is handed out in `deploy/envoy`.

use super::soon;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// What operators are given.
const SIDECAR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/envoy/sidecar.yaml");
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.tools/envoy/envoy");

/// An Envoy that runs. Dropped, it is killed.
pub struct Envoy {
    _child: Child,
    /// Where services connect.
    pub addr: SocketAddr,
    admin: String,
}

/// A replica behind Envoy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub addr: SocketAddr,
    pub healthy: bool,
    pub calls: u64,
}

/// Replaces what must be there, as often as it is.
fn substituted(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is not in {SIDECAR}");
    text.replace(from, to)
}

/// The sidecar's configuration for these replicas, with the certificates of `directory`; `more` is put in place of what
/// it says.
pub fn sidecar(directory: &Path, replicas: [SocketAddr; 2], more: &[(&str, &str)]) -> String {
    let mut text = std::fs::read_to_string(SIDECAR).unwrap();
    let directory = directory.to_str().unwrap();
    for (from, to) in [
        ("port_value: 9901", "port_value: 0".to_owned()),
        ("address: 0.0.0.0, port_value: 50443", "address: 127.0.0.1, port_value: 0".to_owned()),
        ("/etc/envoy/tls", directory.to_owned()),
        ("address: gridgate-0.gridgate, port_value: 50051", at(replicas[0])),
        ("address: gridgate-1.gridgate, port_value: 50051", at(replicas[1])),
        // As often as a test has time for.
        ("interval: 1s", "interval: 0.1s".to_owned()),
    ] {
        text = substituted(&text, from, &to);
    }
    for (from, to) in more {
        text = substituted(&text, from, to);
    }
    text
}

fn at(addr: SocketAddr) -> String {
    format!("address: {}, port_value: {}", addr.ip(), addr.port())
}

impl Envoy {
    /// Starts it, with files in `directory`.
    pub async fn start(directory: &Path, config: &str) -> Envoy {
        assert!(Path::new(PROGRAM).exists(), "{PROGRAM} is not there: run `scripts/tools envoy`");
        let (config_file, admin_file) = (directory.join("envoy.yaml"), directory.join("envoy-admin"));
        std::fs::write(&config_file, config).unwrap();
        let child = Command::new(PROGRAM)
            .args([Path::new("--config-path"), &config_file, Path::new("--admin-address-path"), &admin_file])
            .args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let admin = soon("Envoy's admin address", written(admin_file)).await;
        let admin = format!("http://{admin}");
        soon("Envoy ready", async {
            while !reqwest::get(format!("{admin}/ready")).await.is_ok_and(|answer| answer.status() == 200) {
                pause().await;
            }
        })
        .await;
        let listeners = get(&admin, "/listeners?format=json").await;
        let socket = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
        let addr = format!("{}:{}", socket["address"].as_str().unwrap(), socket["port_value"]).parse().unwrap();
        Envoy { _child: child, addr, admin }
    }

    /// The replicas as it sees them.
    pub async fn hosts(&self) -> Vec<Host> {
        let clusters = get(&self.admin, "/clusters?format=json").await;
        let hosts = clusters["cluster_statuses"][0]["host_statuses"].as_array().unwrap().iter().map(|host| {
            let socket = &host["address"]["socket_address"];
            let calls = host["stats"].as_array().unwrap().iter().find(|stat| stat["name"] == "rq_total").unwrap();
            Host {
                addr: format!("{}:{}", socket["address"].as_str().unwrap(), socket["port_value"]).parse().unwrap(),
                healthy: host["health_status"].get("failed_active_health_check").is_none(),
                calls: calls["value"].as_str().unwrap_or("0").parse().unwrap(),
            }
        });
        hosts.collect()
    }

    /// Waits until a replica is healthy, or is not.
    pub async fn until(&self, addr: SocketAddr, healthy: bool) {
        soon("the health of a replica", async {
            while self.hosts().await.iter().any(|host| host.addr == addr && host.healthy != healthy) {
                pause().await;
            }
        })
        .await;
    }
}

async fn get(admin: &str, path: &str) -> Value {
    let answer = soon("Envoy's answer", reqwest::get(format!("{admin}{path}"))).await.unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

async fn written(file: PathBuf) -> String {
    loop {
        match std::fs::read_to_string(&file) {
            Ok(text) if !text.is_empty() => return text,
            _ => pause().await,
        }
    }
}

/// Between two looks at another process.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
