//! How much is served at once. What would be more is refused while it costs nothing, so that what is accepted keeps its
//! latency, and the refused know at once.
//!
//! A place is held by a call until its answer begins, and by a stream for as long as it is open. There are places of
//! five kinds, so that one cannot take those of another: calls that need Grid, uploads, calls answered from the event
//! log, streams, and watches of health, which anyone may open. A health check needs none: a process that is busy is not ill.
//! One caller cannot take all of a kind from the others ([`shares`]).

mod places;
mod shares;

pub use places::{PlacesSnapshot, Shed};

use super::methods::{MethodKind, Methods};
use crate::identity::Caller;
use crate::rpc::status;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use places::{Place, Places, Turn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tonic::Status;
use tower::{Layer, Service};

/// Watches of health that may be open at once: several for each connection that there may be by default. One takes a few
/// kilobytes.
const MAX_HEALTH_WATCHES: u32 = 4096;
/// What is answered from the event log.
const EVENTS: &str = "/gridgate.v1.KycEventService/";

/// How much is served at once.
#[derive(Debug, Clone, Copy)]
pub struct LoadLimits {
    /// Calls that need Grid; also uploads; also calls that are answered from the event log.
    pub max_calls: u32,
    /// How long a call waits for its turn.
    pub max_wait: Duration,
    /// Streams.
    pub max_streams: u32,
}

/// What the caller of a refused call is told.
type Refusal = fn(Shed) -> Status;

/// The places of every kind.
#[derive(Debug)]
struct Kinds {
    grid: Places,
    uploads: Places,
    events: Places,
    streams: Places,
    health: Places,
}

/// Gives every call its place, or refuses it.
#[derive(Debug, Clone)]
pub struct LoadLayer {
    kinds: Arc<Kinds>,
    methods: Arc<Methods>,
}

impl LoadLayer {
    /// Places for the methods that are served.
    #[must_use]
    pub fn new(limits: LoadLimits, methods: impl Into<Arc<Methods>>) -> Self {
        let LoadLimits { max_calls, max_wait, max_streams } = limits;
        let kinds = Kinds {
            grid: Places::new(max_calls, max_wait),
            uploads: Places::new(max_calls, max_wait),
            events: Places::new(max_calls, max_wait),
            streams: Places::new(max_streams, Duration::ZERO),
            health: Places::new(MAX_HEALTH_WATCHES, Duration::ZERO),
        };
        LoadLayer { kinds: Arc::new(kinds), methods: methods.into() }
    }

    /// How busy it is now, by kind.
    #[must_use]
    pub fn snapshot(&self) -> [(&'static str, PlacesSnapshot); 5] {
        let Kinds { grid, uploads, events, streams, health } = self.kinds.as_ref();
        [("grid", grid), ("upload", uploads), ("events", events), ("stream", streams), ("health", health)]
            .map(|(kind, places)| (kind, places.snapshot()))
    }

    /// The places that a method needs one of.
    fn places(&self, path: &str) -> Option<(&Places, Refusal)> {
        let Kinds { grid, uploads, events, streams, health } = self.kinds.as_ref();
        Some(match self.methods.kind(path) {
            MethodKind::Stream if Methods::is_health(path) => (health, status::too_many_streams),
            MethodKind::Unary | MethodKind::Upload if Methods::is_health(path) => return None,
            MethodKind::Stream => (streams, status::too_many_streams),
            MethodKind::Upload => (uploads, status::overloaded),
            MethodKind::Unary if path.starts_with(EVENTS) => (events, status::overloaded),
            MethodKind::Unary => (grid, status::overloaded),
        })
    }
}

impl<S> Layer<S> for LoadLayer {
    type Service = LoadService<S>;

    fn layer(&self, inner: S) -> LoadService<S> {
        LoadService { inner, layer: self.clone() }
    }
}

/// What [`LoadLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct LoadService<S> {
    inner: S,
    layer: LoadLayer,
}

impl<S, B, R> Service<Request<B>> for LoadService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<PlacedBody<R>>;
    type Error = S::Error;
    type Future = PlacedCall<S, Request<B>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        let keeps = self.layer.methods.kind(path) == MethodKind::Stream;
        let Some((places, refusal)) = self.layer.places(path) else {
            return PlacedCall { state: State::Running { call: self.inner.call(request), place: None }, keeps };
        };
        let caller = request.extensions().get::<Caller>().map(Caller::shared_name);
        let state = match places.turn(caller.as_ref()) {
            Turn::Now(place) => State::Running { call: self.inner.call(request), place: Some(place) },
            Turn::Never(shed) => State::Refused { status: Some(refusal(shed)) },
            Turn::Later(turn) => {
                // The one that is ready goes on; its clone is made ready before its next call.
                let next = self.inner.clone();
                let service = std::mem::replace(&mut self.inner, next);
                State::Waiting { turn, waiting: Some((service, request)), refusal }
            }
        };
        PlacedCall { state, keeps }
    }
}

pin_project! {
    /// A call with its place, or on its way to one.
    pub struct PlacedCall<S, Q>
    where
        S: Service<Q>,
    {
        #[pin]
        state: State<S, Q>,
        // Whether the place is kept until the answer is complete.
        keeps: bool,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, Q>
    where
        S: Service<Q>,
    {
        Waiting { turn: places::Waiting, waiting: Option<(S, Q)>, refusal: Refusal },
        Running { #[pin] call: S::Future, place: Option<Place> },
        Refused { status: Option<Status> },
    }
}

impl<S, Q, R> Future for PlacedCall<S, Q>
where
    S: Service<Q, Response = Response<R>>,
{
    type Output = Result<Response<PlacedBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Waiting { turn, waiting, refusal } => {
                    match (ready!(turn.as_mut().poll(cx)), waiting.take()) {
                        (Ok(place), Some((mut service, request))) => {
                            State::Running { call: service.call(request), place: Some(place) }
                        }
                        (Err(shed), _) => State::Refused { status: Some(refusal(shed)) },
                        (Ok(_), None) => State::Refused { status: None },
                    }
                }
                StateProjection::Running { call, place } => {
                    let response = ready!(call.poll(cx))?;
                    let place = place.take().filter(|_| *this.keeps);
                    return Poll::Ready(Ok(response.map(|body| PlacedBody { body: Some(body), _place: place })));
                }
                StateProjection::Refused { status } => {
                    // A future is not polled after its answer; if it is, it has no other answer than the one it gave.
                    let status = status.take().unwrap_or_else(status::answered_already);
                    return Poll::Ready(Ok(status::refusal(status, PlacedBody { body: None, _place: None })));
                }
            };
            this.state.set(next);
        }
    }
}

pin_project! {
    /// The body of a response, with the place of its stream. A refusal has none.
    pub struct PlacedBody<R> {
        #[pin]
        body: Option<R>,
        _place: Option<Place>,
    }
}

impl<R: Body> Body for PlacedBody<R> {
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<R::Data>, R::Error>>> {
        match self.project().body.as_pin_mut() {
            Some(body) => body.poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
