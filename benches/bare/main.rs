//! What a team would write instead of gridgate, in a few lines each, as programs of their own: `scripts/bench` builds them with cargo's
//! default release profile.
//!
//! `bare NAME [UPSTREAM]` prints the addresses that it listens on, as JSON, and serves until it is killed.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, clippy::panic)]

mod broadcast;
mod unary;
mod upstream;
mod webhooks;

use serde_json::json;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut servers = JoinSet::new();
    let addresses = match arguments.next().as_deref() {
        // A tonic handler with one call by reqwest.
        Some("unary") => json!({ "grpc": unary::start(&mut servers, &arguments.next().unwrap()).await }),
        // An axum handler that puts what comes into a tokio broadcast, and tonic streams that take it out.
        Some("broadcast") => webhooks::start(&mut servers).await,
        // Grid, as far as it always answers with the same customer.
        Some("upstream") => json!({ "http": upstream::start(&mut servers).await }),
        other => panic!("bare unary UPSTREAM | broadcast | upstream, not {other:?}"),
    };
    println!("{addresses}");
    servers.join_all().await;
}
