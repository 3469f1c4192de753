//! Reads a body that anyone may have sent: within a size, a time, and an amount of memory for all of them together.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::outcome::Outcome;

/// Memory is counted in pieces of this many bytes.
const PIECE: usize = 1024;

/// The memory for the bodies of all requests together. It is taken as bytes come in, not as they are announced.
#[derive(Debug, Clone)]
pub(super) struct BodyMemory(Arc<Semaphore>);

impl BodyMemory {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / PIECE).min(Semaphore::MAX_PERMITS))))
    }

    fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let pieces = u32::try_from(bytes.div_ceil(PIECE)).ok()?;
        Arc::clone(&self.0).try_acquire_many_owned(pieces).ok()
    }
}

/// A body, and the memory it takes; to be held for as long as the bytes are.
pub(super) struct HeldBody {
    pub(super) bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most `limit` bytes within `time`.
///
/// # Errors
/// [`Outcome::TooLarge`], [`Outcome::BodyTimedOut`], [`Outcome::BodyIncomplete`], [`Outcome::Busy`].
pub(super) async fn read(body: Body, limit: usize, time: Duration, memory: &BodyMemory) -> Result<HeldBody, Outcome> {
    timeout(time, collect(body, limit, memory)).await.unwrap_or(Err(Outcome::BodyTimedOut))
}

async fn collect(mut body: Body, limit: usize, memory: &BodyMemory) -> Result<HeldBody, Outcome> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut held: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        // Trailers are none of the body.
        let Ok(data) = frame.map_err(|_| Outcome::BodyIncomplete)?.into_data() else { continue };
        if first.len() + all.len() + data.len() > limit {
            return Err(Outcome::TooLarge);
        }
        let more = memory.take(data.len()).ok_or(Outcome::Busy)?;
        match &mut held {
            None => held = Some(more),
            Some(held) => held.merge(more),
        }
        // Most bodies come in one piece, which is then not copied.
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    let bytes = if all.is_empty() { first } else { all.freeze() };
    Ok(HeldBody { bytes, _memory: held })
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn chunks(chunks: &'static [&'static str]) -> Body {
        Body::from_stream(stream::iter(chunks.iter().map(|chunk| Ok::<_, std::io::Error>(*chunk))))
    }

    async fn read_within(body: Body, limit: usize, memory: &BodyMemory) -> Result<HeldBody, Outcome> {
        read(body, limit, Duration::from_secs(60), memory).await
    }

    #[tokio::test]
    async fn the_pieces_add_up_and_the_limit_is_of_their_sum() {
        let memory = BodyMemory::new(10 * PIECE);
        for (pieces, whole) in [(&[][..], ""), (&["abc"][..], "abc"), (&["ab", "", "c", "def"][..], "abcdef")] {
            assert_eq!(read_within(chunks(pieces), 6, &memory).await.unwrap().bytes, whole);
        }
        assert_eq!(read_within(chunks(&["abc", "defg"]), 6, &memory).await.err(), Some(Outcome::TooLarge));
        assert_eq!(read_within(chunks(&["abcdefg"]), 6, &memory).await.err(), Some(Outcome::TooLarge));
    }

    #[tokio::test]
    async fn memory_is_shared_and_given_back() {
        let memory = BodyMemory::new(2 * PIECE);
        let one = read_within(chunks(&["a"]), 9, &memory).await.unwrap();
        let two = read_within(chunks(&["b"]), 9, &memory).await.unwrap();
        assert_eq!(read_within(chunks(&["c"]), 9, &memory).await.err(), Some(Outcome::Busy));
        drop(one);
        assert!(read_within(chunks(&["d"]), 9, &memory).await.is_ok());
        drop(two);
        assert_eq!(memory.0.available_permits(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_and_one_that_breaks_are_told_apart() {
        let memory = BodyMemory::new(2 * PIECE);
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read_within(never, 9, &memory).await.err(), Some(Outcome::BodyTimedOut));
        let broken = stream::iter([Ok("a"), Err(std::io::Error::other("broken"))]);
        assert_eq!(read_within(Body::from_stream(broken), 9, &memory).await.err(), Some(Outcome::BodyIncomplete));
    }
}
