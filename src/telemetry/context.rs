//! The W3C trace context (<https://www.w3.org/TR/trace-context/>): where a call's trace comes from, and what goes with the
//! requests that are made on its behalf.
//!
//! While spans are exported, a request carries the span that it is. While they are not, `traceparent` is handed on as it
//! came, so that the spans of a mesh around gridgate still belong together. `tracestate` and baggage are for systems of
//! one's own, and end here.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry::{Context, trace::TraceId};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header of the trace context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    /// The call being handled.
    static CALL: CallContext;
}

/// Whether spans of this process are exported. Where they are not, there is no need to look for one.
static EXPORTED: AtomicBool = AtomicBool::new(false);

/// Says that spans are exported from now on.
pub(super) fn export_begins() {
    EXPORTED.store(true, Relaxed);
}

/// Whether the attributes of spans have a reader.
#[must_use]
pub fn spans_are_exported() -> bool {
    EXPORTED.load(Relaxed)
}

/// The trace that a request says it belongs to.
#[derive(Debug, Clone)]
pub struct Incoming {
    header: HeaderValue,
    context: Context,
    trace_id: TraceId,
}

impl Incoming {
    /// Reads the trace context of a request; none where there is none, or one that W3C's rules refuse.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let header = headers.get(TRACEPARENT)?.clone();
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let trace_id = {
            let span = context.span();
            let span_context = span.span_context();
            span_context.is_valid().then(|| span_context.trace_id())?
        };
        Some(Self { header, context, trace_id })
    }

    /// The id of that trace, as 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.trace_id.to_string()
    }

    /// The parent for the span that handles the request.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context.clone()
    }
}

/// What log lines and requests to Grid say of the call that they belong to, whether or not it has a span.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// `package.Service/Method`.
    pub method: Arc<str>,
    /// The trace that it came with.
    pub incoming: Option<Arc<Incoming>>,
}

impl CallContext {
    /// Runs `f` as part of this call.
    pub fn scope<T>(&self, f: impl FnOnce() -> T) -> T {
        CALL.sync_scope(self.clone(), f)
    }
}

/// The span that the current code runs in, if it is one that is traced.
#[must_use]
pub fn current() -> Option<SpanContext> {
    if !spans_are_exported() {
        return None;
    }
    let context = tracing::Span::current().context();
    let span_context = context.span().span_context().clone();
    span_context.is_valid().then_some(span_context)
}

/// The method of the call being handled, and the id of the trace that it came with.
pub(super) fn current_call() -> Option<(Arc<str>, Option<TraceId>)> {
    let said =
        |call: &CallContext| (Arc::clone(&call.method), call.incoming.as_ref().map(|incoming| incoming.trace_id));
    CALL.try_with(said).ok()
}

/// Adds the trace context to a request that is made now: the current span's, or the one that came in.
pub fn inject(headers: &mut HeaderMap) {
    let header = match current() {
        Some(span) => HeaderValue::from_str(&traceparent(&span)).ok(),
        None => CALL.try_with(|call| call.incoming.as_ref().map(|incoming| incoming.header.clone())).ok().flatten(),
    };
    if let Some(header) = header {
        headers.insert(TRACEPARENT, header);
    }
}

/// The span that a `traceparent` names; none where W3C's rules refuse it.
pub(super) fn named(traceparent: &str) -> Option<SpanContext> {
    let carrier = HashMap::from([(TRACEPARENT.to_string(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    let span_context = context.span().span_context().clone();
    span_context.is_valid().then_some(span_context)
}

/// The header's value (section 3.2: version, trace id, parent id, flags).
pub(super) fn traceparent(span: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8() & 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(TRACEPARENT, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn without_spans_the_context_is_handed_on_as_it_came() {
        let incoming = Incoming::of(&headers(PARENT)).map(Arc::new);
        let mut out = HeaderMap::new();
        CallContext { method: "a/B".into(), incoming }.scope(|| inject(&mut out));
        assert_eq!(out, headers(PARENT));
        let mut out = HeaderMap::new();
        inject(&mut out);
        assert!(out.is_empty(), "outside of a call there is nothing to hand on");
    }

    #[test]
    fn a_span_is_named_by_its_traceparent() {
        assert_eq!(named(PARENT).map(|span| traceparent(&span)).as_deref(), Some(PARENT));
    }

    #[test]
    fn what_w3c_refuses_is_no_context() {
        for wrong in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-jane@example.org-b7ad6b7169203331-01",
        ] {
            assert!(Incoming::of(&headers(wrong)).is_none(), "{wrong:?}");
            assert!(named(wrong).is_none(), "{wrong:?}");
        }
        let id = Incoming::of(&headers(PARENT)).map(|incoming| incoming.trace_id());
        assert_eq!(id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        assert!(Incoming::of(&HeaderMap::new()).is_none());
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(bytes in proptest::collection::vec(32u8..=255, 0..80)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = Incoming::of(&HeaderMap::from_iter([(TRACEPARENT, value)]));
            }
        }
    }
}
