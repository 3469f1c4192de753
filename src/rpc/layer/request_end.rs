//! Requests that end when the server leaves, or their connection has had its time.
//!
//! A handler may read the stream of requests in a task of its own, which outlives the call and keeps its HTTP/2 stream
//! open for as long as the caller does: tonic's reflection does so. Such a task ends when its requests do.

use crate::transport::ConnectionEnd;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tower::{Layer, Service};

/// Ends the requests of a service once a token is cancelled.
#[derive(Debug, Clone)]
pub struct RequestEndLayer {
    leaving: CancellationToken,
}

impl RequestEndLayer {
    /// Requests end when `leaving` is cancelled, or the end of their connection has come.
    #[must_use]
    pub fn new(leaving: CancellationToken) -> Self {
        RequestEndLayer { leaving }
    }
}

impl<S> Layer<S> for RequestEndLayer {
    type Service = RequestEndService<S>;

    fn layer(&self, inner: S) -> RequestEndService<S> {
        RequestEndService { inner, leaving: self.leaving.clone() }
    }
}

/// What [`RequestEndLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct RequestEndService<S> {
    inner: S,
    leaving: CancellationToken,
}

impl<S, B> Service<Request<B>> for RequestEndService<S>
where
    S: Service<Request<EndingRequestBody<B>>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let connection = request.extensions().get::<ConnectionEnd>();
        let leaving = connection.map_or(&self.leaving, |ConnectionEnd(end)| end).clone().cancelled_owned();
        self.inner.call(request.map(|body| EndingRequestBody { body, leaving }))
    }
}

pin_project! {
    /// A request body that is at its end when the server leaves.
    pub struct EndingRequestBody<B> {
        #[pin]
        body: B,
        #[pin]
        leaving: WaitForCancellationFutureOwned,
    }
}

impl<B: Body> Body for EndingRequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        if let Poll::Ready(frame) = this.body.poll_frame(cx) {
            return Poll::Ready(frame);
        }
        this.leaving.poll(cx).map(|()| None)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
