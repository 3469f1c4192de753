//! The client: what all calls share, and the life of one call.
//!
//! It knows Grid's transport rules, not the operations: those are in `operations`, and say what to send.

mod account;
mod answer;
mod breaker;
mod history;
mod pools;
mod request;
mod retry;
mod scrub;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use gridgate_io::metrics::{Kind, Metrics, label, size};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};
use tower::retry::budget::TpsBudget;

pub(super) use self::answer::Answer;
use self::breaker::{Breaker, Ticket};
pub(super) use self::history::{History, backoff};
use self::pools::Pools;
pub(super) use self::request::{Payload, Request, StreamedFile};
use super::metrics::ClientMetrics;
use super::model::{Complete, Misread};
use super::{BreakerState, ClientConfig, ClientSetupError, Error, HeldBack, Operation, RetryConfig, Server, config};

/// How long the retry budget remembers calls.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);

/// One call of a caller, with what bounds it.
#[derive(Debug, Clone)]
pub struct Call {
    deadline: Instant,
    is_once: bool,
}

impl Call {
    /// A call that ends by `deadline`, repetitions included.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self { deadline, is_once: false }
    }

    /// The same, with nothing repeated.
    #[must_use]
    pub fn once(self) -> Self {
        Self { is_once: true, ..self }
    }

    /// When it ends at the latest.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How long is left.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// A client of Grid's API. Clones share connections, limits and the circuit breaker.
///
/// Dropping the future of a call stops its request.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    pools: Pools,
    /// Base URL, parsed once.
    base_url: Url,
    /// Its path without a slash at its end.
    base_path: String,
    server: Server,
    authorization: HeaderValue,
    max_answer_bytes: usize,
    retry: RetryConfig,
    budget: TpsBudget,
    breaker: Breaker,
    /// One permit for each request that may be under way.
    places: Semaphore,
    max_concurrent: usize,
    max_queue_wait: Duration,
    headers: fn(&mut HeaderMap),
    metrics: ClientMetrics,
}

impl Client {
    /// Sets up a client; nothing is sent yet.
    ///
    /// # Errors
    /// A base URL, credentials or limits that can't work, or a TLS setup that fails.
    pub fn new(config: ClientConfig) -> Result<Self, ClientSetupError> {
        config::check_limits(&config)?;
        let ClientConfig {
            base_url,
            client_id,
            client_secret,
            connect_timeout,
            max_concurrent,
            max_queue_wait,
            max_answer_bytes,
            retry,
            breaker,
            headers,
            unknown_words,
        } = config;
        let base_url = account::check_base_url(&base_url)?;
        let authorization = account::basic_auth(&client_id, &client_secret)?;
        let pools = Pools::new(&base_url, connect_timeout)?;
        let server = account::server_of(&base_url);
        let shared = Shared {
            pools,
            metrics: ClientMetrics::new(server.clone(), unknown_words),
            server,
            base_path: base_url.path().trim_end_matches('/').to_owned(),
            base_url,
            authorization,
            max_answer_bytes,
            budget: TpsBudget::new(BUDGET_WINDOW, retry.budget_per_second, retry.budget_share),
            retry,
            breaker: Breaker::new(breaker),
            places: Semaphore::new(max_concurrent),
            max_concurrent,
            max_queue_wait,
            headers,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Where requests go.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.shared.server
    }

    /// Registers the metrics of this client and its clones. To be called once.
    pub fn register_metrics(&self, metrics: &mut Metrics) {
        self.shared.metrics.register(metrics);
        let of = self.clone();
        metrics.read(
            Kind::Gauge,
            "gridgate_grid_breaker_state",
            "How the circuit breaker towards Grid stands: 1 for the state that it is in",
            move || {
                let now = of.breaker_state();
                BreakerState::ALL
                    .map(|state| (label("state", state.as_str()), f64::from(u8::from(state == now))))
                    .into()
            },
        );
        let of = self.clone();
        metrics.read_one(
            Kind::Gauge,
            "gridgate_grid_open_requests",
            "Requests to Grid that are under way",
            move || size(of.requests_under_way()),
        );
    }

    /// How the circuit breaker stands now.
    #[must_use]
    pub fn breaker_state(&self) -> BreakerState {
        self.shared.breaker.stands_at(Instant::now())
    }

    /// How many requests are under way.
    #[must_use]
    pub fn requests_under_way(&self) -> usize {
        self.shared.max_concurrent.saturating_sub(self.shared.places.available_permits())
    }

    /// How requests are repeated.
    pub(super) fn retry_config(&self) -> &RetryConfig {
        &self.shared.retry
    }

    /// Waits for leave to send one request: a free place, and a circuit breaker that lets it through.
    async fn admit(&self, call: &Call, operation: Operation) -> Result<(SemaphorePermit<'_>, Ticket<'_>), Error> {
        let Shared { places, breaker, max_queue_wait, metrics, .. } = &*self.shared;
        let circuit_open = |retry_after| {
            metrics.held_back(operation, HeldBack::CircuitOpen);
            Error::CircuitOpen { operation, retry_after }
        };
        if let Some(left) = breaker.held_back(Instant::now()) {
            return Err(circuit_open(left));
        }
        let patience = Instant::now() + *max_queue_wait;
        let place = timeout_at(patience.min(call.deadline), places.acquire()).await;
        let Ok(Ok(place)) = place else {
            return Err(if call.remaining().is_zero() {
                Error::DeadlineExceeded { operation, may_have_acted: false }
            } else {
                metrics.held_back(operation, HeldBack::Saturated);
                Error::Saturated { operation }
            });
        };
        let ticket = breaker.admit(Instant::now()).map_err(circuit_open)?;
        Ok((place, ticket))
    }

    /// Carries out a call; `read` makes sense of a successful answer.
    pub(super) async fn send<T>(
        &self,
        call: &Call,
        request: Request,
        read: impl Fn(&Answer) -> Result<T, Misread>,
    ) -> Result<T, Error> {
        self.execute(call, request, &mut History::default(), read).await
    }

    /// Carries out a deletion. `None`: an earlier try of this very call may have deleted it, and now it is gone.
    pub(super) async fn send_deletion<T>(
        &self,
        call: &Call,
        request: Request,
        read: impl Fn(&Answer) -> Result<T, Misread>,
    ) -> Result<Option<T>, Error> {
        let mut history = History::default();
        match self.execute(call, request, &mut history, read).await {
            Ok(deleted) => Ok(Some(deleted)),
            Err(Error::Answered(refusal)) if history.unknown.is_some() && matches!(refusal.status, 404 | 410) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Carries out a call whose answer is JSON.
    pub(super) async fn json<T: DeserializeOwned + Complete>(&self, call: &Call, request: Request) -> Result<T, Error> {
        self.send(call, request, Answer::json).await
    }

    /// Carries out a call whose answer says nothing but that it was carried out.
    pub(super) async fn empty(&self, call: &Call, request: Request) -> Result<(), Error> {
        self.send(call, request, |_| Ok(())).await
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base_url", &self.shared.base_url.as_str()).finish_non_exhaustive()
    }
}
