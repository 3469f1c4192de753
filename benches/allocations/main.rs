//! How often a unary call allocates: GetCustomer and CreateCustomer through the real app, with the log lines of the program.
//!
//! The counted process is gridgate and nothing else. The callers and Grid are a second process (`peers`), started by
//! the first and told over its standard input when to begin.
//!
//! Run it with `scripts/bench allocations [CALLS]`.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

mod peers;
#[path = "../bare/upstream.rs"]
mod upstream;

use std::alloc::System;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use gridgate::config::{Config, Sources};
use gridgate::server::App;
use gridgate::telemetry;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The argument that makes this program the second process.
const PEERS: &str = "peers";
/// Rounds of calls of each method. The first ones fill pools and caches.
const ROUNDS: usize = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let calls = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(2000);
    if arguments.iter().any(|argument| argument == PEERS) { peers::run(calls) } else { count(calls) }
}

fn count(calls: usize) {
    let mut peers = Command::new(std::env::current_exe().unwrap())
        .args([PEERS, &calls.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut say, hear) = (peers.stdin.take().unwrap(), peers.stdout.take().unwrap());
    let mut lines = BufReader::new(hear).lines().map(Result::unwrap);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let grpc = runtime.block_on(start_gridgate(&lines.next().unwrap()));
    writeln!(say, "{grpc}").unwrap();
    println!("per call, mean of {calls} calls one after the other");
    println!("{:>16}  {:>12}  {:>14}  {:>10}", "", "allocations", "reallocations", "bytes");
    while let Some(method) = lines.next() {
        let region = Region::new(ALLOCATOR);
        writeln!(say).unwrap();
        assert_eq!(lines.next().unwrap(), "done");
        let counted = region.change();
        let per_call = |total: usize| total as f64 / calls as f64;
        let (allocations, reallocations) = (per_call(counted.allocations), per_call(counted.reallocations));
        let bytes = per_call(counted.bytes_allocated);
        println!("{method:>16}  {allocations:>12.1}  {reallocations:>14.1}  {bytes:>10.0}");
    }
    assert!(peers.wait().unwrap().success());
}

async fn start_gridgate(upstream: &str) -> String {
    let env = [
        ("GRID_CLIENT_ID", "bench".to_owned()),
        ("GRID_CLIENT_SECRET", "bench".to_owned()),
        ("LIGHTSPARK_GRID_BASE_URL", format!("http://{upstream}/grid/2025-10-13")),
        ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0".to_owned()),
        ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0".to_owned()),
        ("GRIDGATE_EVENT_LOG", "temporary".to_owned()),
        ("GRIDGATE_RECONCILE_INTERVAL", "0s".to_owned()),
    ];
    let env = env.map(|(name, value)| (name.into(), value.into()));
    let config = Config::load(Sources::default().with_env(env), false).unwrap();
    // Without log lines no span is made, and the program always writes them.
    telemetry::init(&config.log, None).unwrap();
    let app = App::bind(config).await.unwrap();
    let (address, ready) = (app.addresses().grpc, app.ready());
    tokio::spawn(async move { app.run(std::future::pending::<()>()).await.unwrap() });
    ready.await;
    address.to_string()
}
