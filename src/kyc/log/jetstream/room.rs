//! How much room the stream has left. Any replica makes some, and an operator may; so it is looked at again and again.

use std::sync::atomic::{AtomicI64, Ordering};

use async_nats::jetstream::stream::Info;

use crate::kyc::log::fullness::Fullness;

/// What is known of it.
#[derive(Debug)]
pub(super) struct Room {
    /// How many bytes the stream holds, and may hold, as of the last look.
    bytes: AtomicI64,
    limit: AtomicI64,
    /// How many it had left when it last refused something, or since, at the least.
    left_when_refused: AtomicI64,
    full: Fullness,
}

impl Room {
    /// In a stream that says this of itself.
    pub(super) fn of(info: &Info) -> Self {
        let (bytes, limit) = size(info);
        Self {
            bytes: AtomicI64::new(bytes),
            limit: AtomicI64::new(limit),
            left_when_refused: AtomicI64::new(0),
            full: Fullness::default(),
        }
    }

    /// Whether the stream refuses what is new.
    pub(super) fn is_full(&self) -> bool {
        self.full.is_full()
    }

    /// The stream refuses what does not fit: some room is to be made before it comes to that.
    pub(super) fn is_short(&self) -> bool {
        self.is_full() || self.bytes.load(Ordering::Relaxed) > self.limit.load(Ordering::Relaxed) / 20 * 19
    }

    /// The stream was looked at.
    pub(super) fn seen(&self, info: &Info) {
        let (bytes, limit) = size(info);
        self.bytes.store(bytes, Ordering::Relaxed);
        self.limit.store(limit, Ordering::Relaxed);
        if !self.is_full() {
            return;
        }
        // A server may also refuse because of other limits than the stream's; then only something that fits says otherwise.
        let left = limit.saturating_sub(bytes);
        if left > self.left_when_refused.fetch_min(left, Ordering::Relaxed) {
            self.full.set(false);
        }
    }

    /// Something did not fit.
    pub(super) fn refused(&self) {
        let left = self.limit.load(Ordering::Relaxed).saturating_sub(self.bytes.load(Ordering::Relaxed));
        self.left_when_refused.store(left, Ordering::Relaxed);
        self.full.set(true);
    }

    /// Something did.
    pub(super) fn taken(&self) {
        if self.is_full() {
            self.full.set(false);
        }
    }
}

fn size(info: &Info) -> (i64, i64) {
    let limit = Some(info.config.max_bytes).filter(|limit| *limit > 0).unwrap_or(i64::MAX);
    (i64::try_from(info.state.bytes).unwrap_or(i64::MAX), limit)
}
