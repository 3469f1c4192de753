//! The services of the gRPC port: those about the server itself, which are there from the beginning, and those of the API,
//! which need the event log.
//!
//! The port answers as soon as it is bound, and reports in its health that it is starting. Until the event log is open, it
//! refuses calls of the API before they begin anything.

use super::buffering::BufferedBody;
use super::carry::CallFuture;
use crate::rpc::status;
use crate::transport::RequestBody;
use http::{Request, Response};
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::server::NamedService;
use tower::Service;

/// What begins the paths of what is about the server itself: its health, and reflection.
const OWN: &str = "/grpc.";

/// A request for a handler.
type HandlerRequest = Request<BufferedBody<RequestBody>>;
/// The response of a handler.
type HandlerFuture = BoxFuture<Response<Body>, Infallible>;

/// Services by their names.
#[derive(Clone, Default)]
pub struct Services(HashMap<&'static str, Arc<dyn Fn(HandlerRequest) -> HandlerFuture + Send + Sync>>);

impl Services {
    /// These and one more, as tonic generates them.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<HandlerRequest, Response = Response<Body>, Error = Infallible, Future = HandlerFuture>,
        S: NamedService + Clone + Send + Sync + 'static,
    {
        self.0.insert(S::NAME, Arc::new(move |request| service.clone().call(request)));
        self
    }

    fn call(&self, request: HandlerRequest) -> HandlerFuture {
        let service = request.uri().path().split('/').nth(1).and_then(|name| self.0.get(name));
        match service {
            Some(service) => service(request),
            None => Box::pin(async { Ok(status::method_unknown().into_http()) }),
        }
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Where the services of the API will be.
#[derive(Debug, Clone, Default)]
pub struct Later(Arc<OnceLock<Services>>);

impl Later {
    /// From now on they are there. To be said once: what is said again is ignored.
    pub fn set(&self, services: Services) {
        let _ = self.0.set(services);
    }
}

/// All services of a port.
#[derive(Debug, Clone)]
pub struct PortServices {
    own: Arc<Services>,
    later: Later,
}

impl PortServices {
    /// With those that are there from the beginning, and where to say that the others are.
    #[must_use]
    pub fn new(own: Services) -> (Self, Later) {
        let later = Later::default();
        (PortServices { own: Arc::new(own), later: later.clone() }, later)
    }
}

impl Service<HandlerRequest> for PortServices {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = HandlerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Generated services are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HandlerRequest) -> HandlerFuture {
        let is_own = request.uri().path().starts_with(OWN);
        let services = if is_own { Some(self.own.as_ref()) } else { self.later.0.get() };
        match services {
            Some(services) => services.call(request),
            None => Box::pin(async { Ok(status::starting().into_http()) }),
        }
    }
}

/// The services behind all their layers, as one type: the code of connections is compiled for it once.
#[derive(Clone)]
pub struct GrpcService(Arc<dyn Fn(Request<RequestBody>) -> CallFuture<HandlerFuture> + Send + Sync>);

impl GrpcService {
    /// Of a stack of layers.
    pub fn new<S>(stack: S) -> Self
    where
        S: Service<Request<RequestBody>, Future = CallFuture<HandlerFuture>> + Clone + Send + Sync + 'static,
    {
        GrpcService(Arc::new(move |request| stack.clone().call(request)))
    }
}

impl Service<Request<RequestBody>> for GrpcService {
    type Response = Response<super::carry::CallBody>;
    type Error = Infallible;
    type Future = CallFuture<HandlerFuture>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        (self.0)(request)
    }
}
