//! What events cost: taking webhooks, telling watchers, remembering, answering. Each beside what the same machine does
//! with less: a bare signature check, a bare disk flush, a bare handler, a bare broadcast, a bare echo.
//!
//! Run it with `scripts/bench events [SECTION...]`; without a section it measures all of them. docs/PERFORMANCE.md says
//! what they mean.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::indexing_slicing)]
#![allow(clippy::panic, reason = "a benchmark that cannot go on has nothing to say")]

#[path = "../bare/broadcast.rs"]
mod bare_broadcast;
mod deliveries;
mod fanout;
mod grid;
mod idle;
mod latency;
mod local_log;
mod machine;
mod replay;
mod scale;
mod senders;
mod status;
mod subscribers;
#[path = "../support/mod.rs"]
mod support;
mod webhooks;

use grid::Grid;
use std::net::SocketAddr;
use std::process::ExitCode;
use support::Server;

const SECTIONS: [&str; 8] = ["webhooks", "deliveries", "fanout", "idle", "scale", "replay", "latency", "status"];

#[tokio::main]
async fn main() -> ExitCode {
    // cargo bench passes `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = wanted.iter().find(|section| !SECTIONS.contains(&section.as_str())) {
        println!("there is no section '{unknown}'; there are: {}", SECTIONS.join(" "));
        return ExitCode::FAILURE;
    }
    let cores = std::thread::available_parallelism().unwrap();
    println!("{cores} cores, shared by the server, the load, and what it is compared with\n");
    for section in SECTIONS {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == section) {
            continue;
        }
        println!("## {section}");
        match section {
            "webhooks" => webhooks::measure().await,
            "deliveries" => deliveries::measure().await,
            "fanout" => fanout::measure().await,
            "idle" => idle::measure().await,
            "scale" => scale::measure().await,
            "replay" => replay::measure().await,
            "latency" => latency::measure().await,
            _ => status::measure().await,
        }
        println!();
    }
    ExitCode::SUCCESS
}

/// gridgate, which believes this Grid's webhooks. Grid itself is nowhere: nothing is asked.
async fn gridgate(grid: &Grid) -> Server {
    gridgate_asking(grid, SocketAddr::from(([127, 0, 0, 1], 9))).await
}

/// The same, which asks there what it cannot resolve.
async fn gridgate_asking(grid: &Grid, upstream: SocketAddr) -> Server {
    Server::gridgate(upstream, &[("GRID_WEBHOOK_PUBKEY", grid.public_key())]).await
}
