//! Who is at the other end of a connection, as far as the connection itself says.

use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;

/// The other end of a connection. In the extensions of every request that came over it.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address: that of the last machine on the way, which may be a proxy.
    pub addr: SocketAddr,
    /// The certificates it showed, its own first, in DER. They were verified against the client CA. `None` without TLS,
    /// or when it showed none.
    pub certificates: Option<Arc<[CertificateDer<'static>]>>,
}
