//! Events a second with 1,000 and with 50,000 watchers of one customer each: what an event costs must not grow with
//! watchers that it does not concern.

use std::time::Instant;

use gridgate::pb::WatchKycStatusRequest;
use tokio::task::JoinSet;

use crate::grid;
use crate::local_log::LocalLog;
use crate::subscribers::Subscribers;
use crate::support::thousands;

const EVENTS: usize = 50_000;
const CONNECTIONS: usize = 64;
/// Observations under way at once.
const IN_FLIGHT: usize = 512;

pub async fn measure() {
    for watchers in [1_000, 50_000] {
        let mut servers = JoinSet::new();
        let local = LocalLog::open().await;
        let address = local.serve(&mut servers).await;
        let watch = |of| WatchKycStatusRequest { customer_ids: vec![grid::customer(of)], ..Default::default() };
        let subscribers = Subscribers::open(address, CONNECTIONS, (0..watchers).map(watch).collect()).await;
        subscribers.counted.reach(watchers as u64).await;
        let begin = Instant::now();
        // Of the same 1,000 customers, so that only the watchers they do not concern differ.
        local.record(0, EVENTS, 1_000, IN_FLIGHT).await;
        let recorded = begin.elapsed();
        subscribers.counted.reach((watchers + EVENTS) as u64).await;
        let delivered = begin.elapsed();
        println!(
            "{} watchers of one customer each: {} events a second recorded, {} delivered",
            thousands(watchers as f64),
            thousands(EVENTS as f64 / recorded.as_secs_f64()),
            thousands(EVENTS as f64 / delivered.as_secs_f64()),
        );
        subscribers.close().await;
        servers.shutdown().await;
    }
}
