//! An end for answers that nobody takes.
//!
//! HTTP/2 asks for no more of an answer while its receiver gives no room for it, for as long as the connection lives:
//! the answer waits, whatever deadline it has of its own, since nobody asks it. Its task is what can be ended.

use pin_project_lite::pin_project;
use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep_until};

tokio::task_local! {
    /// When the request whose task runs now ends.
    static END: Cell<Option<Instant>>;
}

/// Ends the request that is being answered at this instant, whether or not its answer was taken by then: its stream is
/// reset. Has an effect where a request's answer is being made over HTTP/2.
pub fn end_answer_at(instant: Instant) {
    // Elsewhere there is nothing that could wait for ever.
    let _ = END.try_with(|end| end.set(Some(instant)));
}

pin_project! {
    /// The task of one request, which ends when it is done, or when it was said to.
    pub(super) struct Answering<F> {
        #[pin]
        request: F,
        end: Option<Instant>,
        timer: Option<Pin<Box<Sleep>>>,
    }
}

impl<F> Answering<F> {
    pub(super) fn new(request: F) -> Self {
        Answering { request, end: None, timer: None }
    }
}

impl<F: Future> Future for Answering<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let (polled, end) = END.sync_scope(Cell::new(*this.end), || (this.request.poll(cx), END.with(Cell::get)));
        *this.end = end;
        match (polled, end) {
            (Poll::Ready(_), _) => Poll::Ready(()),
            (Poll::Pending, None) => Poll::Pending,
            (Poll::Pending, Some(end)) => {
                this.timer.get_or_insert_with(|| Box::pin(sleep_until(end))).as_mut().poll(cx)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_when_it_was_said_to_and_others_do_not() {
        let began = Instant::now();
        let end = began + Duration::from_secs(3);
        Answering::new(async {
            end_answer_at(end);
            std::future::pending::<()>().await;
        })
        .await;
        assert_eq!(Instant::now(), end);
        let endless = Answering::new(std::future::pending::<()>());
        assert!(tokio::time::timeout(Duration::from_secs(3600), endless).await.is_err());
        end_answer_at(end);
    }
}
