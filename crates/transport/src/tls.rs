//! TLS with certificates from files, reloaded when the files change.
//!
//! A connection keeps the certificates of its handshake; new connections use the current ones. Invalid files (a key of
//! another certificate, half a file) are rejected as a whole, and the previous certificates stay in use.

mod files;
mod reload;

pub use files::{ClientCertificates, ClientFiles, TlsError, TlsFiles};
pub use reload::{ReloadCounts, Reloader};

use rustls::ServerConfig;
use std::fmt;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The current TLS configuration of a port.
#[derive(Clone)]
pub struct Tls {
    current: watch::Receiver<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files. `alpn` lists the offered protocols in order of preference. Changes take effect only while the
    /// [`Reloader`] runs.
    ///
    /// # Errors
    /// A file cannot be read or is invalid.
    pub async fn load(files: TlsFiles, alpn: Vec<Vec<u8>>) -> Result<(Tls, Reloader), TlsError> {
        let (reloader, current) = Reloader::start(files, alpn).await?;
        Ok((Tls { current }, reloader))
    }

    /// Performs the server's side of the handshake.
    pub(super) async fn accept<IO>(&self, io: IO) -> io::Result<TlsStream<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let config = Arc::clone(&self.current.borrow());
        TlsAcceptor::from(config).accept(io).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
