//! The layers that look at the head of a call alone, and the one that makes a request of it again.

use super::call::{Admit, Call, CallInfo, NewCall};
use super::carry::CallFuture;
use super::ends::Ends;
use super::methods::Methods;
use super::record::{CallMetrics, Record};
use crate::telemetry::context::Incoming;
use http::{HeaderMap, Request, Response, StatusCode, header};
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

/// What the content type of every gRPC request begins with.
const GRPC: &[u8] = b"application/grpc";

/// Gives calls their spans. Callers that are refused before have none: they must not fill a trace.
#[derive(Debug, Clone, Copy)]
pub struct Tracing;

impl Admit for Tracing {
    fn admit<B>(&self, new: &mut NewCall<B>) -> Result<(), Status> {
        new.record.trace(new.incoming.as_deref());
        Ok(())
    }
}

/// The layer of a step.
#[derive(Debug, Clone)]
pub struct AdmitLayer<A>(pub A);

impl<A: Clone, S> Layer<S> for AdmitLayer<A> {
    type Service = AdmitService<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmitService { step: self.0.clone(), inner }
    }
}

/// See [`AdmitLayer`].
#[derive(Debug, Clone)]
pub struct AdmitService<A, S> {
    step: A,
    inner: S,
}

impl<A, S, B, F> Service<NewCall<B>> for AdmitService<A, S>
where
    A: Admit,
    S: Service<NewCall<B>, Future = CallFuture<F>>,
    CallFuture<F>: Future<Output = Result<S::Response, S::Error>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = CallFuture<F>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut new: NewCall<B>) -> Self::Future {
        match self.step.admit(&mut new) {
            Ok(()) => self.inner.call(new),
            Err(status) => CallFuture::refused(new.record, status),
        }
    }
}

/// Begins a call for every request that is gRPC: finds its method, and counts and times it until its response ends.
/// Anything else is answered 415.
#[derive(Debug, Clone)]
pub struct BeginLayer {
    methods: Arc<Methods>,
    metrics: Arc<CallMetrics>,
}

impl BeginLayer {
    /// For the methods that are served.
    #[must_use]
    pub fn new(methods: impl Into<Arc<Methods>>, metrics: CallMetrics) -> Self {
        BeginLayer { methods: methods.into(), metrics: Arc::new(metrics) }
    }
}

impl<S> Layer<S> for BeginLayer {
    type Service = BeginService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BeginService { inner, layer: self.clone() }
    }
}

/// See [`BeginLayer`].
#[derive(Debug, Clone)]
pub struct BeginService<S> {
    inner: S,
    layer: BeginLayer,
}

impl<S, B, F> Service<Request<B>> for BeginService<S>
where
    S: Service<NewCall<B>, Future = CallFuture<F>>,
    CallFuture<F>: Future<Output = Result<S::Response, S::Error>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = CallFuture<F>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // A web page can have its visitor's browser send a form here without asking anyone. gRPC wants 415 for other
        // types (PROTOCOL-HTTP2, "Requests").
        if !is_grpc(request.headers()) {
            let mut refusal = Response::new(Body::empty());
            *refusal.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return CallFuture::answered(refusal);
        }
        let BeginLayer { methods, metrics } = &self.layer;
        let method = Arc::clone(methods.at(request.uri().path()));
        let connection = request.extensions_mut().remove();
        self.inner.call(NewCall {
            incoming: Incoming::of(request.headers()).map(Arc::new),
            ends: Ends::default(),
            record: Record::begin(Arc::clone(metrics), Arc::clone(&method)),
            call: Call { request, method, info: CallInfo { connection, ..CallInfo::default() } },
        })
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let beginning = only.as_bytes().get(..GRPC.len());
    let rest = only.as_bytes().get(GRPC.len()..).unwrap_or_default();
    // `application/grpc-web` is another protocol.
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(GRPC))
        && matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'\t'))
}

/// Makes requests of calls again, for the services.
#[derive(Debug, Clone, Copy)]
pub struct ServeLayer;

impl<S> Layer<S> for ServeLayer {
    type Service = ServeService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ServeService { inner }
    }
}

/// See [`ServeLayer`].
#[derive(Debug, Clone)]
pub struct ServeService<S> {
    inner: S,
}

impl<S: Service<Request<B>>, B> Service<Call<B>> for ServeService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, Call { mut request, method: _, info }: Call<B>) -> Self::Future {
        request.extensions_mut().insert(info);
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn types_of_grpc_and_others() {
        let of = |values: &[&'static str]| {
            let values = values.iter().map(|value| (header::CONTENT_TYPE, HeaderValue::from_static(value)));
            let mut headers = HeaderMap::new();
            values.for_each(|(name, value)| {
                headers.append(name, value);
            });
            is_grpc(&headers)
        };
        for value in
            ["application/grpc", "application/grpc+proto", "Application/gRPC;charset=x", "application/grpc ; a"]
        {
            assert!(of(&[value]), "{value}");
        }
        for values in [
            &[][..],
            &[""],
            &["text/plain"],
            &["application/x-www-form-urlencoded"],
            &["application/grpc-web"],
            &["application/grpcx"],
            &["text/plain;application/grpc"],
            &["application/grpc", "text/plain"],
        ] {
            assert!(!of(values), "{values:?}");
        }
    }
}
