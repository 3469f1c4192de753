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
/// Runtimes beyond that use the first one's connections. A process has about one for each of its cores.
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
        let of_runtimes = self.of_runtimes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = of(&of_runtimes, here) {
            return pool;
        }
        let others = of_runtimes.len();
        drop(of_runtimes);
        self.add(here, if (1..MAX_POOLS).contains(&others) { self.build() } else { self.first.clone() })
    }

    /// Adds a pool, unless another thread of the same runtime has done that meanwhile.
    fn add(&self, here: runtime::Id, pool: reqwest::Client) -> reqwest::Client {
        let mut of_runtimes = self.of_runtimes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = of(&of_runtimes, here) {
            return pool;
        }
        if of_runtimes.len() < MAX_POOLS {
            of_runtimes.push((here, pool.clone()));
        }
        pool
    }

    /// Another pool like the first one, whose settings were accepted. Should the CA certificates be gone since, it is the
    /// first one. Reads them, so it happens without the lock.
    fn build(&self) -> reqwest::Client {
        build_http(&self.base_url, self.connect_timeout).unwrap_or_else(|_| self.first.clone())
    }
}

fn of(pools: &[(runtime::Id, reqwest::Client)], here: runtime::Id) -> Option<reqwest::Client> {
    pools.iter().find(|(runtime, _)| *runtime == here).map(|(_, pool)| pool.clone())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_runtime_has_one_pool_however_many_of_its_threads_ask() {
        let pools = Pools::new(&"http://127.0.0.1:9/".parse().unwrap(), Duration::from_secs(1)).unwrap();
        let runtimes: Vec<_> = (0..2).map(|_| runtime::Builder::new_multi_thread().build().unwrap()).collect();
        std::thread::scope(|scope| {
            for runtime in runtimes.iter().cycle().take(16) {
                scope.spawn(|| runtime.block_on(async { pools.here() }));
            }
        });
        assert_eq!(pools.of_runtimes.read().unwrap().len(), 2);
    }
}
