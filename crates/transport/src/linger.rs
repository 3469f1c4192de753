//! Closing without taking the last words back.
//!
//! A socket that is closed while the other end still sends is reset, and a reset makes that end throw away what it had
//! not read yet (RFC 9112, section 9.6). So the rest is read first, for a while, and thrown away.

use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

/// What is read at most.
const BYTES: u64 = 32 * 1024 * 1024;

/// Reads what is still being sent, until the other end has closed too, or for `limit`.
pub(super) async fn linger(stream: impl AsyncRead + Unpin, limit: Duration) {
    let mut rest = stream.take(BYTES);
    let discard = async { tokio::io::copy(&mut rest, &mut tokio::io::sink()).await };
    // Whether it ended, broke, or took too long: it is closed now.
    let _ = timeout(limit, discard).await;
}
