//! Streams that end when the server leaves.
//!
//! A health watch or a reflection session has no end of its own: one that is left open would hold up every shutdown
//! for the whole grace period. These streams end with UNAVAILABLE once calls are no longer accepted. (A stream with
//! something to say on leaving must not be wrapped in this.)

use super::ending::{Ending, EndingBody, EndingFuture};
use http::{Request, Response};
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tower::{Layer, Service};

/// Ends all calls of a service once a token is cancelled.
#[derive(Debug, Clone)]
pub struct LeavingLayer {
    leaving: CancellationToken,
}

impl LeavingLayer {
    /// Calls end when `leaving` is cancelled.
    #[must_use]
    pub fn new(leaving: CancellationToken) -> Self {
        LeavingLayer { leaving }
    }
}

impl<S> Layer<S> for LeavingLayer {
    type Service = LeavingService<S>;

    fn layer(&self, inner: S) -> LeavingService<S> {
        LeavingService { inner, leaving: self.leaving.clone() }
    }
}

/// What [`LeavingLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct LeavingService<S> {
    inner: S,
    leaving: CancellationToken,
}

impl<S, B, R> Service<Request<B>> for LeavingService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<EndingBody<R, UntilLeaving>>;
    type Error = S::Error;
    type Future = EndingFuture<S::Future, UntilLeaving>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let ending = UntilLeaving { leaving: Box::pin(self.leaving.clone().cancelled_owned()) };
        EndingFuture::new(self.inner.call(request), ending)
    }
}

/// The ending of a call when the server leaves.
pub struct UntilLeaving {
    leaving: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Ending for UntilLeaving {
    /// Never before the next frame was asked for: what is ready to be said (that nothing is served any more) is said.
    fn has_come(&self) -> bool {
        false
    }

    fn poll_come(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.leaving.as_mut().poll(cx)
    }

    fn status(&self) -> Status {
        Status::unavailable("the server is shutting down")
    }
}
