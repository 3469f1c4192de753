//! Lingering close: keeps the client able to read the last response.
//!
//! Closing a socket while the peer still sends resets the connection, and the reset makes the peer discard data that it
//! has not read yet (RFC 9112, section 9.6). So the server first reads and discards the rest, for a limited time.

use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

/// How many bytes are read and discarded at most.
const BYTES: u64 = 32 * 1024 * 1024;

/// Reads and discards until the peer closes too, or for `limit`.
pub(super) async fn linger(stream: impl AsyncRead + Unpin, limit: Duration) {
    let mut rest = stream.take(BYTES);
    let discard = async { tokio::io::copy(&mut rest, &mut tokio::io::sink()).await };
    // The socket is closed next, whether the peer closed, failed, or took too long.
    let _ = timeout(limit, discard).await;
}
