//! Takes the ports, and remembers each that could not be had.

use super::error::{BindError, ListenError};
use super::own_sandbox::OwnSandbox;
use crate::config::{Setting, Upstream, connectable, settings};
use crate::grid::ClientConfig;
use serde::Serialize;
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// How many connections may wait to be accepted; the system may allow less (on Linux `net.core.somaxconn`, 4096 as a
/// rule). With the usual 128, a hundred clients that come at once, as they do when a replica starts or another one goes,
/// overflow it, and the system then resets some of them in the middle of their first call.
const BACKLOG: u32 = 4096;

/// The ports that were bound. Serialized, it is the program's ready line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// The gRPC API.
    pub grpc: SocketAddr,
    /// Grid's webhooks, where they are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<SocketAddr>,
    /// `/livez`, `/readyz` and `/metrics`.
    pub admin: SocketAddr,
    /// The local Grid, where one runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SocketAddr>,
}

/// A listener, and which address it became where 0 was asked for.
pub(super) type Bound = (TcpListener, SocketAddr);

/// Listens on the address that a setting names, and says which one it became. Needs the runtime around it.
///
/// # Errors
/// The operating system's, with the setting's name.
pub fn listen(setting: &'static Setting, addr: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    open(addr).map_err(|source| ListenError { setting, addr, source })
}

fn open(addr: SocketAddr) -> io::Result<Bound> {
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

/// What is to be listened on.
pub(super) struct Wanted<'a> {
    pub(super) grpc: SocketAddr,
    pub(super) admin: SocketAddr,
    /// None where no webhooks are taken.
    pub(super) webhook: Option<SocketAddr>,
    /// Where webhooks are taken, as a path.
    pub(super) webhook_path: &'a str,
    pub(super) upstream: Upstream,
}

/// The ports, all of them, and the Grid that is called: an own sandbox is at one of them.
pub(super) struct Ports {
    pub(super) grpc: Bound,
    pub(super) admin: Bound,
    pub(super) webhook: Option<Bound>,
    pub(super) client: ClientConfig,
    pub(super) sandbox: Option<OwnSandbox>,
}

impl Ports {
    /// Where they are.
    pub(super) fn addresses(&self) -> Addresses {
        Addresses {
            grpc: self.grpc.1,
            webhook: self.webhook.as_ref().map(|(_, addr)| *addr),
            admin: self.admin.1,
            sandbox: self.sandbox.as_ref().map(|own| own.addr),
        }
    }
}

impl Wanted<'_> {
    /// Listens everywhere.
    ///
    /// # Errors
    /// Every address that cannot be listened on.
    pub(super) fn bind(self) -> Result<Ports, BindError> {
        let Wanted { grpc, admin, webhook, webhook_path, upstream } = self;
        let mut failures = Failures::default();
        let grpc = failures.listen(&settings::GRPC_ADDR, grpc);
        let admin = failures.listen(&settings::ADMIN_ADDR, admin);
        let webhook = webhook.and_then(|addr| failures.listen(&settings::WEBHOOK_ADDR, addr));
        let (client, sandbox) = match upstream {
            Upstream::Grid(client) => (client, None),
            Upstream::Sandbox { addr, config, client } => {
                let endpoint = webhook.as_ref().map(|(_, addr)| format!("http://{}{webhook_path}", connectable(*addr)));
                let port = failures.listen(&settings::SANDBOX_ADDR, addr);
                let sandbox = port.map(|(listener, addr)| OwnSandbox::new(listener, addr, config, endpoint));
                let base_url = sandbox.as_ref().map_or(String::new(), |own| own.access.base_url.clone());
                (ClientConfig { base_url, ..client }, sandbox)
            }
        };
        match (grpc, admin, failures) {
            (Some(grpc), Some(admin), Failures(none)) if none.is_empty() => {
                Ok(Ports { grpc, admin, webhook, client, sandbox })
            }
            (_, _, Failures(failures)) => Err(BindError::Listen(failures)),
        }
    }
}

/// Addresses that cannot be listened on.
#[derive(Default)]
struct Failures(Vec<ListenError>);

impl Failures {
    /// `None` is remembered.
    fn listen(&mut self, setting: &'static Setting, addr: SocketAddr) -> Option<Bound> {
        listen(setting, addr).map_err(|failure| self.0.push(failure)).ok()
    }
}
