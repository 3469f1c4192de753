//! Follows the stream: every message, in order, into this replica's tables and its hub. And probes it: how current this replica is,
//! and whether a stream that refused accepts messages again.
//!
//! A consumer that is asked for a deleted sequence silently starts elsewhere, and one asked for a sequence beyond the end waits, even if
//! the stream has lost its end. So each sequence is checked against the one before.

use std::sync::Arc;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull::MessagesError;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use bytes::Bytes;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep};

use super::message::{self, FILLER};
use super::publish::{Publish, Published, TRACE, publish};
use super::replica::Replica;
use super::{connect, streams};
use crate::event::Outcome;
use crate::id::{ObservationId, Position};
use crate::log::store::LogError;
use crate::log::tables::mirror::Entry;

/// How many messages are requested at once.
const REQUESTED: usize = 2000;
/// The most messages in one commit.
const MOST_PER_COMMIT: usize = 500;
/// A consumer that is silent for twice as long is gone.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long this replica's tables may refuse writes until the log closes.
const HOPELESS: Duration = Duration::from_secs(10);
/// How often the leader is asked for the end of the stream.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// Following starts again after this many probes without a new message, while the stream has more.
const PROBES_WITHOUT_PROGRESS: u32 = 3;
/// How often a stream that refused is tried.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// Why following ended.
enum Broken {
    /// It may work the next time.
    Temporary(String),
    /// The stream is not what it was.
    Stream(String),
    /// This replica's tables refuse writes.
    Tables(LogError),
}

fn temporary(error: impl std::fmt::Display) -> Broken {
    Broken::Temporary(error.to_string())
}

/// An ephemeral consumer.
pub(super) fn ephemeral_consumer(first: u64) -> pull::Config {
    pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: first },
        ack_policy: AckPolicy::None,
        inactive_threshold: Duration::from_secs(30),
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    }
}

/// Messages that follow the last one in the tables.
struct Arrived {
    entries: Vec<Entry>,
    /// The trace contexts of those that watchers will hear of.
    traces: Vec<(ObservationId, String)>,
    /// The sequence of the last.
    applied: u64,
    recorded_at: Timestamp,
}

impl Arrived {
    /// Adds the next message.
    fn push(&mut self, message: Result<Message, MessagesError>) -> Result<(), Broken> {
        let message = message.map_err(temporary)?;
        let sequence = message.info().map_err(temporary)?.stream_sequence;
        if sequence != self.applied + 1 {
            // Asking again shows whether the messages between are deleted, or were lost on the way.
            return Err(temporary(format!("{sequence} came after {}", self.applied)));
        }
        if message.payload.as_ref() != FILLER {
            let entry = message::decode(&message.payload, Position::new(sequence), self.recorded_at)
                .map_err(|error| Broken::Stream(format!("the event at {sequence} cannot be read: {error}")))?;
            self.recorded_at = entry.event.recorded_at;
            if entry.event.outcome == Outcome::Change
                && let Some(trace) = message.headers.as_ref().and_then(|headers| headers.get(TRACE))
            {
                self.traces.push((entry.event.observation.id.clone(), trace.to_string()));
            }
            self.entries.push(entry);
        }
        self.applied = sequence;
        Ok(())
    }
}

