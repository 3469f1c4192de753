//! A port's counters since it was opened.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The counters of a port, shared with the metrics.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: AtomicU64,
    closed: AtomicU64,
    turned_away: AtomicU64,
    handshakes_failed: AtomicU64,
    silent: AtomicU64,
    aged: AtomicU64,
    cut: AtomicU64,
    gave_way: AtomicU64,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Connections ever accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Connections rejected because the port was at its limit.
    pub turned_away: u64,
    /// Connections whose TLS handshake failed: for a rejected client certificate, for example.
    pub handshakes_failed: u64,
    /// Connections closed because the client sent no HTTP/2 preface, or no complete request head, in time.
    pub silent: u64,
    /// Connections that began to drain because of their age or their client certificate's expiry.
    pub aged: u64,
    /// Connections closed with requests unfinished because draining took too long.
    pub cut: u64,
    /// Connections evicted for others before they brought a request.
    pub gave_way: u64,
}

impl Counters {
    /// The counts now. They are not read atomically, so a connection may already be in one and not yet in another.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let Self { accepted, closed, turned_away, handshakes_failed, silent, aged, cut, gave_way } = self;
        // In this order, so that no connection is counted as closed and not as accepted.
        let closed = closed.load(Relaxed);
        let accepted = accepted.load(Relaxed);
        Snapshot {
            accepted,
            open: accepted.saturating_sub(closed),
            turned_away: turned_away.load(Relaxed),
            handshakes_failed: handshakes_failed.load(Relaxed),
            silent: silent.load(Relaxed),
            aged: aged.load(Relaxed),
            cut: cut.load(Relaxed),
            gave_way: gave_way.load(Relaxed),
        }
    }

    pub(super) fn count_accepted(&self) {
        self.accepted.fetch_add(1, Relaxed);
    }

    pub(super) fn count_closed(&self) {
        self.closed.fetch_add(1, Relaxed);
    }

    pub(super) fn count_turned_away(&self) {
        self.turned_away.fetch_add(1, Relaxed);
    }

    pub(super) fn count_failed_handshake(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }

    pub(super) fn count_silent(&self) {
        self.silent.fetch_add(1, Relaxed);
    }

    pub(super) fn count_aged(&self) {
        self.aged.fetch_add(1, Relaxed);
    }

    pub(super) fn count_gave_way(&self) {
        self.gave_way.fetch_add(1, Relaxed);
    }

    pub(super) fn count_cut(&self) {
        self.cut.fetch_add(1, Relaxed);
    }
}
