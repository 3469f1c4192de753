//! For how long opening a log may go on failing: not from when it began, since reading a large log takes long, but from
//! when it last came further than ever.

use tokio::time::{Duration, Instant};

/// So many tries there are at least, however long each of them takes.
const TRIES: u32 = 5;

/// How far opening has come, over all tries.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    head: u64,
    event: u64,
    /// Whether this try came further than those before it.
    gets_on: bool,
    since: Instant,
    tries: u32,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, head: 0, event: 0, gets_on: false, since: Instant::now(), tries: 0 }
    }

    /// How long one step may take.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// The heads were read up to this sequence of their stream.
    pub(super) fn came_to_head(&mut self, sequence: u64) {
        self.gets_on |= sequence > self.head;
        self.head = self.head.max(sequence);
    }

    /// The events were read up to here, or those before are gone.
    pub(super) fn came_to_event(&mut self, sequence: u64) {
        self.gets_on |= sequence > self.event;
        self.event = self.event.max(sequence);
    }

    /// A try failed. Whether there is to be no other.
    pub(super) fn is_over(&mut self) -> bool {
        if std::mem::take(&mut self.gets_on) {
            (self.since, self.tries) = (Instant::now(), 0);
            return false;
        }
        self.tries += 1;
        self.tries >= TRIES && self.since.elapsed() >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_over_when_tries_fail_for_long_that_come_no_further() {
        let mut patience = Patience::new(Duration::from_secs(30));
        for round in 1..4 {
            patience.came_to_head(10);
            patience.came_to_event(round);
            tokio::time::advance(Duration::from_secs(100)).await;
            assert!(!patience.is_over(), "it came further");
            for _ in 1..TRIES {
                patience.came_to_event(round);
                tokio::time::advance(Duration::from_secs(10)).await;
                assert!(!patience.is_over(), "{patience:?}");
            }
        }
        assert!(patience.is_over());
    }

    #[tokio::test(start_paused = true)]
    async fn many_tries_are_not_over_before_their_time() {
        let mut patience = Patience::new(Duration::from_secs(30));
        for _ in 0..29 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(!patience.is_over());
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(patience.is_over());
    }
}
