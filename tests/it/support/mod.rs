//! What the tests share.

pub mod app;

pub mod raw_grpc;

use std::time::Duration;

/// How long anything that a test waits for may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for something that must happen.
#[track_caller]
pub fn soon<F: Future>(what: &'static str, future: F) -> impl Future<Output = F::Output> {
    async move {
        match tokio::time::timeout(PATIENCE, future).await {
            Ok(output) => output,
            Err(_) => panic!("{what}: not within {PATIENCE:?}"),
        }
    }
}
