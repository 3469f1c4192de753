//! Who calls, decided before anything else of the call is looked at: its handler does not run, and its body is not read,
//! before the policy lets it in.
//!
//! The handler finds the [`Caller`](crate::identity::Caller) in the request's extensions. Health (`grpc.health.v1`) is
//! exempt, since probes have no credentials; reflection is a method like others. A stream of responses ends when the
//! policy is replaced by one that would not let it in. Without a policy every call passes, and has no caller; only methods that
//! a policy has to grant by name are refused.

use super::audited::{AuditLine, AuditedBody, AuditedFuture};
use super::ending::{EndingBody, EndingFuture};
use super::methods::{MethodKind, Methods};
use super::revoked::UntilRevoked;
use crate::identity::audit::{self, Audited};
use crate::identity::{Admitted, Denial, Gate, NoGate, Presented};
use crate::rpc::status;
use crate::transport::{Peer, Standing};
use http::{HeaderMap, Request, Response, header};
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::Status;
use tower::{Layer, Service};

/// Lets in whom the policy lets in.
#[derive(Debug, Clone)]
pub struct IdentityLayer {
    gate: Option<Arc<Gate>>,
    no_gate: Arc<NoGate>,
    methods: Arc<Methods>,
    trace_id: TraceId,
}

/// Reads the id of the trace that a request says it is part of, for audit lines.
type TraceId = fn(&HeaderMap) -> Option<Box<str>>;

impl IdentityLayer {
    /// With this gate before `methods`; with none, for everyone. `trace_id` reads the id of the trace that a request says
    /// it is part of, for audit lines.
    #[must_use]
    pub fn new(
        gate: Option<Arc<Gate>>,
        methods: impl Into<Arc<Methods>>,
        trace_id: fn(&HeaderMap) -> Option<Box<str>>,
    ) -> Self {
        IdentityLayer { gate, no_gate: Arc::default(), methods: methods.into(), trace_id }
    }
}

impl<S> Layer<S> for IdentityLayer {
    type Service = IdentityService<S>;

    fn layer(&self, inner: S) -> IdentityService<S> {
        IdentityService { inner, layer: self.clone() }
    }
}

/// What [`IdentityLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct IdentityService<S> {
    inner: S,
    layer: IdentityLayer,
}

impl<S, B, R> Service<Request<B>> for IdentityService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<AuditedBody<EndingBody<R, UntilRevoked>>>;
    type Error = S::Error;
    type Future = AuditedFuture<EndingFuture<S::Future, UntilRevoked>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let judged = self.layer.judge(&request);
        // From here on nobody needs it, and nobody can log it.
        request.headers_mut().remove(header::AUTHORIZATION);
        // What strangers may do as well does not earn their connection a place.
        let earns = match &judged {
            Judged::Exempt => !Methods::is_health(request.uri().path()),
            Judged::Denied(_) => false,
            Judged::Admitted { .. } => true,
        };
        if let (true, Some(standing)) = (earns, request.extensions().get::<Standing>()) {
            standing.earn();
        }
        match judged {
            Judged::Exempt => {
                AuditedFuture::new(EndingFuture::new(self.inner.call(request), UntilRevoked::never()), None)
            }
            Judged::Denied(status) => AuditedFuture::new(EndingFuture::refused(status), None),
            Judged::Admitted { admitted, until, line } => {
                request.extensions_mut().insert(admitted.caller);
                if let Some(note) = line.as_ref().and_then(AuditLine::note) {
                    request.extensions_mut().insert(note);
                }
                AuditedFuture::new(EndingFuture::new(self.inner.call(request), until), line)
            }
        }
    }
}

/// What becomes of a call.
enum Judged {
    Exempt,
    Denied(Status),
    Admitted { admitted: Admitted, until: UntilRevoked, line: Option<AuditLine> },
}

impl IdentityLayer {
    fn judge<B>(&self, request: &Request<B>) -> Judged {
        let path = request.uri().path();
        if Methods::is_health(path) {
            return Judged::Exempt;
        }
        let method = self.methods.name(path);
        let Some(gate) = &self.gate else { return self.judge_without_gate(request, method) };
        let presented = Presented::of(request.headers(), request.extensions().get::<Peer>());
        let trace_id = (self.trace_id)(request.headers());
        let admitted = match gate.admit(&presented, method) {
            Ok(admitted) => admitted,
            Err(denial) => {
                let status = status::denied(&denial);
                report(gate, &presented, method, trace_id.as_deref(), &denial, &status);
                return Judged::Denied(status);
            }
        };
        let method = method.unwrap_or_default();
        let line = Methods::is_mutation(method)
            .then(|| AuditLine::new(method, presented.addr(), trace_id.clone(), admitted.caller.clone()));
        let until = match self.methods.kind(path) {
            MethodKind::Stream => UntilRevoked::new(Arc::clone(gate), presented, method, trace_id, &admitted),
            MethodKind::Unary | MethodKind::Upload => UntilRevoked::never(),
        };
        Judged::Admitted { admitted, until, line }
    }

    fn judge_without_gate<B>(&self, request: &Request<B>, method: Option<&str>) -> Judged {
        let Err(denial) = self.no_gate.admit(method) else { return Judged::Exempt };
        let status = status::denied(&denial);
        let presented = Presented::of(request.headers(), request.extensions().get::<Peer>());
        if let Some(held_back) = self.no_gate.has_line(&presented) {
            let trace_id = (self.trace_id)(request.headers());
            let (method, code) = (method.unwrap_or("unknown"), super::audited::code_name(status.code()));
            let call = Audited { method, peer: presented.addr(), trace_id: trace_id.as_deref(), code };
            audit::denied(call, &denial, held_back);
        }
        Judged::Denied(status)
    }
}

/// Writes the audit line of a refusal, where it has one; `method` is `None` for one that does not exist.
pub(super) fn report(
    gate: &Gate,
    presented: &Presented,
    method: Option<&str>,
    trace_id: Option<&str>,
    denial: &Denial,
    status: &Status,
) {
    if let Some(held_back) = gate.has_line(denial, presented, method.is_some_and(Methods::is_mutation)) {
        let (method, code) = (method.unwrap_or("unknown"), super::audited::code_name(status.code()));
        audit::denied(Audited { method, peer: presented.addr(), trace_id, code }, denial, held_back);
    }
}