impl Replica {
    /// Follows until the log closes.
    pub(super) async fn follow(self: Arc<Self>) {
        const SHORTEST: Duration = Duration::from_millis(20);
        let mut wait = SHORTEST;
        let mut failing_since = None;
        while !self.closing.is_cancelled() {
            let before = *self.applied.borrow();
            let broken = tokio::select! {
                () = self.closing.cancelled() => return,
                followed = self.try_follow() => followed.err().unwrap_or_else(|| temporary("the consumer ended")),
            };
            wait = if *self.applied.borrow() > before {
                if failing_since.take().is_some() {
                    tracing::info!("this replica's tables can be written to again");
                }
                SHORTEST
            } else {
                (wait * 2).min(Duration::from_millis(500))
            };
            match broken {
                Broken::Stream(why) => return self.fail(&why),
                Broken::Temporary(why) => tracing::debug!(why, "following the event log starts again"),
                Broken::Tables(error) => match failing_since {
                    None => {
                        failing_since = Some(Instant::now());
                        tracing::error!(%error, "this replica's tables cannot be written to; it receives no events");
                    }
                    // After a restart the replica makes its tables anew, perhaps elsewhere.
                    Some(since) if since.elapsed() >= HOPELESS => {
                        return self.fail(&format!("this replica's tables cannot be written to: {error}"));
                    }
                    Some(_) => {}
                },
            }
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    async fn try_follow(&self) -> Result<(), Broken> {
        self.check_end().await?;
        let next = *self.applied.borrow() + 1;
        let consumer = self.streams.events.create_consumer(ephemeral_consumer(next)).await.map_err(temporary)?;
        let messages = consumer.stream().max_messages_per_batch(REQUESTED).heartbeat(HEARTBEAT);
        let mut messages = messages.messages().await.map_err(temporary)?.ready_chunks(MOST_PER_COMMIT);
        loop {
            let chunk = tokio::select! {
                chunk = messages.next() => chunk,
                () = self.stalled.notified() => return Err(temporary("it fell silent")),
            };
            let Some(chunk) = chunk else { return Ok(()) };
            let (applied, recorded_at) = (*self.applied.borrow(), self.times().last());
            let mut arrived = Arrived { entries: Vec::new(), traces: Vec::new(), applied, recorded_at };
            let pushed = chunk.into_iter().try_for_each(|message| arrived.push(message));
            // What came before a message that cannot be used is applied first.
            self.apply(arrived).await?;
            pushed?;
        }
    }

    /// Checks that the stream still has the last message that this replica applied.
    async fn check_end(&self) -> Result<(), Broken> {
        let end = self.hub.end();
        let info = self.streams.events.get_info().await.map_err(temporary)?;
        if !streams::is_certain(&info) {
            return Err(temporary("the stream has no leader with a quorum"));
        }
        let (first, last, applied) = (info.state.first_sequence, info.state.last_sequence, *self.applied.borrow());
        if last < applied {
            return Err(Broken::Stream(format!("the stream ends at {last}, and had events up to {applied}")));
        }
        if first > applied + 1 {
            return Err(Broken::Stream(format!("events after {applied} are gone from the stream, up to {first}")));
        }
        let position = end.position.get();
        if position < first {
            return Ok(());
        }
        let found = self.streams.events.get_raw_message(position).await.map_err(temporary)?;
        match message::decode(&found.payload, end.position, Timestamp::MIN) {
            Ok(entry) if entry.event.fingerprint() == end.fingerprint => Ok(()),
            Ok(_) | Err(_) => Err(Broken::Stream(format!("the stream has another event at {position} than it had"))),
        }
    }

    /// Commits messages to the tables, and then publishes them to watchers.
    async fn apply(&self, arrived: Arrived) -> Result<(), Broken> {
        let Arrived { entries, traces, applied, recorded_at } = arrived;
        let mut events = Vec::new();
        if !entries.is_empty() {
            let mirror = Arc::clone(&self.mirror);
            let written = tokio::task::spawn_blocking(move || mirror.apply(entries)).await;
            events = written.map_err(temporary)?.map_err(Broken::Tables)?;
            self.times().recorded(recorded_at, self.clock.as_ref());
        }
        let wakes = events.last().map(|last| last.mark()).map(|end| {
            if let Some(links) = &self.options.metrics.traces {
                traces.iter().for_each(|(id, trace)| links.arrived(id, trace));
            }
            self.hub.publish(events, end)
        });
        self.applied.send_replace(applied);
        if let Some(wakes) = wakes {
            wakes.wake();
        }
        Ok(())
    }

    /// Asks the stream's leader for the end of the stream until the log closes.
    pub(super) async fn probe(self: Arc<Self>) {
        let mut without_progress = 0;
        let mut applied_before = 0;
        let mut ticks = ticks(PROBE_EVERY);
        while self.tick(&mut ticks).await {
            let asked_at = self.clock.now();
            let Ok(info) = self.streams.events.get_info().await else { continue };
            if !streams::is_certain(&info) {
                continue;
            }
            self.capacity.update(&info);
            let (applied, last) = (*self.applied.borrow(), info.state.last_sequence);
            // Messages that arrived after asking do not count: a stream that has them says so when it is asked again.
            if last < applied && self.still_ends_before(applied).await {
                return self.fail("the stream has lost events that it had");
            }
            if applied >= last {
                without_progress = 0;
                self.knew_the_end(asked_at);
            } else {
                // The end is known as soon as it has arrived here.
                if self.wait_applied(last, Instant::now() + PROBE_EVERY).await {
                    self.knew_the_end(asked_at);
                }
                without_progress = if applied == applied_before { without_progress + 1 } else { 0 };
                if without_progress >= PROBES_WITHOUT_PROGRESS {
                    without_progress = 0;
                    self.stalled.notify_waiters();
                }
            }
            applied_before = applied;
        }
    }

    async fn still_ends_before(&self, applied: u64) -> bool {
        let Ok(info) = self.streams.events.get_info().await else { return false };
        streams::is_certain(&info) && info.state.last_sequence < applied
    }

    /// While the stream refuses, publishes fillers until the log closes, to find out when it accepts messages again. There may be no
    /// webhook that would show it: a replica that is not ready gets none.
    pub(super) async fn retry_stream(self: Arc<Self>) {
        let mut ticks = ticks(TRY_EVERY);
        while self.tick(&mut ticks).await {
            if self.capacity.troubles().of_store().is_none() {
                continue;
            }
            // A new subject, so that no earlier try conflicts.
            let subject = self.names.filler_subject(&self.new_writer());
            let filler = Publish::first(self.names.events(), subject, Bytes::from_static(FILLER));
            let published = tokio::select! {
                published = publish(&self.client, &filler, connect::REQUEST) => published,
                () = self.closing.cancelled() => return,
            };
            match published {
                Published::There(_) | Published::Duplicate(_) => self.capacity.accepted(),
                // Now it is another trouble, which ends when there is room.
                Published::Full => {
                    self.capacity.refused();
                    self.capacity.troubles().works();
                }
                Published::Moved => {}
                Published::Unknown(reason) | Published::Refused(reason) => self.cannot_record(&reason),
            }
        }
    }

    /// Waits for the next tick; false: the log closes.
    async fn tick(&self, ticks: &mut tokio::time::Interval) -> bool {
        tokio::select! {
            _ = ticks.tick() => true,
            () = self.closing.cancelled() => false,
        }
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
