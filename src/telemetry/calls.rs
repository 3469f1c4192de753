//! What every gRPC call passes first: it is counted and timed, and if it is let in, made a span of the trace that it came
//! with.
//!
//! Names follow OpenTelemetry's conventions for RPC servers: `rpc.server.call.duration`, `rpc.method`,
//! `rpc.response.status_code`. A method that is not served is `_OTHER`, so that nobody can make labels up. How a call ended
//! is read where its caller reads it: in the response's head or in its trailers.

use super::context::Incoming;
use super::metrics::{Durations, Metrics, durations};
use bytes::Buf;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use opentelemetry::trace::{Status as SpanStatus, TraceContextExt as _};
use pin_project_lite::pin_project;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tonic::Code;
use tower::{Layer, Service};
use tracing::Span;
use tracing::instrument::{Instrument as _, Instrumented};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// What a method is called that is not served.
const OTHER: &str = "_OTHER";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    rpc_system_name: &'static str,
    rpc_method: Arc<str>,
    rpc_response_status_code: &'static str,
    error_type: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    rpc_method: Arc<str>,
}

/// The metrics of gRPC calls.
#[derive(Debug, Clone)]
pub struct CallMetrics {
    duration: Durations<CallLabels>,
    open: Family<MethodLabels, Gauge>,
}

impl CallMetrics {
    /// Adds them to a server's metrics.
    #[must_use]
    pub fn new(metrics: &mut Metrics) -> Self {
        let calls = Self { duration: durations(), open: Family::default() };
        metrics.register(
            "rpc_server_call_duration_seconds",
            "How long gRPC calls took, streams included, by method and by the status they ended with",
            calls.duration.clone(),
        );
        metrics.register("gridgate_rpc_open_calls", "gRPC calls that have not ended, by method", calls.open.clone());
        calls
    }
}

/// Counts and times every call of a service; [`SpansLayer`] below it traces them.
#[derive(Debug, Clone)]
pub struct CallsLayer {
    metrics: CallMetrics,
    /// By path: the name of each method that is served.
    methods: Arc<HashMap<String, Arc<str>>>,
    other: Arc<str>,
    code_name: CodeName,
}

/// A code's name, as gRPC writes it.
type CodeName = fn(Code) -> &'static str;

impl CallsLayer {
    /// For these methods, each written `package.Service/Method`; `code_name` says how gRPC writes a code.
    #[must_use]
    pub fn new<'a>(
        metrics: CallMetrics,
        methods: impl IntoIterator<Item = &'a str>,
        code_name: fn(Code) -> &'static str,
    ) -> Self {
        let by_path = |name: &str| (format!("/{name}"), Arc::from(name));
        CallsLayer {
            metrics,
            methods: Arc::new(methods.into_iter().map(by_path).collect()),
            other: Arc::from(OTHER),
            code_name,
        }
    }

    fn method(&self, path: &str) -> Arc<str> {
        Arc::clone(self.methods.get(path).unwrap_or(&self.other))
    }
}

impl<S> Layer<S> for CallsLayer {
    type Service = CallsService<S>;

    fn layer(&self, inner: S) -> CallsService<S> {
        CallsService { inner, layer: self.clone() }
    }
}

/// What [`CallsLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct CallsService<S> {
    inner: S,
    layer: CallsLayer,
}

impl<S, B, R> Service<Request<B>> for CallsService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    R: 'static,
    S::Error: 'static,
{
    type Response = Response<ObservedBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let method = self.layer.method(request.uri().path());
        let incoming = Incoming::of(request.headers());
        let span = Arc::default();
        let to_be_traced =
            ToBeTraced { method: Arc::clone(&method), incoming: incoming.clone(), span: Arc::clone(&span) };
        request.extensions_mut().insert(to_be_traced);
        let mut open = OpenCall::begin(&self.layer, method, span);
        let answer = self.inner.call(request);
        let observed = async move {
            let response = answer.await?;
            if let Some(code) = code(response.headers()) {
                open.code = Some(code);
            }
            Ok(response.map(|body| ObservedBody { body, open: Some(open) }))
        };
        match incoming {
            Some(incoming) => Box::pin(incoming.scope(observed)),
            None => Box::pin(observed),
        }
    }
}

