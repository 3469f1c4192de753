//! gridgate as a whole, in this process.

use std::net::SocketAddr;

use gridgate::config::{Config, Sources};
use gridgate::server::{Addresses, App};
use tokio::task::JoinSet;

use crate::grid::Grid;

pub struct Server {
    pub addresses: Addresses,
    running: JoinSet<()>,
}

impl Server {
    /// Starts it with a log of its own. Grid is nowhere: nothing is asked.
    pub async fn start(grid: &Grid) -> Self {
        let env = [
            ("GRID_CLIENT_ID", "bench".to_owned()),
            ("GRID_CLIENT_SECRET", "bench".to_owned()),
            ("LIGHTSPARK_GRID_BASE_URL", "http://127.0.0.1:9/grid/2025-10-13".to_owned()),
            ("GRID_WEBHOOK_PUBKEY", grid.public_key()),
            ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0".to_owned()),
            ("GRIDGATE_WEBHOOK_ADDR", "127.0.0.1:0".to_owned()),
            ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0".to_owned()),
            ("GRIDGATE_EVENT_LOG", "temporary".to_owned()),
            ("GRIDGATE_RECONCILE_INTERVAL", "0s".to_owned()),
        ];
        let env = env.map(|(name, value)| (name.into(), value.into()));
        let config = Config::load(Sources::default().with_env(env), false).unwrap();
        let app = App::bind(config).await.unwrap();
        let addresses = app.addresses();
        let ready = app.ready();
        let mut running = JoinSet::new();
        running.spawn(async move { app.run(std::future::pending::<()>()).await.unwrap() });
        ready.await;
        Self { addresses, running }
    }

    pub fn webhooks(&self) -> SocketAddr {
        self.addresses.webhook.unwrap()
    }

    pub async fn stop(mut self) {
        self.running.shutdown().await;
    }
}
