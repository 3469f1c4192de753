//! Following the stream: every message, in its order, into this replica's tables and its hub.
//!
//! A consumer that is asked for a sequence which is gone begins elsewhere in silence, and one asked for a sequence that is
//! not there yet waits, even where the stream has lost its end. So each sequence is checked against the one before.

use std::sync::Arc;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::MessagesError;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use tokio::time::{Duration, Instant, sleep};

use super::load::passing_consumer;
use super::publish::TRACE;
use super::{Shared, message, streams};
use crate::event::Outcome;
use crate::id::{ObservationId, Position};
use crate::log::LogError;
use crate::log::sqlite::view::Entry;
use crate::token::Mark;

/// How many messages are asked for at once.
const ASKED_AT_ONCE: usize = 2000;
/// How many are taken in one commit, when that many are there.
const TAKEN_AT_ONCE: usize = 500;
/// A consumer that says nothing for twice as long is gone.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long this replica's tables may take nothing until the log closes.
const HOPELESS: Duration = Duration::from_secs(10);
/// The payload of a message that is no event: it stands where another log had none, or was a try whether the stream accepts
/// messages.
pub(super) const FILLER: &[u8] = b"{}";

/// Why following has to begin again, or cannot.
enum Broken {
    /// It may work the next time.
    Passing(String),
    /// The log is not what it was.
    For(String),
    /// This replica's own tables take nothing.
    Here(LogError),
}

fn passing(error: impl std::fmt::Display) -> Broken {
    Broken::Passing(error.to_string())
}

/// What a message holds.
struct Arrived {
    entry: Entry,
    /// The trace that it was recorded in.
    trace: Option<String>,
}

impl Arrived {
    /// The entry, and its id and trace if anybody will hear of it.
    fn apart(self) -> (Entry, Option<(ObservationId, String)>) {
        let Self { entry, trace } = self;
        let heard_of = match entry.event.outcome {
            Outcome::Change => trace,
            Outcome::Confirmation | Outcome::Superseded | Outcome::Unresolved => None,
        };
        let traced = heard_of.map(|trace| (entry.event.observation.id.clone(), trace));
        (entry, traced)
    }
}

