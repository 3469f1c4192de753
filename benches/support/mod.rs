//! What benchmarks share: the programs that are measured, as processes of their own, and tables of what came out.

#![allow(dead_code, reason = "no benchmark uses everything")]

use serde_json::Value;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A program that serves. It is killed when this is dropped.
pub struct Server {
    child: Child,
    addresses: Value,
}

impl Server {
    /// gridgate, with these settings, and Grid there.
    pub async fn gridgate(grid: SocketAddr, settings: &[(&str, String)]) -> Self {
        let mut command = Command::new(program());
        command
            .arg("serve")
            .env_clear()
            .envs([
                ("GRID_CLIENT_ID", "bench"),
                ("GRID_CLIENT_SECRET", "bench"),
                ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0"),
                ("GRIDGATE_WEBHOOK_ADDR", "127.0.0.1:0"),
                ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0"),
                ("GRIDGATE_EVENT_LOG", "temporary"),
                ("GRIDGATE_RECONCILE_INTERVAL", "0s"),
            ])
            .env("LIGHTSPARK_GRID_BASE_URL", format!("http://{grid}/grid/2025-10-13"))
            .envs(settings.iter().map(|(name, value)| (name, value)));
        Self::start(command).await
    }

    /// One of `benches/bare`, which `scripts/bench` has built.
    pub async fn bare(arguments: &[&str]) -> Self {
        let program = std::env::var("BARE_BINARY").expect("scripts/bench sets BARE_BINARY");
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        Self::start(command).await
    }

    async fn start(mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let ready = BufReader::new(child.stdout.take().unwrap()).lines().next_line().await.unwrap();
        let addresses = serde_json::from_str(&ready.unwrap_or_else(|| panic!("{command:?} did not start"))).unwrap();
        Self { child, addresses }
    }

    /// Where it listens: `grpc`, `webhook`, `admin`.
    pub fn address(&self, port: &str) -> SocketAddr {
        self.addresses[port].as_str().unwrap().parse().unwrap()
    }

    /// Processor time so far, of the program and of the kernel for it, in steps of 10 ms.
    pub fn processor_time(&self) -> Duration {
        const TICK: Duration = Duration::from_millis(10);
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id().unwrap())).unwrap();
        // The name, in brackets, may hold spaces. Fields 14 and 15 of proc_pid_stat(5) are user and system time.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        TICK * fields[11..=12].iter().map(|ticks| ticks.parse::<u32>().unwrap()).sum()
    }

    /// Resident memory, in KiB.
    pub fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub async fn stop(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The program that is measured: the one that was built with this benchmark, or that `GRIDGATE_BINARY` names.
pub fn program() -> String {
    std::env::var("GRIDGATE_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_gridgate").to_owned())
}

/// The least, the median and the greatest of some measurements.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    pub least: f64,
    pub median: f64,
    pub greatest: f64,
}

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self { least: values[0], median: values[values.len() / 2], greatest: values[values.len() - 1] }
    }
}

/// A number with thousands apart.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
