//! What gridgate costs a unary call: GetCustomer through gridgate, beside the least a team could write (a bare tonic
//! handler with a reqwest call). Both are programs of their own, call the same upstream and answer the same load, taking
//! turns in one run.
//!
//! Run it with `scripts/bench unary [SECONDS_PER_ROUND] [ROUNDS]`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::indexing_slicing)]
#![allow(clippy::panic, reason = "a benchmark that cannot go on has nothing to say")]

mod everything;
mod load;
#[path = "../support/mod.rs"]
mod support;

use everything::Everything;
use load::{Measured, Shape};
use std::time::Duration;
use support::{Server, Spread, thousands};

const SHAPES: [Shape; 3] = [
    Shape { name: "8 connections, 16 callers on each", connections: 8, callers: 128 },
    Shape { name: "one connection, 64 callers", connections: 1, callers: 64 },
    Shape { name: "one call at a time", connections: 1, callers: 1 },
];

/// What is measured, and what its callers show.
struct Contender {
    name: &'static str,
    server: Server,
    token: Option<String>,
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let time = Duration::from_secs(numbers.next().unwrap_or(5));
    let rounds = usize::try_from(numbers.next().unwrap_or(5).max(1)).unwrap();
    let upstream = Server::bare(&["upstream"]).await;
    let grid = upstream.address("http");
    let everything = Everything::set_up(grid).await;
    let token = Some(everything.token().to_owned());
    let contenders = [
        Contender { name: "bare", server: Server::bare(&["unary", &grid.to_string()]).await, token: None },
        Contender { name: "gridgate", server: Server::gridgate(grid, &[]).await, token: None },
        Contender { name: "all on", server: Server::gridgate(grid, &everything.settings()).await, token },
    ];
    let cores = std::thread::available_parallelism().unwrap();
    println!("GetCustomer, {rounds} rounds of {time:?} each, in turns; load, upstream and servers share {cores} cores");
    println!("all on: {}", everything::DESCRIPTION);
    for shape in SHAPES {
        println!("\n## {}", shape.name);
        measure(&contenders, shape, rounds, time).await;
    }
}

async fn measure(contenders: &[Contender], shape: Shape, rounds: usize, time: Duration) {
    println!(
        "{:>10}  {:>8} {:>19}  {:>9}  {:>9}  {:>10}  {:>5}",
        "", "calls/s", "", "p50", "p99", "cpu a call", "ratio"
    );
    let mut measured: Vec<Vec<Measured>> = contenders.iter().map(|_| Vec::new()).collect();
    for of in contenders {
        load::run(&of.server, of.token.as_deref(), shape, Duration::from_secs(1)).await;
    }
    for _ in 0..rounds {
        for (of, measured) in contenders.iter().zip(&mut measured) {
            measured.push(load::run(&of.server, of.token.as_deref(), shape, time).await);
        }
    }
    let of = |rounds: &[Measured], value: fn(&Measured) -> f64| Spread::of(rounds.iter().map(value));
    let bare = of(&measured[0], |round| round.per_second).median;
    for (contender, rounds) in contenders.iter().zip(&measured) {
        let calls = of(rounds, |round| round.per_second);
        let median = |value| Duration::from_secs_f64(of(rounds, value).median);
        println!(
            "{:>10}  {:>8} {:>19}  {:>9.2?}  {:>9.2?}  {:>10.1?}  {:>5.2}",
            contender.name,
            thousands(calls.median),
            format!("({} – {})", thousands(calls.least), thousands(calls.greatest)),
            median(|round| round.p50.as_secs_f64()),
            median(|round| round.p99.as_secs_f64()),
            median(|round| round.processor_time.as_secs_f64()),
            calls.median / bare,
        );
    }
}
