//! Services that are there later than their port.
//!
//! The port answers as soon as it is bound, so that whoever asks after its health hears that it is starting. What it is
//! there for takes longer: until then those calls are refused, having begun nothing.

use crate::rpc::status;
use futures_util::future::Either;
use http::{Request, Response};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tonic::body::Body;
use tower::util::Oneshot;
use tower::{Service, ServiceExt as _};

/// What begins the paths of what is about the server itself: its health, and reflection.
const OWN: &str = "/grpc.";

/// Where the services will be that are there later.
#[derive(Debug)]
pub struct Later<S>(Arc<OnceLock<S>>);

impl<S> Later<S> {
    /// From now on they are there. To be said once: what is said again is ignored.
    pub fn set(&self, services: S) {
        let _ = self.0.set(services);
    }
}

impl<S> Clone for Later<S> {
    fn clone(&self) -> Self {
        Later(Arc::clone(&self.0))
    }
}

/// The services of a port that answers for its health before all of them are there.
#[derive(Debug)]
pub struct StartingService<S> {
    own: S,
    later: Later<S>,
}

impl<S> StartingService<S> {
    /// With those that are there from the beginning, and where to say that the others are.
    pub fn new(own: S) -> (Self, Later<S>) {
        let later = Later(Arc::default());
        (StartingService { own, later: later.clone() }, later)
    }
}

impl<S: Clone> Clone for StartingService<S> {
    fn clone(&self) -> Self {
        StartingService { own: self.own.clone(), later: self.later.clone() }
    }
}

impl<S, B> Service<Request<B>> for StartingService<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible> + Clone,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Oneshot<S, Request<B>>, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Which of them it is for is known when it is called.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let services = if request.uri().path().starts_with(OWN) { Some(&self.own) } else { self.later.0.get() };
        match services {
            Some(services) => Either::Left(services.clone().oneshot(request)),
            None => Either::Right(ready(Ok(status::starting().into_http()))),
        }
    }
}
