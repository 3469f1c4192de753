//! The deadline of a call: what the caller asked for with `grpc-timeout`, or the server's default.
//!
//! It bounds the whole call, its response body included, and is answered with DEADLINE_EXCEEDED; when it passes, the
//! handler is dropped, and with it the call to Grid that it waits for. (tonic's own timeout answers CANCELLED, covers
//! the head of the response only, and ignores a header that it cannot read.) The handler finds it in the request's
//! extensions as [`Deadline`], so that retries stop in time.
//!
//! A caller who stops reading is bounded too: HTTP/2 then asks for no more of the body, so a moment after the deadline the
//! stream is reset, whoever has read how much of it. Without a deadline, which only streams of responses can be, it lives
//! until the caller's reset, or as long as its connection.

use super::ending::{Ending, EndingBody, EndingFuture};
use super::grpc_timeout;
use super::methods::{MethodKind, Methods};
use crate::rpc::status;
use crate::transport::end_answer_at;
use http::{Request, Response};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tower::{Layer, Service};

/// How long a health check may take: it needs nobody, and anybody may make one.
const HEALTH: Duration = Duration::from_secs(5);
/// How long after its deadline a call's last words may be on their way before its stream is reset.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long calls may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// A unary call that brings no deadline.
    pub default: Duration,
    /// An upload (a stream of requests) that brings no deadline.
    pub upload: Duration,
    /// The longest that is granted to either, whatever the caller asks for.
    pub max: Duration,
}

impl Deadlines {
    /// When a call that begins now ends at the latest. `None`: it has no limit, which only streams of responses can
    /// have; they take a caller's deadline as it is.
    fn of(&self, path: &str, kind: MethodKind, asked: Option<Duration>) -> Option<Instant> {
        let timeout = match kind {
            MethodKind::Unary if Methods::is_health(path) => asked.unwrap_or(HEALTH).min(HEALTH),
            MethodKind::Unary => asked.unwrap_or(self.default).min(self.max),
            MethodKind::Upload => asked.unwrap_or(self.upload).min(self.max),
            MethodKind::Stream => asked?,
        };
        Instant::now().checked_add(timeout)
    }
}

/// When a call ends at the latest. In the extensions of every request that has passed the [`DeadlineLayer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// The instant; `None` for a stream of responses whose caller set no limit.
    #[must_use]
    pub fn instant(&self) -> Option<Instant> {
        self.0
    }
}

/// Gives every call its deadline, and ends it then.
#[derive(Debug, Clone)]
pub struct DeadlineLayer {
    deadlines: Deadlines,
    methods: Arc<Methods>,
}

impl DeadlineLayer {
    /// Deadlines by the kind of method.
    #[must_use]
    pub fn new(deadlines: Deadlines, methods: impl Into<Arc<Methods>>) -> Self {
        DeadlineLayer { deadlines, methods: methods.into() }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> DeadlineService<S> {
        DeadlineService { inner, layer: self.clone() }
    }
}

/// What [`DeadlineLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct DeadlineService<S> {
    inner: S,
    layer: DeadlineLayer,
}

impl<S, B, R> Service<Request<B>> for DeadlineService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<EndingBody<R, UntilDeadline>>;
    type Error = S::Error;
    type Future = EndingFuture<S::Future, UntilDeadline>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let asked = match grpc_timeout::parse(request.headers()) {
            Ok(asked) => asked,
            Err(malformed) => {
                return EndingFuture::refused(status::malformed_timeout(&malformed));
            }
        };
        let path = request.uri().path();
        let deadline = Deadline(self.layer.deadlines.of(path, self.layer.methods.kind(path), asked));
        let mut ending = UntilDeadline { deadline, sleep: None };
        if ending.has_come() {
            return EndingFuture::refused(ending.status());
        }
        request.extensions_mut().insert(deadline);
        EndingFuture::new(self.inner.call(request), ending)
    }
}

/// The ending of a call at its deadline.
pub struct UntilDeadline {
    deadline: Deadline,
    /// Set up when first waited for: most bodies are complete as soon as the head is, and need no timer.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Ending for UntilDeadline {
    fn has_come(&mut self) -> bool {
        self.deadline.instant().is_some_and(|instant| instant <= Instant::now())
    }

    fn poll_come(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(instant) = self.deadline.instant() else { return Poll::Pending };
        self.sleep.get_or_insert_with(|| Box::pin(sleep_until(instant))).as_mut().poll(cx)
    }

    fn answered(&mut self) {
        if let Some(end) = self.deadline.instant().and_then(|instant| instant.checked_add(LAST_WORDS)) {
            end_answer_at(end);
        }
    }

    fn status(&self) -> Status {
        status::deadline_exceeded()
    }
}
