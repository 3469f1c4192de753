//! A deadline for responses that the client does not read.
//!
//! While the client grants no flow-control window, HTTP/2 does not poll the response's body, so a deadline inside the body
//! never fires and the response could wait as long as the connection lives. The deadline here is that of the request's
//! task, which is polled.

use pin_project_lite::pin_project;
use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep_until};

tokio::task_local! {
    /// The deadline of the request whose task is being polled.
    static END: Cell<Option<Instant>>;
}

/// Sets the deadline of the current request: at `instant` its stream is reset, whether or not the client has read the
/// response. Only has an effect in the task of an HTTP/2 request.
pub fn end_answer_at(instant: Instant) {
    // Outside of such a task, no response can wait forever.
    let _ = END.try_with(|end| end.set(Some(instant)));
}

pin_project! {
    /// The task of one request: ends when the request completes or at its deadline.
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
