//! Discards the rest of requests that were answered before their body was read.
//!
//! Dropping a request's body early (usually because the call was rejected by its headers) resets its HTTP/2 stream. Data
//! that the client had already sent then arrives on a closed stream. h2 counts each such case as a protocol error and
//! after some hundreds of them closes the connection with all its calls, although the client did nothing wrong. So the
//! rest of the body is read and discarded: it is small, and the client is about to finish.

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

/// How many bytes of a dropped body are read at most. The stream of a client that sends more is reset.
const BYTES: usize = 64 * 1024;

/// For how long a dropped body is read at most.
const TIME: Duration = Duration::from_secs(1);

/// The body of a request. Dropped before its end, it is read and discarded in a task.
#[derive(Debug)]
pub struct RequestBody {
    /// `Some` until dropped.
    body: Option<Incoming>,
    /// Owns the tasks that discard bodies. `None` in HTTP/1, where hyper discards them itself.
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
        // Without a runtime, the process is shutting down and the connections end anyway.
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
    // Dropping the body now resets the stream if the client has not finished.
    let _ = timeout(TIME, reading).await;
}