/// A call that has no span yet.
#[derive(Clone)]
struct ToBeTraced {
    method: Arc<str>,
    incoming: Option<Incoming>,
    /// Where its span is to be found.
    span: Arc<OnceLock<Span>>,
}

/// Traces the calls that get this far: what strangers send makes no spans, whatever they say of their trace. Stands below
/// [`CallsLayer`], and below what refuses callers.
#[derive(Debug, Clone, Copy)]
pub struct SpansLayer;

impl<S> Layer<S> for SpansLayer {
    type Service = SpansService<S>;

    fn layer(&self, inner: S) -> SpansService<S> {
        SpansService { inner }
    }
}

/// What [`SpansLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct SpansService<S> {
    inner: S,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for SpansService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let span = match request.extensions_mut().remove::<ToBeTraced>() {
            Some(ToBeTraced { method, incoming, span }) => {
                span.get_or_init(|| begin_span(&method, incoming.as_ref())).clone()
            }
            None => Span::none(),
        };
        let answer = span.in_scope(|| self.inner.call(request));
        answer.instrument(span)
    }
}

/// The span of one call, by OpenTelemetry's conventions. Health checks and reflection have none: they come all day long,
/// and are no work.
fn begin_span(method: &str, incoming: Option<&Incoming>) -> Span {
    if method.starts_with("grpc.") {
        return Span::none();
    }
    let span = tracing::info_span!("call", rpc.method = method, otel.kind = "server");
    if let Some(incoming) = incoming {
        // Refused only where spans are not exported.
        let _ = span.set_parent(incoming.context());
    }
    span.set_attribute("rpc.system.name", "grpc");
    // By the conventions, a call's span is named after its method; log lines need not say that twice.
    span.context().span().update_name(method.to_owned());
    span
}

/// A call that has not ended. Dropped, it has.
struct OpenCall {
    metrics: CallMetrics,
    method: Arc<str>,
    /// Its span, once it has one.
    span: Arc<OnceLock<Span>>,
    began: Instant,
    /// How it ended, as far as that is known.
    code: Option<Code>,
    code_name: CodeName,
}

impl OpenCall {
    fn begin(layer: &CallsLayer, method: Arc<str>, span: Arc<OnceLock<Span>>) -> Self {
        let (metrics, code_name) = (layer.metrics.clone(), layer.code_name);
        metrics.open.get_or_create(&MethodLabels { rpc_method: Arc::clone(&method) }).inc();
        Self { metrics, method, span, began: Instant::now(), code: None, code_name }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let Self { metrics, method, span, began, code, code_name } = self;
        // A response without its trailers was not read to its end: the caller went away.
        let code = code.unwrap_or(Code::Cancelled);
        let name = code_name(code);
        metrics.open.get_or_create(&MethodLabels { rpc_method: Arc::clone(method) }).dec();
        let error_type = is_server_error(code).then_some(name);
        let labels = CallLabels {
            rpc_system_name: "grpc",
            rpc_method: Arc::clone(method),
            rpc_response_status_code: name,
            error_type,
        };
        metrics.duration.get_or_create(&labels).observe(began.elapsed().as_secs_f64());
        let Some(span) = span.get() else { return };
        span.set_attribute("rpc.response.status_code", name);
        if let Some(error_type) = error_type {
            span.set_attribute("error.type", error_type);
            span.set_status(SpanStatus::error(""));
        }
    }
}

pin_project! {
    /// The body of a response, which says at its end how the call ended.
    pub struct ObservedBody<B> {
        #[pin]
        body: B,
        open: Option<OpenCall>,
    }
}

impl<B> Body for ObservedBody<B>
where
    B: Body,
    B::Data: Buf,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = {
            let _entered = this.open.as_ref().and_then(|open| open.span.get()).map(Span::enter);
            ready!(this.body.poll_frame(cx))
        };
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(trailers), Some(open)) = (frame.trailers_ref(), this.open.as_mut()) {
                    open.code = code(trailers).or(open.code);
                    *this.open = None;
                }
            }
            Some(Err(_)) | None => *this.open = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The status in a response's head or trailers.
fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
}

/// Whether a status is the server's failure (semantic conventions for gRPC, "Server span status").
fn is_server_error(code: Code) -> bool {
    match code {
        Code::Unknown
        | Code::DeadlineExceeded
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::Ok
        | Code::Cancelled
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unauthenticated => false,
    }
}
