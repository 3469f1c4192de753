//! Deliveries a second to 1,000 watchers of everything in large batches, beside a bare tonic broadcast with no log: both in
//! this process, without the layers that a call passes.

use std::time::{Duration, Instant};

use gridgate::pb::WatchKycStatusRequest;
use tokio::task::JoinSet;

use crate::bare_broadcast;
use crate::grid;
use crate::local_log::LocalLog;
use crate::subscribers::Subscribers;
use crate::support::thousands;

const WATCHERS: usize = 1_000;
const CONNECTIONS: usize = 8;
const EVENTS: usize = 12_000;
/// Events that may be on their way: half of what streams find in memory, for both.
const WINDOW: usize = 8_000;
const BURST: usize = 500;
const ROUNDS: usize = 3;

pub async fn measure() {
    println!("{WATCHERS} streams on {CONNECTIONS} connections, {EVENTS} events for all of them, in turns:");
    for round in 1..=ROUNDS {
        let bare = bare().await;
        let ours = ours().await;
        let per_second = |time: Duration| (EVENTS * WATCHERS) as f64 / time.as_secs_f64();
        println!(
            "  round {round}: gridgate {} deliveries a second, recorded and durable; the bare broadcast {}; ratio {:.2}",
            thousands(per_second(ours)),
            thousands(per_second(bare)),
            per_second(ours) / per_second(bare)
        );
    }
}

async fn open(address: std::net::SocketAddr) -> Subscribers {
    let subscribers = Subscribers::open(address, CONNECTIONS, vec![WatchKycStatusRequest::default(); WATCHERS]).await;
    subscribers.counted.reach(WATCHERS as u64).await;
    subscribers
}

/// How many messages there are when `events` of them came everywhere, `synced` included.
fn delivered(events: usize) -> u64 {
    ((events + 1) * WATCHERS) as u64
}

async fn ours() -> Duration {
    let mut servers = JoinSet::new();
    let local = LocalLog::open().await;
    let subscribers = open(local.serve(&mut servers).await).await;
    let begin = Instant::now();
    for from in (0..EVENTS).step_by(BURST) {
        subscribers.counted.reach(delivered(from.saturating_sub(WINDOW))).await;
        local.record(from, from + BURST, WATCHERS, BURST).await;
    }
    subscribers.counted.reach(delivered(EVENTS)).await;
    let time = begin.elapsed();
    subscribers.close().await;
    servers.shutdown().await;
    time
}

async fn bare() -> Duration {
    let mut servers = JoinSet::new();
    let (address, sender) = bare_broadcast::start(&mut servers, 2 * WINDOW).await;
    let subscribers = open(address).await;
    let begin = Instant::now();
    for from in (0..EVENTS).step_by(BURST) {
        subscribers.counted.reach(delivered(from.saturating_sub(WINDOW))).await;
        for number in from..from + BURST {
            let id = format!("Webhook:0197c3a2-0000-7000-8000-{number:012x}");
            sender.send(bare_broadcast::event(id, grid::customer(number), "UNVERIFIED".to_owned())).unwrap();
        }
    }
    subscribers.counted.reach(delivered(EVENTS)).await;
    let time = begin.elapsed();
    subscribers.close().await;
    servers.shutdown().await;
    time
}
