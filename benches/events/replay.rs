//! Reading 1,000,000 events again, from the log, by one watcher of everything.

use std::time::Instant;

use gridgate::pb::WatchKycStatusRequest;
use gridgate::pb::watch_kyc_status_request::Start;
use tokio::task::JoinSet;

use crate::local_log::LocalLog;
use crate::subscribers::Subscribers;
use crate::support::thousands;

const EVENTS: usize = 1_000_000;
const CUSTOMERS: usize = 10_000;
const ROUNDS: usize = 3;

pub async fn measure() {
    let mut servers = JoinSet::new();
    let local = LocalLog::open().await;
    let address = local.serve(&mut servers).await;
    let begin = Instant::now();
    local.record(0, EVENTS, CUSTOMERS, 1_024).await;
    let per_second = EVENTS as f64 / begin.elapsed().as_secs_f64();
    println!(
        "{} events of {} customers, recorded at {} a second:",
        thousands(EVENTS as f64),
        thousands(CUSTOMERS as f64),
        thousands(per_second)
    );
    for round in 1..=ROUNDS {
        let earliest = Start::StartPosition(gridgate::pb::WatchStart::Earliest.into());
        let begin = Instant::now();
        let request = WatchKycStatusRequest { start: Some(earliest), ..Default::default() };
        let subscribers = Subscribers::open(address, 1, vec![request]).await;
        subscribers.counted.reach(EVENTS as u64 + 1).await;
        println!(
            "  round {round}: {} a second to one watcher",
            thousands(EVENTS as f64 / begin.elapsed().as_secs_f64())
        );
        subscribers.close().await;
    }
    servers.shutdown().await;
}