impl Shared {
    /// Follows until the log closes.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut wait = Duration::from_millis(20);
        let mut failing_here = None;
        while !self.closing.is_cancelled() {
            let before = *self.applied.borrow();
            let broken = tokio::select! {
                () = self.closing.cancelled() => return,
                broken = self.follow_once() => broken,
            };
            wait = if *self.applied.borrow() > before {
                if failing_here.take().is_some() {
                    tracing::info!("this replica's tables can be written to again");
                }
                Duration::from_millis(20)
            } else {
                (wait * 2).min(Duration::from_millis(500))
            };
            match broken {
                Broken::For(why) => return self.fail(&why),
                Broken::Passing(why) => tracing::debug!(why, "following the event log begins again"),
                Broken::Here(error) => match failing_here {
                    None => {
                        failing_here = Some(Instant::now());
                        tracing::error!(%error, "this replica's tables cannot be written to; it hears of no events");
                    }
                    // Started again, the replica makes them anew, somewhere else perhaps.
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

    async fn follow_once(&self) -> Broken {
        match self.try_follow().await {
            Ok(()) => Broken::Passing("the consumer ended".to_owned()),
            Err(broken) => broken,
        }
    }

    async fn try_follow(&self) -> Result<(), Broken> {
        self.check_end().await?;
        let next = *self.applied.borrow() + 1;
        let start = DeliverPolicy::ByStartSequence { start_sequence: next };
        let consumer = self.streams.events.create_consumer(passing_consumer(start)).await.map_err(passing)?;
        let messages = consumer.stream().max_messages_per_batch(ASKED_AT_ONCE).heartbeat(HEARTBEAT);
        let mut messages = messages.messages().await.map_err(passing)?.ready_chunks(TAKEN_AT_ONCE);
        loop {
            let chunk = tokio::select! {
                chunk = messages.next() => chunk,
                () = self.stalled.notified() => return Err(passing("it fell silent")),
            };
            let Some(chunk) = chunk else { return Ok(()) };
            self.take(chunk).await?;
        }
    }

    /// Whether the stream still has the last message that was taken from it.
    async fn check_end(&self) -> Result<(), Broken> {
        let end = self.hub.end();
        let info = self.streams.events.get_info().await.map_err(passing)?;
        if !streams::is_certain(&info) {
            return Err(passing("the stream has no leader with a quorum"));
        }
        let applied = *self.applied.borrow();
        if info.state.last_sequence < applied {
            let last = info.state.last_sequence;
            return Err(Broken::For(format!("the stream ends at {last}, and had events up to {applied}")));
        }
        if info.state.first_sequence > applied + 1 {
            let first = info.state.first_sequence;
            return Err(Broken::For(format!("events after {applied} are gone from the stream, up to {first}")));
        }
        let position = end.position.get();
        if position < info.state.first_sequence {
            return Ok(());
        }
        let found = self.streams.events.get_raw_message(position).await.map_err(passing)?;
        let entry = message::decode(&found.payload, end.position, Timestamp::MIN);
        match entry {
            Ok(entry) if entry.event.fingerprint() == end.fingerprint => Ok(()),
            Ok(_) | Err(_) => Err(Broken::For(format!("the stream has another event at {position} than it had"))),
        }
    }

    /// Takes messages: into the tables, then to whoever watches.
    async fn take(&self, chunk: Vec<Result<Message, MessagesError>>) -> Result<(), Broken> {
        let mut entries: Vec<Arrived> = Vec::with_capacity(chunk.len());
        let mut applied = *self.applied.borrow();
        let mut recorded_at = self.times().last();
        let mut then = Ok(());
        for message in chunk {
            match self.next(message, applied, recorded_at) {
                Ok((sequence, entry)) => {
                    applied = sequence;
                    if let Some(entry) = entry {
                        recorded_at = entry.entry.event.recorded_at;
                        entries.push(entry);
                    }
                }
                // What came before it is taken first.
                Err(broken) => {
                    then = Err(broken);
                    break;
                }
            }
        }
        self.apply(entries, applied, recorded_at).await?;
        then
    }

    /// The entry that a message holds, if it follows the last one.
    fn next(
        &self,
        message: Result<Message, MessagesError>,
        applied: u64,
        recorded_at: Timestamp,
    ) -> Result<(u64, Option<Arrived>), Broken> {
        let message = message.map_err(passing)?;
        let sequence = message.info().map_err(passing)?.stream_sequence;
        if sequence != applied + 1 {
            // Whether what is between is gone, or was lost on the way, shows when it is asked for again.
            return Err(passing(format!("{sequence} came after {applied}")));
        }
        if message.payload.as_ref() == FILLER {
            return Ok((sequence, None));
        }
        match message::decode(&message.payload, Position::new(sequence), recorded_at) {
            Ok(entry) => {
                let trace = message.headers.as_ref().and_then(|headers| headers.get(TRACE)).map(ToString::to_string);
                Ok((sequence, Some(Arrived { entry, trace })))
            }
            Err(error) => Err(Broken::For(format!("the event at {sequence} cannot be read: {error}"))),
        }
    }

    async fn apply(&self, arrived: Vec<Arrived>, applied: u64, recorded_at: Timestamp) -> Result<(), Broken> {
        let (entries, traced): (Vec<_>, Vec<_>) = arrived.into_iter().map(|one| one.apart()).unzip();
        let events = if entries.is_empty() {
            Vec::new()
        } else {
            let view = Arc::clone(&self.view);
            let written = tokio::task::spawn_blocking(move || view.apply(entries)).await;
            written.map_err(passing)?.map_err(Broken::Here)?
        };
        if !events.is_empty() {
            self.times().recorded(recorded_at, self.clock.as_ref());
        }
        if let Some(last) = events.last() {
            let end = Mark { position: last.position, fingerprint: last.fingerprint() };
            if let Some(traces) = &self.traces {
                traced.iter().flatten().for_each(|(id, trace)| traces.arrived(id, trace));
            }
            let wakes = self.hub.publish(events, end);
            self.applied.send_replace(applied);
            wakes.wake();
        } else {
            self.applied.send_replace(applied);
        }
        Ok(())
    }
}
