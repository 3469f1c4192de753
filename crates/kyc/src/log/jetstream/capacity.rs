//! How much room the stream has left. Any replica, or an operator, may make room; so it is updated again and again.

use std::sync::atomic::{AtomicI64, Ordering};

use async_nats::jetstream::stream::Info;

use crate::log::trouble::Troubles;

/// The stream's size and limit in bytes, as of the last look, and the troubles of recording.
#[derive(Debug)]
pub(super) struct Capacity {
    bytes: AtomicI64,
    limit: AtomicI64,
    /// The bytes left when it last refused a message, or the least since.
    left_when_refused: AtomicI64,
    troubles: Troubles,
}

impl Capacity {
    pub(super) fn of(info: &Info) -> Self {
        let (bytes, limit) = size(info);
        Self::new(bytes, limit)
    }

    fn new(bytes: i64, limit: i64) -> Self {
        Self {
            bytes: AtomicI64::new(bytes),
            limit: AtomicI64::new(limit),
            left_when_refused: AtomicI64::new(0),
            troubles: Troubles::default(),
        }
    }

    /// Whether the stream refuses new messages.
    pub(super) fn is_full(&self) -> bool {
        self.troubles.is_full()
    }

    pub(super) fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    /// Whether events are to be deleted for the stream's size: before it refuses.
    pub(super) fn is_short(&self) -> bool {
        self.is_full() || self.bytes.load(Ordering::Relaxed) > self.limit.load(Ordering::Relaxed) / 20 * 19
    }

    /// Updates the size and limit.
    pub(super) fn update(&self, info: &Info) {
        let (bytes, limit) = size(info);
        self.set(bytes, limit);
    }

    fn set(&self, bytes: i64, limit: i64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.limit.store(limit, Ordering::Relaxed);
        if !self.is_full() {
            return;
        }
        // A server may also refuse because of a limit other than the stream's; then only a message that fits proves otherwise.
        let left = limit.saturating_sub(bytes);
        if left > self.left_when_refused.fetch_min(left, Ordering::Relaxed) {
            self.troubles.set_full(false);
        }
    }

    /// The stream refused a message for lack of capacity.
    pub(super) fn refused(&self) {
        let left = self.limit.load(Ordering::Relaxed).saturating_sub(self.bytes.load(Ordering::Relaxed));
        self.left_when_refused.store(left, Ordering::Relaxed);
        self.troubles.set_full(true);
        self.troubles.refused();
    }

    /// The stream accepted a message.
    pub(super) fn accepted(&self) {
        self.troubles.works();
        self.troubles.set_full(false);
    }
}

fn size(info: &Info) -> (i64, i64) {
    let limit = Some(info.config.max_bytes).filter(|limit| *limit > 0).unwrap_or(i64::MAX);
    (i64::try_from(info.state.bytes).unwrap_or(i64::MAX), limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that had 2 bytes of 100 left when it refused something.
    fn full() -> Capacity {
        let capacity = Capacity::new(90, 100);
        assert!(!capacity.is_full() && !capacity.is_short());
        capacity.refused();
        capacity.set(98, 100);
        assert!(capacity.is_full() && capacity.is_short());
        capacity
    }

    #[test]
    fn it_is_full_until_there_is_more_room_or_something_fits() {
        for (bytes, limit) in [(98, 100), (99, 100)] {
            let capacity = full();
            capacity.set(bytes, limit);
            assert!(capacity.is_full(), "{bytes} of {limit}");
        }
        for (bytes, limit, is_short) in [(97, 100, true), (50, 100, false), (98, 200, false)] {
            let capacity = full();
            capacity.set(bytes, limit);
            assert_eq!((capacity.is_full(), capacity.is_short()), (false, is_short), "{bytes} of {limit}");
        }
        let capacity = full();
        capacity.accepted();
        assert!(!capacity.is_full());
    }

    #[test]
    fn a_server_that_refuses_although_the_stream_has_room_is_believed() {
        let capacity = Capacity::new(10, 100);
        capacity.refused();
        capacity.set(10, 100);
        assert!(capacity.is_full());
    }
}
