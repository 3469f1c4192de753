//! Memory of the process for each watcher that waits, gRPC and HTTP/2 included: the program itself, as a child.

use std::net::SocketAddr;
use std::process::Stdio;

use gridgate::pb::WatchKycStatusRequest;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::grid::{self, Grid};
use crate::subscribers::Subscribers;
use crate::thousands;

const WATCHERS: usize = 20_000;
const CONNECTIONS: usize = 200;

pub async fn measure() {
    let grid = Grid::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_gridgate"))
        .arg("serve")
        .env_clear()
        .envs([
            ("GRID_CLIENT_ID", "bench"),
            ("GRID_CLIENT_SECRET", "bench"),
            ("LIGHTSPARK_GRID_BASE_URL", "http://127.0.0.1:9/grid/2025-10-13"),
            ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0"),
            ("GRIDGATE_WEBHOOK_ADDR", "127.0.0.1:0"),
            ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0"),
            ("GRIDGATE_EVENT_LOG", "temporary"),
            ("GRIDGATE_RECONCILE_INTERVAL", "0s"),
            ("GRIDGATE_LOG_LEVEL", "error"),
        ])
        .env("GRID_WEBHOOK_PUBKEY", grid.public_key())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ready = BufReader::new(child.stdout.take().unwrap()).lines().next_line().await.unwrap().unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let server: SocketAddr = ready["grpc"].as_str().unwrap().parse().unwrap();
    let pid = child.id().unwrap();

    // The connections first, so that what one stream more costs is told apart.
    let first = open(server, CONNECTIONS, CONNECTIONS).await;
    let connected = resident(pid);
    let rest = open(server, CONNECTIONS, WATCHERS - CONNECTIONS).await;
    let watched = resident(pid);
    println!(
        "{} streams on {} connections: {:.1} KiB a watcher, of one customer each, connections included",
        thousands(WATCHERS as f64),
        2 * CONNECTIONS,
        (watched - connected) / (WATCHERS - CONNECTIONS) as f64
    );
    first.close().await;
    rest.close().await;
    child.kill().await.unwrap();
}

async fn open(server: SocketAddr, connections: usize, watchers: usize) -> Subscribers {
    let watch = |of| WatchKycStatusRequest { customer_ids: vec![grid::customer(of)], ..Default::default() };
    let subscribers = Subscribers::open(server, connections, (0..watchers).map(watch).collect()).await;
    subscribers.counted.reach(watchers as u64).await;
    subscribers
}

/// Resident memory, in KiB.
fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
