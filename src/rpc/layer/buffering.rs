//! Request buffering: the message of a call is complete before anything else is done for the call.
//!
//! Until then a call with one message needs nothing but memory, so it gets nothing else: no permit
//! ([`super::concurrency`]) and no handler. Otherwise calls whose messages never come would take all permits, at no cost to
//! their callers. A method that takes one message is not called with none or two. The size of all messages together is
//! bounded, and so is the time that one may take. The parts of an upload are read while it is served; it ends when no part
//! comes for too long.

mod body;
mod message;

pub use body::BufferedBody;

use super::call::Call;
use super::methods::{Method, MethodKind};
use crate::rpc::refused::BufferingError;
use crate::rpc::status;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use message::{Message, PREFIX};
use std::convert::Infallible;
use std::error::Error as StdError;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tower::{Layer, Service};

/// The largest message of a health check, in bytes: it is the name of a service. Who sends one is never asked who they are.
const HEALTH_MESSAGE: usize = 1024;

/// Limits of messages on their way in.
#[derive(Debug, Clone, Copy)]
pub struct BufferLimits {
    /// The largest message, in bytes as they come over the wire.
    pub max_message: usize,
    /// What the messages of all calls hold together at most, in bytes, until the calls are answered. Uploads do not count.
    pub max_memory: usize,
    /// How long one message may take to arrive.
    pub message: Duration,
    /// How long the next part of an upload may take to arrive.
    pub part: Duration,
}

/// Lets calls through whose message is complete.
#[derive(Debug, Clone)]
pub struct BufferLayer {
    limits: BufferLimits,
    /// One permit is one byte.
    memory: Arc<Semaphore>,
}

impl BufferLayer {
    /// Within these limits.
    #[must_use]
    pub fn new(limits: BufferLimits) -> Self {
        let memory = Arc::new(Semaphore::new(limits.max_memory.min(Semaphore::MAX_PERMITS)));
        BufferLayer { limits, memory }
    }

    /// An empty message of this method.
    fn message_of(&self, method: &Method) -> Message {
        let most = self.limits.max_message;
        let most = if method.is_health() { most.min(HEALTH_MESSAGE) } else { most };
        Message::new(most.saturating_add(PREFIX), Arc::clone(&self.memory))
    }
}

impl<S> Layer<S> for BufferLayer {
    type Service = BufferService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BufferService { inner, layer: self.clone() }
    }
}

/// See [`BufferLayer`]. Its future is boxed, so that what is above it has a type with a name.
#[derive(Debug, Clone)]
pub struct BufferService<S> {
    inner: S,
    layer: BufferLayer,
}

impl<S, B> Service<Call<B>> for BufferService<S>
where
    S: Service<Call<BufferedBody<B>>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>> + Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call<B>) -> Self::Future {
        if call.method.served().is_none() {
            return refusal(status::method_unknown());
        }
        if !call.method.takes_one_message() {
            let is_upload = call.method.kind() == MethodKind::Upload;
            let max_wait = is_upload.then_some(self.layer.limits.part);
            return Box::pin(self.inner.call(call.map_body(|body| BufferedBody::in_parts(body, max_wait))));
        }
        let mut message = self.layer.message_of(&call.method);
        let max_wait = self.layer.limits.message;
        // The one that is ready goes on; its clone is made ready before its next call.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            let Call { request, method, info } = call;
            let (head, body) = request.into_parts();
            let read = timeout(max_wait, message.read(body)).await.unwrap_or(Err(BufferingError::TooSlow));
            if let Err(error) = read {
                return Ok(status::not_buffered(error).into_http());
            }
            // What the handler makes of the message lives about as long as the call.
            let (bytes, _memory) = message.finish();
            inner.call(Call { request: Request::from_parts(head, BufferedBody::whole(bytes)), method, info }).await
        })
    }
}

fn refusal(status: Status) -> BoxFuture<Response<Body>, Infallible> {
    Box::pin(async { Ok(status.into_http()) })
}
