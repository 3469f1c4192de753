//! TLS with certificates from files, which are read again when they change.
//!
//! A connection keeps the certificates it was made with; the next one gets what is in the files by then. What cannot be
//! used is refused as a whole (a key of another certificate, half a file), and what was there before stays.

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

/// What connections are secured with, as it is now.
#[derive(Clone)]
pub struct Tls {
    current: watch::Receiver<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files. `alpn` is what is offered to speak, what is preferred first. The [`Reloader`] has to run for
    /// changes to be seen.
    ///
    /// # Errors
    /// A file that cannot be read, or what cannot be used.
    pub async fn load(files: TlsFiles, alpn: Vec<Vec<u8>>) -> Result<(Tls, Reloader), TlsError> {
        let (reloader, current) = Reloader::start(files, alpn).await?;
        Ok((Tls { current }, reloader))
    }

    /// Shakes hands as a server.
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
