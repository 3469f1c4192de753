//! What every call carries to the end of its response, in one future and one body: what may end it early, the permit of a
//! stream, and its record, which learns there how the call ended.
//!
//! A call that is ended early gets a complete gRPC answer with a status, where an HTTP/2 reset would leave its caller
//! guessing: a trailers-only response if nothing was sent yet, trailers otherwise. What produced the answer is dropped then:
//! a handler, and with it its request to Grid.

use super::call::{Call, NewCall};
use super::concurrency::Held;
use super::ends::{Ends, Stops, Waits};
use super::methods::MethodKind;
use super::record::Record;
use crate::rpc::status::{self, Direction};
use crate::telemetry::context::CallContext;
use crate::transport::end_answer_at;
use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::Frame;
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

/// How long after its deadline a call's last words may be on their way before its stream is reset.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Gives calls what they carry.
#[derive(Debug, Clone, Default)]
pub struct CarryLayer {
    stops: Stops,
}

impl CarryLayer {
    /// The server stops as `stops` say.
    #[must_use]
    pub fn new(stops: Stops) -> Self {
        CarryLayer { stops }
    }
}

impl<S> Layer<S> for CarryLayer {
    type Service = CarryService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CarryService { inner, stops: self.stops.clone() }
    }
}

/// See [`CarryLayer`].
#[derive(Debug, Clone)]
pub struct CarryService<S> {
    inner: S,
    stops: Stops,
}

impl<S, B> Service<NewCall<B>> for CarryService<S>
where
    S: Service<Call<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<CallBody>;
    type Error = Infallible;
    type Future = CallFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, NewCall { call, incoming, mut ends, record }: NewCall<B>) -> Self::Future {
        ends.stops = Some(self.stops.clone());
        // A stream of the API says goodbye by itself when its connection or the server leaves.
        if call.method.is_about_the_server() && call.method.kind() == MethodKind::Watch {
            let connection = call.info.connection.as_ref().map(|connection| &connection.end);
            ends.leaving = Some(connection.unwrap_or(&self.stops.leaving).clone());
        }
        let context = CallContext { method: call.method.label(), incoming };
        let inner = context.scope(|| record.span().in_scope(|| self.inner.call(call)));
        let carried = Some(Carried { context, ends, record });
        CallFuture { state: State::Running { inner, waits: Waits::default(), carried } }
    }
}

struct Carried {
    context: CallContext,
    ends: Ends,
    record: Record,
}

pin_project! {
    /// The head of a response.
    pub struct CallFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Running { #[pin] inner: F, #[pin] waits: Waits, carried: Option<Carried> },
        Answered { response: Option<Response<CallBody>> },
    }
}

impl Carried {
    /// Runs `f` as part of the call: log lines say so, and spans belong to the call's.
    fn scope<T>(&self, f: impl FnOnce() -> T) -> T {
        self.context.scope(|| self.record.span().in_scope(f))
    }
}

impl<F> CallFuture<F> {
    /// No gRPC call at all.
    pub(super) fn answered(response: Response<Body>) -> Self {
        let response = response.map(|_empty| CallBody { running: None });
        CallFuture { state: State::Answered { response: Some(response) } }
    }

    /// A call that is not begun.
    pub(super) fn refused(mut record: Record, status: Status) -> Self {
        record.end(status.code());
        CallFuture { state: State::Answered { response: Some(without_body(status)) } }
    }
}

impl<F> Future for CallFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = Result<Response<CallBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        let response = match state.as_mut().project() {
            StateProjection::Running { inner, waits, carried } => {
                let polled = match carried {
                    Some(carried) => carried.scope(|| inner.poll(cx)),
                    None => inner.poll(cx),
                };
                match polled? {
                    Poll::Ready(response) => begin_body(response, carried.take()),
                    Poll::Pending => {
                        let Some(Carried { context: _, ends, record }) = carried else { return Poll::Pending };
                        let status = ready!(ends.poll(waits, cx));
                        record.end(status.code());
                        without_body(status)
                    }
                }
            }
            StateProjection::Answered { response } => {
                response.take().unwrap_or_else(|| without_body(status::polled_after_completion()))
            }
        };
        // Drops the handler, if it still runs.
        state.set(State::Answered { response: None });
        Poll::Ready(Ok(response))
    }
}

fn without_body(status: Status) -> Response<CallBody> {
    status.into_http::<Body>().map(|_empty| CallBody { running: None })
}

fn begin_body(mut response: Response<Body>, mut carried: Option<Carried>) -> Response<CallBody> {
    let permit = response.extensions_mut().remove::<Held>();
    if let Some(Carried { context: _, ends, record }) = &mut carried {
        // A response without a body has its status in its head.
        record.end_with(response.headers_mut(), Direction::Request);
        // What follows may wait for its reader.
        if let Some(end) = ends.deadline.and_then(|deadline| deadline.checked_add(LAST_WORDS)) {
            end_answer_at(end);
        }
    }
    response.map(|body| CallBody {
        running: carried.map(|carried| Running { body, carried, waits: None, _permit: permit }),
    })
}

/// The body of a response.
pub struct CallBody {
    /// `None` once it is done, or was ended.
    running: Option<Running>,
}

struct Running {
    body: Body,
    carried: Carried,
    waits: Option<Pin<Box<Waits>>>,
    /// That of a stream, which holds it until its end.
    _permit: Option<Held>,
}

impl http_body::Body for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let running = &mut self.get_mut().running;
        let Some(Running { body, carried, waits, _permit }) = running else {
            return Poll::Ready(None);
        };
        // Asked first, since a body that always has a next frame would otherwise never end.
        let status = match carried.ends.has_come() {
            Some(status) => status,
            None => match carried.scope(|| Pin::new(body).poll_frame(cx)) {
                Poll::Ready(Some(Ok(mut frame))) => {
                    if let Some(trailers) = frame.trailers_mut() {
                        carried.record.end_with(trailers, Direction::Response);
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                Poll::Ready(end) => {
                    *running = None;
                    return Poll::Ready(end);
                }
                Poll::Pending => {
                    let waits = waits.get_or_insert_with(|| Box::pin(Waits::default()));
                    ready!(carried.ends.poll(waits.as_mut(), cx))
                }
            },
        };
        carried.record.end(status.code());
        *running = None;
        Poll::Ready(Some(Ok(Frame::trailers(trailers(&status)))))
    }

    fn is_end_stream(&self) -> bool {
        self.running.as_ref().is_none_or(|running| running.body.is_end_stream())
    }
}

/// A status as the trailers of a response that has begun.
fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        trailers.insert(Status::GRPC_STATUS, (status.code() as i32).into());
    }
    trailers
}
