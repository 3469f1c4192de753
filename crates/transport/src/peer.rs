//! What a request's extensions say about the connection that it came over.

use super::priority::ConnectionPriority;
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address: that of the last machine on the way, which may be a proxy.
    pub addr: SocketAddr,
    /// The address here that it connected to, where the system says so.
    pub connected_to: Option<SocketAddr>,
    /// The certificates it showed, its own first, in DER. They were verified against the client CA. `None` without TLS,
    /// or when it showed none.
    pub certificates: Option<Arc<[CertificateDer<'static>]>>,
}

/// A connection. In the extensions of every request that came over it, as `Arc<ConnectionInfo>`.
#[derive(Debug)]
pub struct ConnectionInfo {
    /// The other end.
    pub peer: Peer,
    /// Cancelled when the connection has been told to end: because of its age, or because the port is being closed. What
    /// has no end of its own should end then, with a word.
    pub end: CancellationToken,
    /// Whether it may be evicted.
    pub priority: ConnectionPriority,
}
