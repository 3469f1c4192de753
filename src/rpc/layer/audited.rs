//! Calls whose end is written down: the audit line of what changes something.

use crate::identity::Caller;
use crate::identity::audit::{self, Audited, Note};
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tonic::{Code, Status};

/// The line of one call. It is written once: when the call's status is known, or when the call is dropped without one,
/// as CANCELLED.
pub struct AuditLine(Option<Box<Unwritten>>);

struct Unwritten {
    method: Box<str>,
    peer: Option<IpAddr>,
    trace_id: Option<Box<str>>,
    caller: Caller,
    note: Note,
}

impl AuditLine {
    /// The line of a call that was let in.
    pub(super) fn new(method: &str, peer: Option<IpAddr>, trace_id: Option<Box<str>>, caller: Caller) -> Self {
        let note = Note::default();
        AuditLine(Some(Box::new(Unwritten { method: method.into(), peer, trace_id, caller, note })))
    }

    /// Where the call's handler writes what it changes.
    pub(super) fn note(&self) -> Option<Note> {
        self.0.as_ref().map(|line| line.note.clone())
    }

    fn write(&mut self, code: Code) {
        let Some(line) = self.0.take() else { return };
        let Unwritten { method, peer, trace_id, caller, note } = *line;
        let call = Audited { method: &method, peer, trace_id: trace_id.as_deref(), code: code_name(code) };
        audit::allowed(call, &caller, note.read());
    }

    /// Writes the code of the headers or trailers that have one.
    fn write_from(&mut self, headers: &HeaderMap) {
        if let Some(value) = headers.get(Status::GRPC_STATUS) {
            self.write(Code::from_bytes(value.as_bytes()));
        }
    }
}

impl Drop for AuditLine {
    fn drop(&mut self) {
        self.write(Code::Cancelled);
    }
}

/// The name of a code as gRPC's documentation writes it.
#[must_use]
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

pin_project! {
    /// The head of a response; its line, where it has one, is written when the status is known.
    pub struct AuditedFuture<F> {
        #[pin]
        inner: F,
        line: Option<AuditLine>,
    }
}

impl<F> AuditedFuture<F> {
    pub(super) fn new(inner: F, line: Option<AuditLine>) -> Self {
        AuditedFuture { inner, line }
    }
}

impl<F, B, E> Future for AuditedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<AuditedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let mut line = this.line.take();
        if let Some(line) = &mut line {
            // A response without a body says its status in its head.
            line.write_from(response.headers());
        }
        Poll::Ready(Ok(response.map(|body| AuditedBody { body, line })))
    }
}

pin_project! {
    /// The body of a response; its line, where it has one, is written with its trailers.
    pub struct AuditedBody<B> {
        #[pin]
        body: B,
        line: Option<AuditLine>,
    }
}

impl<B: Body> Body for AuditedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        if let (Some(line), Some(Ok(frame))) = (this.line, &frame)
            && let Some(trailers) = frame.trailers_ref()
        {
            line.write_from(trailers);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_the_documentation() {
        for code in (0..=16).map(Code::from) {
            assert_eq!(code_name(code).replace('_', "").to_lowercase(), format!("{code:?}").to_lowercase());
        }
    }
}
