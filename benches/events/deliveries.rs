//! Deliveries a second from webhooks that come one by one: each sender waits for its answer, so that few events are recorded
//! at once. Beside a program that believes every webhook and puts it into a broadcast.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gridgate::pb::WatchKycStatusRequest;

use crate::grid::Grid;
use crate::gridgate;
use crate::senders::send_all;
use crate::subscribers::Subscribers;
use crate::support::{Server, Spread, thousands};

const WATCHERS: usize = 1_000;
const CONNECTIONS: usize = 8;
const WEBHOOKS: usize = 5_000;
const SENDERS: usize = 32;
const ROUNDS: usize = 5;

pub async fn measure() {
    println!("{WEBHOOKS} webhooks over {SENDERS} connections to {WATCHERS} streams on {CONNECTIONS}, in turns:");
    let grid = Grid::new();
    // Each of another customer, so that each is a change.
    let requests: Arc<Vec<Bytes>> = Arc::new((0..WEBHOOKS).map(|number| grid.request(2 * number)).collect());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare = Server::bare(&["broadcast"]).await;
        theirs.push(deliver(&bare, &requests).await);
        bare.stop().await;
        let server = gridgate(&grid).await;
        ours.push(deliver(&server, &requests).await);
        server.stop().await;
    }
    let (ours, theirs) = (Spread::of(ours), Spread::of(theirs));
    for (name, Spread { least, median, greatest }) in [("gridgate", ours), ("bare", theirs)] {
        println!(
            "  {name:>8}: {} deliveries a second ({} – {})",
            thousands(median),
            thousands(least),
            thousands(greatest)
        );
    }
    println!("  ratio of the medians {:.2}", ours.median / theirs.median);
}

/// Deliveries a second.
async fn deliver(server: &Server, requests: &Arc<Vec<Bytes>>) -> f64 {
    let address: SocketAddr = server.address("grpc");
    let subscribers = Subscribers::open(address, CONNECTIONS, vec![WatchKycStatusRequest::default(); WATCHERS]).await;
    subscribers.counted.reach(WATCHERS as u64).await;
    let begin = std::time::Instant::now();
    send_all(server.address("webhook"), requests, SENDERS).await;
    // `synced` of each stream included.
    subscribers.counted.reach(((WEBHOOKS + 1) * WATCHERS) as u64).await;
    let time: Duration = begin.elapsed();
    subscribers.close().await;
    (WEBHOOKS * WATCHERS) as f64 / time.as_secs_f64()
}
