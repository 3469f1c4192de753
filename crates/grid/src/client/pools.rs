//! Connections to Grid, pooled by the runtime that opened them.
//!
//! The runtime that opens a connection drives it. A request from another one would wake that one's thread at each of its
//! steps, and would be lost if that runtime ended first. So each runtime has connections of its own.

use crate::ClientSetupError;
use gridgate_io::http_client;
use reqwest::Url;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::runtime::{self, Handle};

const USER_AGENT: &str = concat!("gridgate/", env!("CARGO_PKG_VERSION"));
/// Connections that were idle for longer are not used again: load balancers in front of APIs close them after a minute.
const POOL_IDLE: Duration = Duration::from_secs(50);
const KEEPALIVE: Duration = Duration::from_secs(20);
/// More runtimes use the first one's connections. A process has about one for each of its cores.
const MAX_POOLS: usize = 1024;

/// The pools of all runtimes.
pub(super) struct Pools {
    base_url: Url,
    connect_timeout: Duration,
    first: reqwest::Client,
    /// Guards the list alone. A runtime is in it from its first request on.
    of_runtimes: RwLock<Vec<(runtime::Id, reqwest::Client)>>,
}

impl Pools {
    /// # Errors
    /// The HTTP client refuses its settings, or there are no CA certificates.
    pub(super) fn new(base_url: &Url, connect_timeout: Duration) -> Result<Self, ClientSetupError> {
        let first = build_http(base_url, connect_timeout)?;
        Ok(Self { base_url: base_url.clone(), connect_timeout, first, of_runtimes: RwLock::default() })
    }

    /// The pool of the runtime that calls this.
    pub(super) fn here(&self) -> reqwest::Client {
        let here = Handle::current().id();
        let pools = self.of_runtimes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(runtime, _)| *runtime == here) {
            return pool.clone();
        }
        drop(pools);
        self.add(here)
    }

    fn add(&self, here: runtime::Id) -> reqwest::Client {
        let mut pools = self.of_runtimes.write().unwrap_or_else(PoisonError::into_inner);
        let has_first = !pools.is_empty();
        if pools.len() >= MAX_POOLS {
            return self.first.clone();
        }
        // The same settings as the first one's, which were accepted: only the CA certificates may be gone since.
        let built = has_first.then(|| build_http(&self.base_url, self.connect_timeout).ok()).flatten();
        let pool = built.unwrap_or_else(|| self.first.clone());
        pools.push((here, pool.clone()));
        pool
    }
}

/// The HTTP client: pooled connections, no redirects, no repetitions of its own.
fn build_http(base_url: &Url, connect_timeout: Duration) -> Result<reqwest::Client, ClientSetupError> {
    let client = http_client::client(base_url, |builder| {
        builder
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_keepalive(KEEPALIVE)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE)
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .http2_adaptive_window(true)
            .referer(false)
    });
    client.map_err(ClientSetupError::Http)
}
