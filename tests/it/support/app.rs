//! The real server, in this process, on free ports.

use super::soon;
use gridgate::config::{Config, Sources, settings};
use gridgate::server::{Addresses, App, RunError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

/// A server that is ready. Dropped, it ends at once.
pub struct TestApp {
    pub addresses: Addresses,
    stop: CancellationToken,
    running: Option<JoinHandle<Result<(), RunError>>>,
}

/// Free ports, with a sandbox of its own or without.
pub fn free_ports() -> Sources {
    Sources::default()
        .with(&settings::GRPC_ADDR, "127.0.0.1:0")
        .with(&settings::ADMIN_ADDR, "127.0.0.1:0")
        .with(&settings::SANDBOX_ADDR, "127.0.0.1:0")
        .with(&settings::WEBHOOK_ADDR, "127.0.0.1:0")
        .with(&settings::EVENT_LOG, "temporary")
        // A test reads the log lines of its own thread. The program's processes have threads of their own for connections.
        .with(&settings::THREADS_PER_CORE, "false")
        // Upstreams count their requests.
        .with(&settings::RECONCILE_INTERVAL, "0s")
}

impl TestApp {
    /// With a sandbox of its own.
    pub async fn with_sandbox() -> TestApp {
        TestApp::start(Config::load(free_ports(), true).unwrap()).await
    }

    /// In front of whatever answers at `base_url`, with the credentials `id` and `secret`; `sources` as from
    /// [`free_ports`], with more set.
    pub async fn in_front_of(base_url: &str, sources: Sources) -> TestApp {
        let account = [("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET", "secret")];
        let sources = sources
            .with_env(account.map(|(name, value)| (name.into(), value.into())))
            .with(&settings::GRID_BASE_URL, base_url);
        TestApp::start(Config::load(sources, false).unwrap()).await
    }

    pub async fn start(config: Config) -> TestApp {
        TestApp::run(App::bind(config).await.unwrap()).await
    }

    /// One that has its ports already.
    pub async fn run(app: App) -> TestApp {
        let (addresses, ready, stop) = (app.addresses(), app.ready(), CancellationToken::new());
        let mut running = tokio::spawn(app.run(stop.clone().cancelled_owned()));
        tokio::select! {
            () = soon("ready", ready) => {}
            ended = &mut running => panic!("it ended instead: {ended:?}"),
        }
        TestApp { addresses, stop, running: Some(running) }
    }

    /// A new connection to the gRPC port.
    pub async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.addresses.grpc)).unwrap();
        soon("connected", endpoint.connect()).await.unwrap()
    }

    /// The status and body of a GET at the admin port.
    pub async fn admin(&self, path: &str) -> (u16, String) {
        let response = soon("answer", reqwest::get(format!("http://{}{path}", self.addresses.admin))).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Tells it to stop, without waiting.
    pub fn tell_to_stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has stopped.
    pub async fn stopped(mut self) -> Result<(), RunError> {
        let running = self.running.take().unwrap();
        soon("stopped", running).await.unwrap()
    }

    /// Tells it to stop, and waits until it has.
    pub async fn stop(self) -> Result<(), RunError> {
        self.tell_to_stop();
        self.stopped().await
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}
