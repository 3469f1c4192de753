//! A call that something else can end: its response future and its response body, each with an [`Ending`] beside it.
//!
//! When the ending comes, what produced the answer is dropped (a handler, and with it its call to Grid), and the
//! caller gets a complete gRPC answer with a status: a trailers-only response if nothing was sent yet, trailers
//! otherwise. HTTP/2 resets would do for a machine, but a status says why.

use crate::rpc::status;
use bytes::Buf;
use http::{HeaderMap, Response};
use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tonic::Status;

/// What ends a call before it is done.
pub(super) trait Ending: Unpin {
    /// Whether it has come. Cheap, and registers no interest.
    fn has_come(&mut self) -> bool;

    /// Waits for it to come.
    fn poll_come(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// The head of the answer is there; what follows may wait for its reader.
    fn answered(&mut self) {}

    /// What the caller is told then.
    fn status(&self) -> Status;
}

pin_project! {
    /// The head of a response, or the ending.
    pub struct EndingFuture<F, E> {
        #[pin]
        state: Head<F>,
        ending: Option<E>,
    }
}

pin_project! {
    #[project = HeadProjection]
    enum Head<F> {
        Awaited { #[pin] inner: F },
        Refused { status: Option<Status> },
    }
}

impl<F, E> EndingFuture<F, E> {
    /// `inner`, until the ending comes.
    pub(super) fn new(inner: F, ending: E) -> Self {
        EndingFuture { state: Head::Awaited { inner }, ending: Some(ending) }
    }

    /// No call at all: `status` is the answer.
    pub(super) fn refused(status: Status) -> Self {
        EndingFuture { state: Head::Refused { status: Some(status) }, ending: None }
    }
}

impl<F, E, B, Error> Future for EndingFuture<F, E>
where
    F: Future<Output = Result<Response<B>, Error>>,
    E: Ending,
{
    type Output = Result<Response<EndingBody<B, E>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let status = match this.state.as_mut().project() {
            HeadProjection::Awaited { inner } => match inner.poll(cx)? {
                Poll::Ready(response) => {
                    let mut ending = this.ending.take();
                    ending.iter_mut().for_each(Ending::answered);
                    return Poll::Ready(Ok(response.map(|body| EndingBody { running: Some(body), ending })));
                }
                Poll::Pending => {
                    let Some(ending) = this.ending else { return Poll::Pending };
                    ready!(ending.poll_come(cx));
                    Some(ending.status())
                }
            },
            HeadProjection::Refused { status } => status.take(),
        };
        // Drops the call that was awaited.
        this.state.set(Head::Refused { status: None });
        // A future is not polled after its answer; if it is, it has no other answer than the one it gave.
        let status = status.unwrap_or_else(status::answered_already);
        Poll::Ready(Ok(status::refusal(status, EndingBody { running: None, ending: None })))
    }
}

pin_project! {
    /// The body of a response, until it is done or the ending comes.
    pub struct EndingBody<B, E> {
        #[pin]
        running: Option<B>,
        ending: Option<E>,
    }
}

impl<B, E> Body for EndingBody<B, E>
where
    B: Body,
    B::Data: Buf,
    E: Ending,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.running.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        // Asked first, since a body that always has a next frame would otherwise never end.
        let come = this.ending.as_mut().is_some_and(Ending::has_come);
        if !come {
            if let Poll::Ready(frame) = inner.poll_frame(cx) {
                return Poll::Ready(frame);
            }
            let Some(ending) = this.ending else { return Poll::Pending };
            ready!(ending.poll_come(cx));
        }
        this.running.set(None);
        Poll::Ready(this.ending.take().map(|ending| Ok(Frame::trailers(trailers(&ending.status())))))
    }

    fn is_end_stream(&self) -> bool {
        self.running.as_ref().is_none_or(Body::is_end_stream)
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
