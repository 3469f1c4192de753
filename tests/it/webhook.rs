//! The webhook door from outside: real sockets, a real key, and an event log that does what a test tells it.

mod abuse;
mod answers;
mod connections;
mod hostile;
mod log;
mod privacy;
mod relay;
mod sqlite;
mod stopping;
mod storms;

use std::net::SocketAddr;
use std::sync::Arc;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::log::EventLog;
use gridgate::webhook::{Counters, Endpoint, EndpointConfig, EndpointPath, Limits, Outcome, PublicKeys, Relay};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::log::ScriptedLog;
use crate::support::soon;
use crate::support::webhook_sender::{PATH, Request, Response, WebhookSender};

/// A door that is open. Dropped, it is gone.
struct Door {
    address: SocketAddr,
    grid: WebhookSender,
    log: Arc<ScriptedLog>,
    counters: Arc<Counters>,
    leaving: CancellationToken,
    serving: JoinHandle<()>,
}

/// What a door is opened with, unless a test says otherwise.
struct Opening {
    grid: WebhookSender,
    /// Other keys that are active.
    more_keys: Vec<String>,
    relay: Option<Relay>,
    limits: Limits,
}

impl Opening {
    fn new() -> Self {
        Self { grid: WebhookSender::new(), more_keys: Vec::new(), relay: None, limits: Limits::default() }
    }

    async fn open(self) -> Door {
        let log = Arc::new(ScriptedLog::default());
        self.open_to(log.log(), log).await
    }

    /// Opens a door to `events`; `log` is what the test scripts, if that is another one.
    async fn open_to(self, events: Arc<EventLog>, log: Arc<ScriptedLog>) -> Door {
        let Self { grid, more_keys, relay, limits } = self;
        let own = grid.public_key();
        let keys = PublicKeys::from_pem(more_keys.iter().chain([&own]).map(String::as_str)).unwrap();
        let config = EndpointConfig { path: EndpointPath::parse(PATH).unwrap(), keys, relay, limits };
        let door = Endpoint::new(config, events, Arc::new(SystemClock));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, counters, leaving) = (listener.local_addr().unwrap(), door.counters(), CancellationToken::new());
        let serving = tokio::spawn(door.serve(listener, leaving.clone()));
        Door { address, grid, log, counters, leaving, serving }
    }
}

impl Door {
    async fn open() -> Self {
        Opening::new().open().await
    }

    /// Sends a webhook as Grid does.
    async fn deliver(&self, body: impl AsRef<[u8]>) -> Response {
        self.send(self.grid.webhook(body)).await
    }

    async fn send(&self, request: Request) -> Response {
        soon("an answer", request.send(self.address)).await
    }

    fn count(&self, outcome: Outcome) -> u64 {
        self.counters.snapshot().of(outcome)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
