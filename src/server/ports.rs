//! Takes the ports, and remembers each that could not be had.

use super::error::ListenError;
use crate::config::Setting;
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// How many connections may wait to be accepted; the system may allow less (on Linux `net.core.somaxconn`, 4096 as a
/// rule). With the usual 128, a hundred clients that come at once, as they do when a replica starts or another one goes,
/// overflow it, and the system then resets some of them in the middle of their first call.
const BACKLOG: u32 = 4096;

/// Listens on the address that a setting names, and says which one it became. Needs the runtime around it.
///
/// # Errors
/// The operating system's, with the setting's name.
pub fn listen(setting: &'static Setting, addr: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    open(addr).map_err(|source| ListenError { setting, addr, source })
}

fn open(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As `TcpListener::bind` does: a server that starts again is not kept waiting by connections of the one before. On
    // Windows it would mean that two may listen.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    let listener = socket.listen(BACKLOG)?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

/// The ports taken so far, as failures: what could be had is with who asked for it.
#[derive(Default)]
pub(super) struct Ports {
    failures: Vec<ListenError>,
}

impl Ports {
    /// Listens on an address, and says which one it became. `None` is remembered as a failure.
    pub(super) fn bind(&mut self, setting: &'static Setting, addr: SocketAddr) -> Option<(TcpListener, SocketAddr)> {
        match listen(setting, addr) {
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
