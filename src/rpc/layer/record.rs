//! Records a call in its metrics, its span and its audit line. Each records the outcome once: when the status is known, or,
//! as CANCELLED, when the call is dropped without one.
//!
//! Names follow OpenTelemetry's conventions for RPC servers: `rpc.server.call.duration`, `rpc.method`,
//! `rpc.response.status_code`. An unknown method is `_OTHER`, so that clients cannot create labels.

use super::methods::Method;
use crate::identity::audit::{self, Audited, Note};
use crate::identity::{Caller, Denial, Gate, Presented};
use crate::metrics::{Durations, Metrics, durations};
use crate::rpc::status::{self, Direction, code_name};
use crate::telemetry::context::{self, Incoming};
use http::HeaderMap;
use opentelemetry::trace::{Status as SpanStatus, TraceContextExt as _};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tonic::{Code, Status};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Where a status has its details.
const DETAILS: &str = "grpc-status-details-bin";

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
            "Duration of gRPC calls, streams included, by method and final status",
            calls.duration.clone(),
        );
        metrics.register("gridgate_rpc_open_calls", "gRPC calls that have not ended, by method", calls.open.clone());
        calls
    }
}

/// The record of one call.
pub(super) struct Record {
    metrics: Arc<CallMetrics>,
    method: Arc<Method>,
    began: Instant,
    span: Span,
    audit: Option<AuditLine>,
    has_ended: bool,
}

/// What the audit log says of a call that changes something.
struct AuditLine {
    peer: Option<IpAddr>,
    incoming: Option<Arc<Incoming>>,
    caller: Caller,
    note: Note,
}

impl Record {
    pub(super) fn begin(metrics: Arc<CallMetrics>, method: Arc<Method>) -> Self {
        metrics.open.get_or_create(&MethodLabels { rpc_method: method.label() }).inc();
        Record { metrics, method, began: Instant::now(), span: Span::none(), audit: None, has_ended: false }
    }

    /// Gives the call a line in the audit log; its handler notes there what it changes.
    pub(super) fn audit(&mut self, caller: Caller, peer: Option<IpAddr>, incoming: Option<Arc<Incoming>>) -> Note {
        let note = Note::default();
        self.audit = Some(AuditLine { peer, incoming, caller, note: note.clone() });
        note
    }

    /// Gives the call a span. Health checks and reflection have none: they come all day long, and are no work.
    pub(super) fn trace(&mut self, incoming: Option<&Incoming>) {
        if self.method.is_about_the_server() {
            return;
        }
        self.span = tracing::info_span!("call", rpc.method = self.method.name(), otel.kind = "server");
        if !context::spans_are_exported() {
            return;
        }
        if let Some(incoming) = incoming {
            // Refused only where spans are not exported.
            let _ = self.span.set_parent(incoming.context());
        }
        self.span.set_attribute("rpc.system.name", "grpc");
        // By the conventions, a call's span is named after its method; log lines need not say that twice.
        self.span.context().span().update_name(self.method.name().to_owned());
    }

    /// The span of the call; a disabled one while it has none.
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// Ends the record with the status in a response's head or trailers, if there is one. A status that the gRPC library made
    /// by itself has no details, and gets them here; `direction` says which message such a status is about.
    pub(super) fn end_with(&mut self, headers: &mut HeaderMap, direction: Direction) {
        let Some(code) = headers.get(Status::GRPC_STATUS) else { return };
        let mut code = Code::from_bytes(code.as_bytes());
        if code != Code::Ok
            && !headers.contains_key(DETAILS)
            && let Some(bare) = Status::from_header_map(headers)
        {
            // An upload's messages are read while it is answered.
            let direction = if self.method.takes_one_message() { direction } else { Direction::Request };
            let explained = status::explained(&bare, self.method.is_health(), direction);
            // It was headers already, so it can be headers again.
            let _ = explained.add_header(headers);
            code = explained.code();
        }
        self.end(code);
    }

    /// Ends the record. The first end counts.
    pub(super) fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let (name, rpc_method) = (code_name(code), self.method.label());
        if let Some(AuditLine { peer, incoming, caller, note }) = self.audit.take() {
            let trace_id = incoming.as_deref().map(Incoming::trace_id);
            let call = Audited { method: self.method.name(), peer, trace_id: trace_id.as_deref(), code: name };
            audit::allowed(call, &caller, note.read());
        }
        self.metrics.open.get_or_create(&MethodLabels { rpc_method: Arc::clone(&rpc_method) }).dec();
        let error_type = is_server_error(code).then_some(name);
        let labels = CallLabels { rpc_system_name: "grpc", rpc_method, rpc_response_status_code: name, error_type };
        self.metrics.duration.get_or_create(&labels).observe(self.began.elapsed().as_secs_f64());
        if context::spans_are_exported() && !self.span.is_none() {
            self.span.set_attribute("rpc.response.status_code", name);
            if let Some(error_type) = error_type {
                self.span.set_attribute("error.type", error_type);
                self.span.set_status(SpanStatus::error(""));
            }
        }
        self.span = Span::none();
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // A response without its trailers was not read to its end: the caller went away.
        self.end(Code::Cancelled);
    }
}

/// Writes the audit line of a refusal, where it has one.
pub(super) fn report_denial(
    gate: &Gate,
    presented: &Presented,
    method: &Method,
    incoming: Option<&Incoming>,
    denial: &Denial,
    status: &Status,
) {
    if let Some(held_back) = gate.has_line(denial, presented, method.changes_something()) {
        write_denial(presented, method, incoming, denial, status, held_back);
    }
}

/// Writes the audit line of a refusal; `held_back` refusals before it had none.
pub(super) fn write_denial(
    presented: &Presented,
    method: &Method,
    incoming: Option<&Incoming>,
    denial: &Denial,
    status: &Status,
    held_back: u64,
) {
    let trace_id = incoming.map(Incoming::trace_id);
    let method = method.served().map_or("unknown", |method| &method.name);
    let code = code_name(status.code());
    audit::denied(Audited { method, peer: presented.addr(), trace_id: trace_id.as_deref(), code }, denial, held_back);
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
