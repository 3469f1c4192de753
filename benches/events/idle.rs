//! Memory of the process for each watcher that waits, gRPC and HTTP/2 included, and of a process without any.

use std::net::SocketAddr;

use gridgate::pb::WatchKycStatusRequest;

use crate::grid::{self, Grid};
use crate::gridgate;
use crate::subscribers::Subscribers;
use crate::support::thousands;

/// How many watchers there are, on how many connections.
const SHAPES: [(usize, usize); 2] = [(1_000, 8), (20_000, 200)];

pub async fn measure() {
    let grid = Grid::new();
    for (watchers, connections) in SHAPES {
        let server = gridgate(&grid).await;
        let idle = server.resident();
        let streams = open(server.address("grpc"), connections, watchers).await;
        println!(
            "{} streams on {connections} connections: {:.1} KiB a watcher, of one customer each, connections included; \
             {} KiB before that",
            thousands(watchers as f64),
            (server.resident() - idle) / watchers as f64,
            thousands(idle),
        );
        streams.close().await;
        server.stop().await;
    }
}

async fn open(server: SocketAddr, connections: usize, watchers: usize) -> Subscribers {
    let watch = |of| WatchKycStatusRequest { customer_ids: vec![grid::customer(of)], ..Default::default() };
    let subscribers = Subscribers::open(server, connections, (0..watchers).map(watch).collect()).await;
    subscribers.counted.reach(watchers as u64).await;
    subscribers
}
