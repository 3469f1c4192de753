//! Calls that end when the server stops.
//!
//! Some calls must not hold up a shutdown, nor the end of an old connection, and none may survive a shutdown. What ends
//! here gets a status that says why, where a closed connection would leave its caller guessing.

use super::ending::{Ending, EndingBody, EndingFuture};
use crate::rpc::status;
use crate::transport::ConnectionEnd;
use http::{Request, Response};
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tower::{Layer, Service};

/// Ends all calls of a service once a token is cancelled.
#[derive(Debug, Clone)]
pub struct StopLayer {
    stop: CancellationToken,
    calls: Calls,
}

/// Which calls end.
#[derive(Debug, Clone, Copy)]
enum Calls {
    Endless,
    All,
}

impl StopLayer {
    /// For calls that have no end of their own (a health watch, a reflection session) and nothing to say when the
    /// server leaves: they end with UNAVAILABLE once calls are no longer accepted, or their connection has had its time.
    #[must_use]
    pub fn for_endless_calls(leaving: CancellationToken) -> Self {
        StopLayer { stop: leaving, calls: Calls::Endless }
    }

    /// For every call: what is not done when the grace period is over ends with UNKNOWN.
    #[must_use]
    pub fn for_all_calls(cut: CancellationToken) -> Self {
        StopLayer { stop: cut, calls: Calls::All }
    }

    /// What the call of a request waits for: a connection ends with the server, or before it.
    fn stop_of<B>(&self, request: &Request<B>) -> CancellationToken {
        let connection = match self.calls {
            Calls::Endless => request.extensions().get::<ConnectionEnd>(),
            Calls::All => None,
        };
        connection.map_or(&self.stop, |ConnectionEnd(end)| end).clone()
    }

    /// What a call is told that ends.
    fn status(&self) -> Status {
        match self.calls {
            Calls::Endless if self.stop.is_cancelled() => status::shutting_down(),
            Calls::Endless => status::connection_aged(),
            Calls::All => status::cut_at_shutdown(),
        }
    }
}

impl<S> Layer<S> for StopLayer {
    type Service = StopService<S>;

    fn layer(&self, inner: S) -> StopService<S> {
        StopService { inner, layer: self.clone() }
    }
}

/// What [`StopLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct StopService<S> {
    inner: S,
    layer: StopLayer,
}

impl<S, B, R> Service<Request<B>> for StopService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<EndingBody<R, UntilStop>>;
    type Error = S::Error;
    type Future = EndingFuture<S::Future, UntilStop>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let ending = UntilStop { stop: self.layer.stop_of(&request), layer: self.layer.clone(), wait: None };
        EndingFuture::new(self.inner.call(request), ending)
    }
}

/// The ending of a call when the server stops.
pub struct UntilStop {
    stop: CancellationToken,
    layer: StopLayer,
    /// Set up when first waited for: most bodies are complete as soon as the head is.
    wait: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Ending for UntilStop {
    /// Never before the call had to wait: what is ready to be said (the answer; that nothing is served any more) is.
    fn has_come(&mut self) -> bool {
        false
    }

    fn poll_come(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stop = &self.stop;
        self.wait.get_or_insert_with(|| Box::pin(stop.clone().cancelled_owned())).as_mut().poll(cx)
    }

    fn status(&self) -> Status {
        self.layer.status()
    }
}
