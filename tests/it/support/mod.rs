//! What the tests of several subjects share.

pub mod api;
pub mod app;
pub mod browser;
pub mod certificates;
pub mod control;
pub mod details;
pub mod diff;
pub mod envoy;
pub mod equivalent;
pub mod errors_doc;
pub mod fake_grid;
pub mod frames;
pub mod gateway;
#[cfg(target_os = "linux")]
pub mod jumping_clock;
pub mod log;
pub mod lossy_disk;
pub mod memory_log;
pub mod multipart;
pub mod nats;
pub mod nats_operator;
pub mod nats_relay;
pub mod odd;
pub mod place;
pub mod process;
pub mod raw_grpc;
pub mod samples;
pub mod scene;
pub mod serving;
pub mod silent_grid;
pub mod stage;
pub mod watcher;
pub mod webhook_sender;

use std::time::Duration;

/// How long anything that a test waits for may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for something that must happen.
pub async fn soon<F: Future>(what: &'static str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}
