//! `gridgate serve` as a process of its own, in front of a scripted Grid, that can be started again where it was.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use super::process::Process;

/// Ports that nobody else gets while the program is down: below those that systems hand out by themselves.
pub fn fixed_ports<const N: usize>(random: &mut fastrand::Rng) -> [SocketAddr; N] {
    let mut free = Vec::new();
    while free.len() < N {
        let port = SocketAddr::from((Ipv4Addr::LOCALHOST, random.u16(15_000..32_000)));
        if !free.contains(&port) && TcpListener::bind(port).is_ok() {
            free.push(port);
        }
    }
    free.try_into().expect("as many as were asked for")
}

/// The program, as it is started again and again.
pub struct Serving {
    directory: tempfile::TempDir,
    pub grpc: SocketAddr,
    pub webhooks: SocketAddr,
    admin: SocketAddr,
    public_key: String,
    base_url: String,
}

impl Serving {
    pub fn new(random: &mut fastrand::Rng, public_key: String, base_url: String) -> Self {
        let [grpc, webhooks, admin] = fixed_ports(random);
        Self { directory: tempfile::tempdir().unwrap(), grpc, webhooks, admin, public_key, base_url }
    }

    pub fn start(&self) -> Process {
        let (grpc, webhooks, admin) = (self.grpc.to_string(), self.webhooks.to_string(), self.admin.to_string());
        let environment = [
            ("GRID_CLIENT_ID", "id"),
            ("GRID_CLIENT_SECRET", "secret"),
            ("GRID_WEBHOOK_PUBKEY", self.public_key.as_str()),
            ("LIGHTSPARK_GRID_BASE_URL", self.base_url.as_str()),
            ("GRIDGATE_GRPC_ADDR", grpc.as_str()),
            ("GRIDGATE_WEBHOOK_ADDR", webhooks.as_str()),
            ("GRIDGATE_ADMIN_ADDR", admin.as_str()),
            ("GRIDGATE_EVENT_LOG", "sqlite:events.db"),
            ("GRIDGATE_RECONCILE_INTERVAL", "0s"),
        ];
        Process::start_in(self.directory.path(), &["serve"], &environment)
    }

    /// The file of its event log.
    pub fn log(&self) -> PathBuf {
        self.directory.path().join("events.db")
    }

    /// Starts it, and waits until it is ready.
    pub async fn start_and_wait(&self) -> Process {
        let mut program = self.start();
        program.json_line().await;
        program
    }
}
