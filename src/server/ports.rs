//! Takes the ports, and remembers each that could not be had.

use super::error::ListenError;
use crate::config::Setting;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Listens on the address that a setting names, and says which one it became.
///
/// # Errors
/// The operating system's, with the setting's name.
pub async fn listen(setting: &'static Setting, addr: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    let bound = async {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    };
    bound.await.map_err(|source| ListenError { setting, addr, source })
}

/// The ports taken so far, as failures: what could be had is with who asked for it.
#[derive(Default)]
pub(super) struct Ports {
    failures: Vec<ListenError>,
}

impl Ports {
    /// Listens on an address, and says which one it became. `None` is remembered as a failure.
    pub(super) async fn bind(
        &mut self,
        setting: &'static Setting,
        addr: SocketAddr,
    ) -> Option<(TcpListener, SocketAddr)> {
        match listen(setting, addr).await {
            Ok(port) => Some(port),
            Err(failure) => {
                self.failures.push(failure);
                None
            }
        }
    }

    /// What could not be had.
    pub(super) fn into_failures(self) -> Vec<ListenError> {
        self.failures
    }
}
