//! Gives every status a reason: those that the gRPC library makes by itself have no details, and get them here.

use super::methods::Methods;
use crate::rpc::status::{self, Direction};
use http::{HeaderMap, Request, Response, Uri};
use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tonic::Status;
use tower::{Layer, Service};

/// Where a status has its details.
const DETAILS: &str = "grpc-status-details-bin";

/// Gives details to statuses that have none.
#[derive(Debug, Clone)]
pub struct ReasonsLayer {
    methods: Arc<Methods>,
}

impl ReasonsLayer {
    /// For the methods that are served.
    #[must_use]
    pub fn new(methods: impl Into<Arc<Methods>>) -> Self {
        ReasonsLayer { methods: methods.into() }
    }
}

impl<S> Layer<S> for ReasonsLayer {
    type Service = ReasonsService<S>;

    fn layer(&self, inner: S) -> ReasonsService<S> {
        ReasonsService { inner, methods: Arc::clone(&self.methods) }
    }
}

/// What [`ReasonsLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct ReasonsService<S> {
    inner: S,
    methods: Arc<Methods>,
}

impl<S, B, R> Service<Request<B>> for ReasonsService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<ReasonsBody<R>>;
    type Error = S::Error;
    type Future = ReasonsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> ReasonsFuture<S::Future> {
        let uri = request.uri().clone();
        // Once the answer to a single message has begun, only the answer can be at fault.
        let after = if self.methods.takes_one_message(uri.path()) { Direction::Response } else { Direction::Request };
        let of = Called { uri, after };
        ReasonsFuture { inner: self.inner.call(request), of }
    }
}

/// What was called.
#[derive(Clone)]
struct Called {
    uri: Uri,
    /// What a status is about that comes after messages.
    after: Direction,
}

impl Called {
    fn explain(&self, headers: &mut HeaderMap, direction: Direction) {
        let is_failure = headers.get(Status::GRPC_STATUS).is_some_and(|code| code != "0");
        if !is_failure || headers.contains_key(DETAILS) {
            return;
        }
        if let Some(bare) = Status::from_header_map(headers) {
            // It is headers already, so it can be headers again.
            let _ = status::explained(&bare, self.uri.path(), direction).add_header(headers);
        }
    }
}

pin_project! {
    /// The head of a response.
    pub struct ReasonsFuture<F> {
        #[pin]
        inner: F,
        of: Called,
    }
}

impl<F, R, E> Future for ReasonsFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ReasonsBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        this.of.explain(response.headers_mut(), Direction::Request);
        Poll::Ready(Ok(response.map(|body| ReasonsBody { inner: body, of: this.of.clone() })))
    }
}

pin_project! {
    /// The body of a response, with its trailers.
    pub struct ReasonsBody<R> {
        #[pin]
        inner: R,
        of: Called,
    }
}

impl<R: Body> Body for ReasonsBody<R> {
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<R::Data>, R::Error>>> {
        let this = self.project();
        let mut frame = ready!(this.inner.poll_frame(cx));
        if let Some(trailers) = frame.as_mut().and_then(|frame| frame.as_mut().ok()).and_then(Frame::trailers_mut) {
            this.of.explain(trailers, this.of.after);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}
