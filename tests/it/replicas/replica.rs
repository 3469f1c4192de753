//! gridgate as a process of its own, and where each of several is at the moment.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use crate::support::process::Process;

/// Several processes over one log.
pub struct Replicas {
    env: Vec<(String, String)>,
    /// Guards the processes and their addresses.
    running: Mutex<Vec<Option<Replica>>>,
}

struct Replica {
    program: Process,
    addresses: BTreeMap<String, String>,
}

impl Replicas {
    /// Starts them, with these variables.
    pub async fn start(count: usize, env: &[(&str, &str)]) -> Self {
        let ports = [
            ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0"),
            ("GRIDGATE_WEBHOOK_ADDR", "127.0.0.1:0"),
            ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0"),
        ];
        // Nobody is asked: no webhook here leaves a doubt, and what no webhook said is not looked for.
        let grid = [
            ("GRID_CLIENT_ID", "id"),
            ("GRID_CLIENT_SECRET", "secret"),
            ("LIGHTSPARK_GRID_BASE_URL", "http://127.0.0.1:9"),
            ("GRIDGATE_RECONCILE_INTERVAL", "0s"),
        ];
        let env = ports.iter().chain(&grid).chain(env).map(|&(name, value)| (name.to_owned(), value.to_owned()));
        let replicas = Self { env: env.collect(), running: Mutex::default() };
        for at in 0..count {
            replicas.lock().push(None);
            replicas.revive(at).await;
        }
        replicas
    }

    /// Starts one that was killed.
    pub async fn revive(&self, at: usize) {
        let env: Vec<_> = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut program = Process::start(&["serve"], &env);
        let addresses = program.json_line().await;
        self.lock()[at] = Some(Replica { program, addresses });
    }

    /// Ends one without a word.
    pub async fn kill(&self, at: usize) {
        let replica = self.lock()[at].take();
        if let Some(Replica { program, addresses: _ }) = replica {
            program.signal("KILL").await;
            program.ended().await;
        }
    }

    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Where one takes webhooks; none while it is dead.
    pub fn webhook(&self, at: usize) -> Option<SocketAddr> {
        self.address(at, "webhook")
    }

    /// Where one answers calls.
    pub fn grpc(&self, at: usize) -> Option<SocketAddr> {
        self.address(at, "grpc")
    }

    fn address(&self, at: usize, port: &str) -> Option<SocketAddr> {
        Some(self.lock()[at].as_ref()?.addresses[port].parse().unwrap())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Option<Replica>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
