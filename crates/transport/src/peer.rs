//! The request extension that describes the request's connection.

use super::priority::ConnectionPriority;
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The client of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address; behind a proxy, the proxy's.
    pub addr: SocketAddr,
    /// The local address that it connected to. `None`: the operating system did not return it.
    pub connected_to: Option<SocketAddr>,
    /// Its certificate chain in DER, its own first, verified against the client CA. `None` without TLS or without a client
    /// certificate.
    pub certificates: Option<Arc<[CertificateDer<'static>]>>,
}

/// A connection. Every request has it as an extension, of the type `Arc<ConnectionInfo>`.
#[derive(Debug)]
pub struct ConnectionInfo {
    /// The client.
    pub peer: Peer,
    /// Cancelled when the connection begins to drain: because of its age, or because the port is closing. Long-lived
    /// streams should then end with a status.
    pub end: CancellationToken,
    /// Whether it may be evicted.
    pub priority: ConnectionPriority,
}
