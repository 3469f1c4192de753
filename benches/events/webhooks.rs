//! Webhooks recorded a second: verified, parsed, and durable before each is answered. Beside the machine's bound: what a handler
//! that believes everything takes, and one P-256 verification each.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::grid::Grid;
use crate::senders::send_all;
use crate::support::{Server, Spread, thousands};
use crate::{gridgate, gridgate_asking, machine};

const WEBHOOKS: usize = 60_000;
const ROUNDS: usize = 5;
/// Every one of them waits for its answer before it sends again.
const CONNECTIONS: usize = 64;

pub async fn measure() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let second = Duration::from_secs(2);
    let verify = tokio::task::spawn_blocking(move || machine::verifications(1, second)).await.unwrap();
    println!("P-256 verifications a second on one core: {}", thousands(verify));
    let flushes = tokio::task::spawn_blocking(move || machine::flushes(second)).await.unwrap();
    println!("fdatasync of 4 KiB a second: {}", thousands(flushes));
    println!("{WEBHOOKS} webhooks, {CONNECTIONS} connections that wait for each answer, in turns:");
    let grid = Grid::new();
    let requests = Arc::new(grid.requests(WEBHOOKS));
    let contradicting = Arc::new(contradicting(&grid));
    let upstream = Server::bare(&["upstream"]).await;
    let (mut bare, mut ours, mut doubted) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(taken(Server::bare(&["broadcast"]).await, &requests).await);
        ours.push(taken(gridgate(&grid).await, &requests).await);
        doubted.push(taken(gridgate_asking(&grid, upstream.address("http")).await, &contradicting).await);
    }
    let (bare, ours, doubted) = (Spread::of(bare), Spread::of(ours), Spread::of(doubted));
    let bound = cores as f64 / (cores as f64 / bare.median + 1.0 / verify);
    for (name, of) in [("bare, unverified", bare), ("gridgate", ours), ("with a third of them contradicting", doubted)]
    {
        let Spread { least, median, greatest } = of;
        println!(
            "  {name:>35}: {} a second ({} – {}), {:.2} of the bound",
            thousands(median),
            thousands(least),
            thousands(greatest),
            median / bound
        );
    }
    println!("  the machine's bound, with one verification each: {}", thousands(bound));
}

/// Every third contradicts the one two before it.
fn contradicting(grid: &Grid) -> Vec<Bytes> {
    let request = |number: usize| match number % 3 {
        2 => grid.contradiction(2 * number, 2 * (number - 2)),
        _ => grid.request(2 * number),
    };
    (0..WEBHOOKS).map(request).collect()
}

/// Webhooks taken a second.
async fn taken(server: Server, requests: &Arc<Vec<Bytes>>) -> f64 {
    let time = send_all(server.address("webhook"), requests, CONNECTIONS).await;
    server.stop().await;
    requests.len() as f64 / time.as_secs_f64()
}
