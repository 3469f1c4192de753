//! Webhooks recorded a second: verified, parsed, and durable before each is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::grid::Grid;
use crate::senders::send_all;
use crate::serve::Server;
use crate::{machine, thousands};

const WEBHOOKS: usize = 100_000;
const ROUNDS: usize = 3;
/// Every one of them waits for its answer before it sends again.
const CONNECTIONS: usize = 256;

pub async fn measure() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let second = Duration::from_secs(2);
    let alone = tokio::task::spawn_blocking(move || machine::verifications(1, second)).await.unwrap();
    let all = tokio::task::spawn_blocking(move || machine::verifications(cores, second)).await.unwrap();
    println!("P-256 verifications a second: {} on one core, {} on all", thousands(alone), thousands(all));
    let flushes = tokio::task::spawn_blocking(move || machine::flushes(second)).await.unwrap();
    println!("fdatasync of 4 KiB a second: {}", thousands(flushes));
    println!("{WEBHOOKS} webhooks, {CONNECTIONS} connections that wait for each answer:");
    let grid = Grid::new();
    let requests = Arc::new(grid.requests(WEBHOOKS));
    for round in 1..=ROUNDS {
        let mut servers = JoinSet::new();
        let bare = bare(&mut servers, &grid).await;
        let bare_time = send_all(bare, &requests, CONNECTIONS).await;
        servers.shutdown().await;

        let server = Server::start(&grid).await;
        let time = send_all(server.webhooks(), &requests, CONNECTIONS).await;
        server.stop().await;
        let per_second = |time: Duration| thousands(WEBHOOKS as f64 / time.as_secs_f64());
        println!(
            "  round {round}: gridgate {} a second, verified and durable; a bare axum handler that verifies and stores nothing {}",
            per_second(time),
            per_second(bare_time)
        );
    }
}

/// The least there is: axum, and the signature checked over the body.
async fn bare(servers: &mut JoinSet<()>, grid: &Grid) -> SocketAddr {
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, grid.public_key_der()).unwrap();
    let router = Router::new().route("/webhooks/grid", post(verify)).with_state(Arc::new(key));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    servers.spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn verify(State(key): State<Arc<ParsedPublicKey>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    #[derive(serde::Deserialize)]
    struct Signature {
        s: String,
    }
    let signature: Signature = serde_json::from_slice(headers["x-grid-signature"].as_bytes()).unwrap();
    let signature = STANDARD.decode(signature.s).unwrap();
    if key.verify_sig(&body, &signature).is_ok() { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
}
