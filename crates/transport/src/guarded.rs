//! A byte stream that counts the bytes read and fails writes that stall.
//!
//! hyper has no timeout for the HTTP/2 preface, and its pings do not detect a dead peer while they are queued behind data
//! that the peer does not read.

use pin_project_lite::pin_project;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

pin_project! {
    /// A stream whose reads are counted and whose writes have a limit.
    pub(super) struct Guarded<IO> {
        #[pin]
        io: IO,
        heard: Arc<AtomicUsize>,
        stall: Option<Duration>,
        // The stall timer; set while a write is pending.
        waiting: Option<Pin<Box<Sleep>>>,
    }
}

/// The number of bytes read from a stream so far.
#[derive(Clone)]
pub(super) struct Heard(Arc<AtomicUsize>);

impl Heard {
    pub(super) fn bytes(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl<IO> Guarded<IO> {
    /// Writes that make no progress for `stall` fail.
    pub(super) fn new(io: IO, stall: Option<Duration>) -> (Self, Heard) {
        let heard = Arc::new(AtomicUsize::new(0));
        (Guarded { io, heard: Arc::clone(&heard), stall, waiting: None }, Heard(heard))
    }

    pub(super) fn into_inner(self) -> IO {
        self.io
    }
}

/// Passes on a write's result, or fails it once it has been pending for `stall`.
fn limited<T>(
    written: Poll<io::Result<T>>,
    stall: Option<Duration>,
    waiting: &mut Option<Pin<Box<Sleep>>>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<T>> {
    match (written, stall) {
        (Poll::Pending, Some(stall)) => {
            let over = waiting.get_or_insert_with(|| Box::pin(sleep(stall))).as_mut().poll(cx);
            over.map(|()| {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing: a write made no progress in time"))
            })
        }
        (written, _) => {
            *waiting = None;
            written
        }
    }
}

impl<IO: AsyncRead> AsyncRead for Guarded<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buffer.filled().len();
        let read = this.io.poll_read(cx, buffer);
        this.heard.fetch_add(buffer.filled().len() - before, Relaxed);
        read
    }
}

impl<IO: AsyncWrite> AsyncWrite for Guarded<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        limited(this.io.poll_write(cx, bytes), *this.stall, this.waiting, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        limited(this.io.poll_write_vectored(cx, slices), *this.stall, this.waiting, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        limited(this.io.poll_flush(cx), *this.stall, this.waiting, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        limited(this.io.poll_shutdown(cx), *this.stall, this.waiting, cx)
    }
}

/// The instant at which a connection opened now reaches `age`, less a random tenth, so that connections that were opened
/// together do not end together.
pub(super) fn jittered(age: Duration) -> Option<Instant> {
    Instant::now().checked_add(age.mul_f64(1.0 - 0.1 * fastrand::f64()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    #[tokio::test(start_paused = true)]
    async fn ages_are_up_to_a_tenth_apart() {
        let (began, age) = (Instant::now(), Duration::from_secs(1000));
        let ages: Vec<_> = (0..1000).map(|_| jittered(age).unwrap() - began).collect();
        let (least, most) = (*ages.iter().min().unwrap(), *ages.iter().max().unwrap());
        assert!(least >= age.mul_f64(0.9) && most <= age, "{least:?} to {most:?}");
        assert!(most - least > age.mul_f64(0.05), "{least:?} to {most:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_waits_too_long_fails() {
        let (ours, _theirs) = duplex(4);
        let (mut guarded, _) = Guarded::new(ours, Some(Duration::from_secs(3)));
        let began = Instant::now();
        let error = guarded.write_all(b"more than four").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_that_reads_is_waited_for() {
        let (ours, mut theirs) = duplex(4);
        let (mut guarded, _) = Guarded::new(ours, Some(Duration::from_secs(3)));
        let reader = tokio::spawn(async move {
            let mut bytes = [0; 4];
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_secs(2)).await;
                theirs.read_exact(&mut bytes).await.unwrap();
            }
        });
        guarded.write_all(b"sixteen in total").await.unwrap();
        reader.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_read_is_counted() {
        let (ours, mut theirs) = duplex(64);
        let (mut guarded, heard) = Guarded::new(ours, None);
        assert_eq!(heard.bytes(), 0);
        theirs.write_all(b"hello").await.unwrap();
        guarded.read_exact(&mut [0; 5]).await.unwrap();
        assert_eq!(heard.bytes(), 5);
    }
}
