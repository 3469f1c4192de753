//! What gridgate costs a unary call: GetCustomer through gridgate, beside the least a team could write (a bare tonic
//! handler with a reqwest call). Both call the same upstream and answer the same load, taking turns in one run.
//!
//! Run it with `scripts/bench unary [SECONDS_PER_ROUND] [ROUNDS]`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::indexing_slicing)]

mod bare;
mod load;
mod upstream;

use std::net::SocketAddr;
use std::time::Duration;

use gridgate::config::{Config, Sources};
use gridgate::server::App;
use load::Measured;
use tokio::task::JoinSet;

/// Calls under way at once.
const CALLERS: usize = 64;
/// Connections they share.
const CONNECTIONS: usize = 4;

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let seconds = numbers.next().unwrap_or(5);
    let rounds = numbers.next().unwrap_or(5).max(1);
    // The rounds of one contender must not find the other's connections in their way, so both run all the time.
    let mut servers = JoinSet::new();
    let upstream = upstream::start(&mut servers).await;
    let bare = bare::start(&mut servers, upstream).await;
    let gridgate = start_gridgate(&mut servers, upstream).await;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for address in [bare, gridgate] {
        load::run(address, CALLERS, CONNECTIONS, Duration::from_secs(2)).await;
    }
    println!(
        "GetCustomer, {CALLERS} callers on {CONNECTIONS} connections, {rounds} rounds of {seconds} s each, in turns"
    );
    println!("{:>10}  {:>12}  {:>10}  {:>10}", "", "calls/s", "p50", "p99");
    for _ in 0..rounds {
        let time = Duration::from_secs(seconds);
        theirs.push(report("bare", load::run(bare, CALLERS, CONNECTIONS, time).await));
        ours.push(report("gridgate", load::run(gridgate, CALLERS, CONNECTIONS, time).await));
    }
    let throughput = median(&ours, |round| round.per_second) / median(&theirs, |round| round.per_second);
    let latency = median(&ours, |round| round.p50.as_secs_f64()) / median(&theirs, |round| round.p50.as_secs_f64());
    println!("gridgate / bare, medians of the rounds: throughput {throughput:.3}, median latency {latency:.3}");
    println!(
        "load, both servers and the upstream share this machine's {} cores",
        std::thread::available_parallelism().unwrap()
    );
    servers.shutdown().await;
}

async fn start_gridgate(servers: &mut JoinSet<()>, upstream: SocketAddr) -> SocketAddr {
    let env = [
        ("GRID_CLIENT_ID", "bench".to_owned()),
        ("GRID_CLIENT_SECRET", "bench".to_owned()),
        ("LIGHTSPARK_GRID_BASE_URL", format!("http://{upstream}/grid/2025-10-13")),
        ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0".to_owned()),
        ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0".to_owned()),
        ("GRIDGATE_EVENT_LOG", "temporary".to_owned()),
    ];
    let env = env.map(|(name, value)| (name.into(), value.into()));
    let config = Config::load(Sources::default().with_env(env), false).unwrap();
    let app = App::bind(config).await.unwrap();
    let address = app.addresses().grpc;
    let ready = app.ready();
    servers.spawn(async move { app.run(std::future::pending::<()>()).await.unwrap() });
    ready.await;
    address
}

fn report(name: &str, round: Measured) -> Measured {
    println!("{name:>10}  {:>12.0}  {:>10.2?}  {:>10.2?}", round.per_second, round.p50, round.p99);
    round
}

fn median(rounds: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
