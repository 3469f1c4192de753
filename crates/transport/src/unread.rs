//! Requests that are answered before they were read.
//!
//! Whoever drops a request's body early (a call that is refused for its head alone, as a rule) resets its HTTP/2 stream.
//! What the client had sent by then arrives on a stream that is no more; h2 counts each such case as a broken rule, and
//! after some hundreds of them ends the connection, calls and all, although its client did nothing wrong. So what is left of
//! a request is read and thrown away: it is little, and the client is about to finish.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// How much is read of what nobody wants, in bytes. Who sends more has its stream reset.
const BYTES: usize = 64 * 1024;

/// For how long.
const TIME: Duration = Duration::from_secs(1);

/// The body of a request.
#[derive(Debug)]
pub struct RequestBody {
    /// Always there, until it is dropped.
    body: Option<Incoming>,
    /// Owns the tasks that read what nobody wants; none in HTTP/1, where hyper does so itself.
    unread: Option<TaskTracker>,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, unread: Option<TaskTracker>) -> Self {
        RequestBody { body: Some(body), unread }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
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

impl Drop for RequestBody {
    fn drop(&mut self) {
        let (Some(body), Some(unread)) = (self.body.take(), &self.unread) else { return };
        // Outside of the runtime, everything is ending.
        if let (false, Ok(runtime)) = (body.is_end_stream(), Handle::try_current()) {
            unread.spawn_on(discard(body), &runtime);
        }
    }
}

async fn discard(mut body: Incoming) {
    let mut left = BYTES;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Whatever comes after that resets the stream.
    let _ = timeout(TIME, reading).await;
}
