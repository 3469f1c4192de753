//! Knowing how current this replica is: by asking the stream's leader for its end, again and again. And knowing when a stream
//! that refused accepts messages again: by publishing one that says nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{MissedTickBehavior, interval};

use super::publish::{Publish, Published, publish};
use super::tail::FILLER;
use super::{Shared, connect, streams};

/// How often the leader is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How often a stream that refused is tried.
const TRY_EVERY: Duration = Duration::from_secs(5);
/// After how many looks without a new event, while the stream has more, following begins again.
const LOOKS_WITHOUT_PROGRESS: u32 = 3;

impl Shared {
    /// Looks until the log closes.
    pub(super) async fn probe(self: Arc<Self>) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut without_progress = 0;
        let mut applied_before = 0;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.closing.cancelled() => return,
            }
            let asked_at = self.clock.now();
            let Ok(info) = self.streams.events.get_info().await else { continue };
            if !streams::is_certain(&info) {
                continue;
            }
            self.room.seen(&info);
            let (applied, last) = (*self.applied.borrow(), info.state.last_sequence);
            // What arrived since the leader was asked does not count: a stream that has it says so when it is asked again.
            if last < applied && self.still_ends_before(applied).await {
                return self.fail("the stream has lost events that it had");
            }
            if applied >= last {
                without_progress = 0;
                self.knew_the_end(asked_at);
            } else {
                // Under way: it is known as soon as it is here.
                let soon = tokio::time::Instant::now() + EVERY;
                if self.wait_applied(last, soon).await {
                    self.knew_the_end(asked_at);
                }
                without_progress = if applied == applied_before { without_progress + 1 } else { 0 };
                if without_progress >= LOOKS_WITHOUT_PROGRESS {
                    without_progress = 0;
                    self.stalled.notify_waiters();
                }
            }
            applied_before = applied;
        }
    }

    /// While the stream refuses, tries until the log closes whether it accepts messages again. There may be no webhook that
    /// would show it: a replica that is not ready gets none.
    pub(super) async fn try_again(self: Arc<Self>) {
        let mut ticks = interval(TRY_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.closing.cancelled() => return,
            }
            if self.room.troubles().of_store().is_none() {
                continue;
            }
            // A subject of its own, so that no earlier try is in the way.
            let number = self.records.fetch_add(1, Ordering::Relaxed);
            let filler = Publish {
                stream: self.names.events(),
                subject: format!("{}.gap.{}-{number}", self.names.prefix, self.writer),
                message_id: None,
                expected: 0,
                writer: None,
                trace: None,
                payload: Bytes::from_static(FILLER),
            };
            let published = tokio::select! {
                published = publish(&self.client, &filler, connect::REQUEST) => published,
                () = self.closing.cancelled() => return,
            };
            match published {
                Published::There(_) | Published::Duplicate(_) => self.room.taken(),
                // It is another trouble now, which ends when there is room.
                Published::Full => {
                    self.room.refused();
                    self.room.troubles().works();
                }
                Published::Moved => {}
                Published::Unknown(reason) | Published::Refused(reason) => self.cannot_record(&reason),
            }
        }
    }

    async fn still_ends_before(&self, applied: u64) -> bool {
        let Ok(info) = self.streams.events.get_info().await else { return false };
        streams::is_certain(&info) && info.state.last_sequence < applied
    }
}
