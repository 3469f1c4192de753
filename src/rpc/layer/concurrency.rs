//! How much is served at once. What would be more is refused while it costs nothing, so that what is accepted keeps its
//! latency, and the refused know at once.
//!
//! A permit is held by a call until its answer begins, and by a stream for as long as it is open. There is a limiter for each
//! of five kinds, so that one cannot take the permits of another: calls that need Grid, uploads, calls answered from the
//! event log, streams, and watches of health, which anyone may open. A health check needs none: a process that is busy is
//! not ill. One caller cannot take all of a kind from the others ([`super::fair_share`]).

use super::call::Call;
use super::limiter::{Acquired, Limiter, LimiterSnapshot, Permit};
use super::methods::{AnsweredBy, Method, MethodKind};
use crate::identity::Caller;
use crate::metrics::Kind::{Counter, Gauge};
use crate::metrics::{Metrics, count, label};
use crate::rpc::refused::Shed;
use crate::rpc::status;
use futures_util::future::Either;
use http::Response;
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tower::{Layer, Service};

/// Watches of health that may be open at once: several for each connection that there may be by default. One takes a few
/// kilobytes.
const MAX_HEALTH_WATCHES: u32 = 4096;

/// How much is served at once.
#[derive(Debug, Clone, Copy)]
pub struct ConcurrencyLimits {
    /// Calls that need Grid; also uploads; also calls that are answered from the event log.
    pub max_calls: u32,
    /// How long a call waits for a permit.
    pub max_wait: Duration,
    /// Streams.
    pub max_streams: u32,
}

/// The status of a refused call.
type Refusal = fn(Shed) -> Status;

#[derive(Debug)]
struct Limiters {
    grid: Limiter,
    uploads: Limiter,
    events: Limiter,
    streams: Limiter,
    health: Limiter,
}

/// Gives every call a permit, or refuses it.
#[derive(Debug, Clone)]
pub struct ConcurrencyLayer {
    limiters: Arc<Limiters>,
}

impl ConcurrencyLayer {
    /// Registers how many calls are served at once, and how many were refused.
    pub fn register_metrics(&self, metrics: &mut Metrics) {
        let each = |value: fn(LimiterSnapshot) -> u64| {
            let load = self.clone();
            move || {
                load.snapshot()
                    .into_iter()
                    .map(|(kind, limiter)| (label("kind", kind), count(value(limiter))))
                    .collect()
            }
        };
        metrics.read(
            Gauge,
            "gridgate_load_places",
            "Maximum number of calls of a kind that are served at once",
            each(|limiter| limiter.capacity),
        );
        metrics.read(
            Gauge,
            "gridgate_load_places_taken",
            "How many calls of a kind are being served",
            each(|limiter| limiter.taken),
        );
        metrics.read(
            Counter,
            "gridgate_load_shed",
            "Calls that were refused because too many of their kind were being served",
            each(|limiter| limiter.refused),
        );
    }

    /// Within these limits.
    #[must_use]
    pub fn new(limits: ConcurrencyLimits) -> Self {
        let ConcurrencyLimits { max_calls, max_wait, max_streams } = limits;
        let limiters = Limiters {
            grid: Limiter::new(max_calls, max_wait),
            uploads: Limiter::new(max_calls, max_wait),
            events: Limiter::new(max_calls, max_wait),
            streams: Limiter::new(max_streams, Duration::ZERO),
            health: Limiter::new(MAX_HEALTH_WATCHES, Duration::ZERO),
        };
        ConcurrencyLayer { limiters: Arc::new(limiters) }
    }

    /// How busy it is now, by kind.
    #[must_use]
    pub fn snapshot(&self) -> [(&'static str, LimiterSnapshot); 5] {
        let Limiters { grid, uploads, events, streams, health } = self.limiters.as_ref();
        [("grid", grid), ("upload", uploads), ("events", events), ("stream", streams), ("health", health)]
            .map(|(kind, limiter)| (kind, limiter.snapshot()))
    }

    /// The limiter of a method.
    fn limiter(&self, method: &Method) -> Option<(&Limiter, Refusal)> {
        let Limiters { grid, uploads, events, streams, health } = self.limiters.as_ref();
        match (method.kind(), method.answered_by) {
            (MethodKind::Watch, AnsweredBy::Health) => Some((health, status::too_many_streams)),
            (_, AnsweredBy::Health) => None,
            (MethodKind::Watch, _) => Some((streams, status::too_many_streams)),
            (MethodKind::Upload, _) => Some((uploads, status::overloaded)),
            (MethodKind::Read | MethodKind::Change, AnsweredBy::EventLog) => Some((events, status::overloaded)),
            (MethodKind::Read | MethodKind::Change, _) => Some((grid, status::overloaded)),
        }
    }
}

impl<S> Layer<S> for ConcurrencyLayer {
    type Service = ConcurrencyService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConcurrencyService { inner, layer: self.clone() }
    }
}

/// See [`ConcurrencyLayer`].
#[derive(Debug, Clone)]
pub struct ConcurrencyService<S> {
    inner: S,
    layer: ConcurrencyLayer,
}

impl<S, B> Service<Call<B>> for ConcurrencyService<S>
where
    S: Service<Call<B>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Permitted<S::Future>, BoxFuture<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call<B>) -> Self::Future {
        let is_stream = call.method.kind() == MethodKind::Watch;
        let Some((limiter, refusal)) = self.layer.limiter(&call.method) else {
            return Either::Left(Permitted { inner: self.inner.call(call), permit: None, is_stream });
        };
        match limiter.acquire(call.info.caller.as_ref().map(Caller::shared_name).as_ref()) {
            Acquired::Now(permit) => {
                Either::Left(Permitted { inner: self.inner.call(call), permit: Some(permit), is_stream })
            }
            Acquired::Never(shed) => Either::Right(Box::pin(future::ready(Ok(refusal(shed).into_http())))),
            Acquired::Later(wait) => {
                // The one that is ready goes on; its clone is made ready before its next call.
                let next = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, next);
                Either::Right(Box::pin(async move {
                    match wait.await {
                        Ok(permit) => Permitted { inner: inner.call(call), permit: Some(permit), is_stream }.await,
                        Err(shed) => Ok(refusal(shed).into_http()),
                    }
                }))
            }
        }
    }
}

pin_project! {
    /// A call that has its permit.
    pub struct Permitted<F> {
        #[pin]
        inner: F,
        permit: Option<Permit>,
        is_stream: bool,
    }
}

/// The permit of a stream, in the extensions of its response, for the body to hold.
#[derive(Clone)]
pub(super) struct Held(#[expect(dead_code, reason = "held until it is dropped")] Arc<Permit>);

impl<F: Future<Output = Result<Response<Body>, Infallible>>> Future for Permitted<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        // That of a call with one answer is given back now.
        if let (Some(permit), true) = (this.permit.take(), *this.is_stream) {
            response.extensions_mut().insert(Held(Arc::new(permit)));
        }
        Poll::Ready(Ok(response))
    }
}
