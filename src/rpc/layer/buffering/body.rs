//! The body of a request for a handler.

use crate::rpc::refused::BufferingError;
use crate::rpc::status;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

pin_project! {
    /// A message that is there, or one of many parts that come while they are read.
    pub struct BufferedBody<B> {
        #[pin]
        content: Content<B>,
    }
}

pin_project! {
    #[project = ContentProjection]
    enum Content<B> {
        Whole { message: Option<Bytes> },
        Parts { #[pin] body: B, max_wait: Option<Duration>, waiting: Option<Pin<Box<Sleep>>> },
    }
}

impl<B> BufferedBody<B> {
    /// All that was sent.
    pub(super) fn whole(message: Bytes) -> Self {
        let message = Some(message).filter(|message| !message.is_empty());
        BufferedBody { content: Content::Whole { message } }
    }

    /// What is being sent. The next part is waited for as long as `max_wait` says.
    pub(super) fn in_parts(body: B, max_wait: Option<Duration>) -> Self {
        BufferedBody { content: Content::Parts { body, max_wait, waiting: None } }
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl<B> Body for BufferedBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().content.project() {
            ContentProjection::Whole { message } => Poll::Ready(message.take().map(|message| Ok(Frame::data(message)))),
            ContentProjection::Parts { body, max_wait, waiting } => {
                if let Poll::Ready(frame) = body.poll_frame(cx) {
                    *waiting = None;
                    return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
                }
                let Some(max_wait) = *max_wait else { return Poll::Pending };
                let sleep = waiting.get_or_insert_with(|| Box::pin(sleep(max_wait)));
                sleep.as_mut().poll(cx).map(|()| Some(Err(status::not_buffered(BufferingError::TooSlow).into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole { message } => message.is_none(),
            Content::Parts { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole { message } => {
                let bytes = message.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(bytes).unwrap_or(u64::MAX))
            }
            Content::Parts { body, .. } => body.size_hint(),
        }
    }
}
