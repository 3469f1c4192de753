//! Methods that do not exist, and the message of a call, before anything else is done for the call.
//!
//! Until its message is complete, a call with one message needs nothing but memory, so it gets nothing else: no place
//! ([`super::load`]), and no handler. Otherwise calls whose messages never come would take all places, at no cost to
//! their callers. A method that takes one message is not called with none or two. The size of all messages together is
//! bounded, and so is the time that one may take. The parts of an upload are read while it is served; it ends when no part
//! comes for too long.

mod body;
mod message;

pub use body::ArrivedBody;
pub use message::NotArrived;

use super::methods::{MethodKind, Methods};
use crate::rpc::status;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{Either, Empty};
use message::Message;
use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower::{Layer, Service};

/// The largest message of a health check, in bytes: it is the name of a service. Who sends one is never asked who they are.
const HEALTH_MESSAGE: usize = 1024;

/// What precedes a message, in bytes (gRPC over HTTP/2, `Length-Prefixed-Message`).
const PREFIX: usize = 5;

/// What messages may take up on their way in.
#[derive(Debug, Clone, Copy)]
pub struct ArrivalLimits {
    /// The largest message, in bytes as they come over the wire.
    pub max_message: usize,
    /// What the messages of all calls hold together at most, in bytes, until the calls are answered. Uploads are not in it.
    pub max_memory: usize,
    /// How long one message may take to arrive.
    pub message: Duration,
    /// How long the next part of an upload may take to arrive.
    pub part: Duration,
}

/// Lets calls through whose message is there.
#[derive(Debug, Clone)]
pub struct ArrivalLayer {
    limits: ArrivalLimits,
    /// One permit is one byte.
    memory: Arc<Semaphore>,
    methods: Arc<Methods>,
}

impl ArrivalLayer {
    /// For the methods that are served.
    #[must_use]
    pub fn new(limits: ArrivalLimits, methods: impl Into<Arc<Methods>>) -> Self {
        let memory = Arc::new(Semaphore::new(limits.max_memory.min(Semaphore::MAX_PERMITS)));
        ArrivalLayer { limits, memory, methods: methods.into() }
    }

    /// The most that a message at this path may be.
    fn most(&self, path: &str) -> usize {
        let most = self.limits.max_message;
        let most = if Methods::is_health(path) { most.min(HEALTH_MESSAGE) } else { most };
        most.saturating_add(PREFIX)
    }
}

impl<S> Layer<S> for ArrivalLayer {
    type Service = ArrivalService<S>;

    fn layer(&self, inner: S) -> ArrivalService<S> {
        ArrivalService { inner, layer: self.clone() }
    }
}

/// What [`ArrivalLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct ArrivalService<S> {
    inner: S,
    layer: ArrivalLayer,
}

/// A call whose message may not be there yet.
type ArrivingCall<R, E> = Pin<Box<dyn Future<Output = Result<Response<Either<R, Empty<Bytes>>>, E>> + Send>>;

impl<S, B, R> Service<Request<B>> for ArrivalService<S>
where
    S: Service<Request<ArrivedBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>> + Send,
{
    type Response = Response<Either<R, Empty<Bytes>>>;
    type Error = S::Error;
    type Future = ArrivingCall<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        if self.layer.methods.name(path).is_none() {
            return Box::pin(async { Ok(status::refusal(status::method_unknown(), Either::Right(Empty::new()))) });
        }
        if !self.layer.methods.takes_one_message(path) {
            let upload = self.layer.methods.kind(path) == MethodKind::Upload;
            let patience = upload.then_some(self.layer.limits.part);
            let call = self.inner.call(request.map(|body| ArrivedBody::in_parts(body, patience)));
            return Box::pin(async move { Ok(call.await?.map(Either::Left)) });
        }
        let (most, patience) = (self.layer.most(path), self.layer.limits.message);
        let mut message = Message::new(most, Arc::clone(&self.layer.memory));
        // The one that is ready goes on; its clone is made ready before its next call.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let arrived = timeout(patience, message.read(body)).await.unwrap_or(Err(NotArrived::TooSlow));
            if let Err(why) = arrived {
                return Ok(status::refusal(status::not_arrived(why), Either::Right(Empty::new())));
            }
            let (bytes, held) = message.finish();
            let answer = inner.call(Request::from_parts(head, ArrivedBody::whole(bytes))).await;
            // What the handler made of the message lives about as long as the call.
            drop(held);
            Ok(answer?.map(Either::Left))
        })
    }
}
