//! How much room the stream has left. Any replica makes some, and an operator may; so it is looked at again and again.

use std::sync::atomic::{AtomicI64, Ordering};

use async_nats::jetstream::stream::Info;

use crate::log::trouble::Troubles;

/// What is known of it.
#[derive(Debug)]
pub(super) struct Room {
    /// How many bytes the stream holds, and may hold, as of the last look.
    bytes: AtomicI64,
    limit: AtomicI64,
    /// How many it had left when it last refused something, or since, at the least.
    left_when_refused: AtomicI64,
    troubles: Troubles,
}

impl Room {
    /// In a stream that says this of itself.
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

    /// Whether the stream refuses what is new.
    pub(super) fn is_full(&self) -> bool {
        self.troubles.is_full()
    }

    /// Everything that keeps the log from recording.
    pub(super) fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    /// The stream refuses what does not fit: some room is to be made before it comes to that.
    pub(super) fn is_short(&self) -> bool {
        self.is_full() || self.bytes.load(Ordering::Relaxed) > self.limit.load(Ordering::Relaxed) / 20 * 19
    }

    /// The stream was looked at.
    pub(super) fn seen(&self, info: &Info) {
        let (bytes, limit) = size(info);
        self.holds(bytes, limit);
    }

    fn holds(&self, bytes: i64, limit: i64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.limit.store(limit, Ordering::Relaxed);
        if !self.is_full() {
            return;
        }
        // A server may also refuse because of other limits than the stream's; then only something that fits says otherwise.
        let left = limit.saturating_sub(bytes);
        if left > self.left_when_refused.fetch_min(left, Ordering::Relaxed) {
            self.troubles.set_full(false);
        }
    }

    /// Something did not fit.
    pub(super) fn refused(&self) {
        let left = self.limit.load(Ordering::Relaxed).saturating_sub(self.bytes.load(Ordering::Relaxed));
        self.left_when_refused.store(left, Ordering::Relaxed);
        self.troubles.set_full(true);
        self.troubles.refused();
    }

    /// Something did.
    pub(super) fn taken(&self) {
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
    fn full() -> Room {
        let room = Room::new(90, 100);
        assert!(!room.is_full() && !room.is_short());
        room.refused();
        room.holds(98, 100);
        assert!(room.is_full() && room.is_short());
        room
    }

    #[test]
    fn it_is_full_until_there_is_more_room_or_something_fits() {
        for (bytes, limit) in [(98, 100), (99, 100)] {
            let room = full();
            room.holds(bytes, limit);
            assert!(room.is_full(), "{bytes} of {limit}");
        }
        for (bytes, limit, is_short) in [(97, 100, true), (50, 100, false), (98, 200, false)] {
            let room = full();
            room.holds(bytes, limit);
            assert_eq!((room.is_full(), room.is_short()), (false, is_short), "{bytes} of {limit}");
        }
        let room = full();
        room.taken();
        assert!(!room.is_full());
    }

    #[test]
    fn a_server_that_refuses_although_the_stream_has_room_is_believed() {
        let room = Room::new(10, 100);
        room.refused();
        room.holds(10, 100);
        assert!(room.is_full());
    }
}
