//! Recording: decide by what is known here, publish on condition that it still holds, and begin again where it does not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::stream::LastRawMessageErrorKind;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};

use super::publish::{Publish, Published, WRITER, publish};
use super::retention::unavailable;
use super::{Shared, connect, message, subject};
use crate::event::{Event, Observation, Outcome};
use crate::head::Head;
use crate::id::Position;
use crate::log::sqlite::view::{Entry, Known};
use crate::log::trouble::Trouble;
use crate::log::{LogError, Recorded};
use crate::record::{Verdict, advance, decide, is_redundant};

/// Stands for the position of an event that has none yet; higher than any.
const UNPUBLISHED: Position = Position::new(i64::MAX.unsigned_abs());
/// How long a try waits before the next one, at first.
const FIRST_WAIT: Duration = Duration::from_millis(2);
/// And at most.
const LONGEST_WAIT: Duration = Duration::from_millis(250);
/// How long what is durable may take to arrive here before it is answered all the same.
const ARRIVAL: Duration = Duration::from_secs(2);

/// One observation on its way.
struct Attempt {
    observation: Observation,
    deadline: Instant,
    /// Tells its messages from those of others about the same observation.
    writer: String,
    /// A message was sent whose fate is not known.
    sent: bool,
    /// The stream has no message about the entity any more, although this replica knows of one.
    gone: bool,
    wait: Duration,
    /// The last thing that went wrong.
    reason: String,
    began: Instant,
}

/// After this long without success, a recording that is being retried is logged.
const LONG: Duration = Duration::from_millis(1500);

impl Shared {
    /// Records what was seen. See [`EventLog::record`](crate::log::EventLog::record).
    pub(super) async fn record(&self, observation: Observation) -> Result<Recorded, LogError> {
        self.check_open()?;
        if self.is_noted(&observation) {
            return Ok(Recorded::Redundant);
        }
        let deadline = Instant::now() + self.record_wait;
        let busy = || LogError::Unavailable { reason: "too many observations of one customer are waiting".to_owned() };
        let turn = timeout_at(deadline, self.turns.take(observation.entity())).await.map_err(|_| busy())?;
        let crowded = || LogError::Unavailable { reason: "too many observations are waiting".to_owned() };
        let place = timeout_at(deadline, self.publishing.acquire()).await.map_err(|_| crowded())?;
        let reason = "it takes too long".to_owned();
        let writer = format!("{}-{}", self.writer, self.records.fetch_add(1, Ordering::Relaxed));
        let mut attempt = Attempt {
            observation,
            deadline,
            writer,
            sent: false,
            gone: false,
            wait: FIRST_WAIT,
            reason,
            began: Instant::now(),
        };
        let result = loop {
            if let Some(recorded) = self.attempt(&mut attempt).await? {
                break recorded;
            }
            if Instant::now() + attempt.wait >= attempt.deadline {
                return Err(LogError::Unavailable { reason: attempt.reason });
            }
            let jitter = attempt.wait.mul_f64(0.5 + fastrand::f64());
            tokio::select! {
                () = sleep(jitter) => {}
                () = self.closing.cancelled() => return Err(LogError::Closed),
            }
            attempt.wait = (attempt.wait * 2).min(LONGEST_WAIT);
        };
        drop((place, turn));
        Ok(result)
    }

    /// Takes note of an answer that says nothing new. False where that is not known yet, or may be decided otherwise at this
    /// moment.
    fn is_noted(&self, observation: &Observation) -> bool {
        let entity = observation.entity();
        let noted = self.turns.unless_taken(&entity, || {
            let head = self.view.cached_head(&entity)?;
            is_redundant(observation, &decide(Some(&head), observation)).then(|| note_answer(&head, observation))
        });
        noted.flatten().is_some()
    }

    /// Tries once. None: begin again.
    async fn attempt(&self, attempt: &mut Attempt) -> Result<Option<Recorded>, LogError> {
        self.check_open()?;
        let mut observation = attempt.observation.clone();
        let Known { found, head, platform_customer, gone } = self.view.known(&observation).await?;
        if let Some(position) = found {
            return self.copy(attempt, position).await.map(Some);
        }
        let head = head.as_deref();
        // It may be another by the time this is recorded; then whoever follows the stream knows.
        let inherits = observation.platform_customer.is_none() && observation.subject.verification_id().is_some();
        if inherits {
            observation.platform_customer = platform_customer;
        }
        let verdict = decide(head, &observation);
        if let (Some(head), true) = (head, is_redundant(&observation, &verdict)) {
            note_answer(head, &observation);
            return Ok(Some(Recorded::Redundant));
        }
        if observation.platform_customer.is_none() {
            observation.platform_customer = head.and_then(|head| head.platform_customer.clone());
        }
        let last_event = head.map(|head| head.last_event);
        // A stream that holds no message about the entity expects none.
        let expected = last_event.filter(|at| *at > gone && !attempt.gone).map_or(0, Position::get);
        let outcome = verdict.outcome;
        let entry = self.entry(observation, head, verdict, inherits);
        let publish_this = self.message(attempt, &entry, expected)?;
        let left = attempt.deadline.saturating_duration_since(Instant::now());
        // A busy server may take long; and when the answer is lost, there has to be time for another try.
        let wait = (left / 2).max(connect::REQUEST).min(left);
        let published = self.publish_in_sight(&publish_this, wait).await;
        self.answered(attempt, published, &publish_this, outcome).await
    }

    /// Publishes, and tells the operator if no answer comes.
    async fn publish_in_sight(&self, publish_this: &Publish, wait: Duration) -> Published {
        let mut publishing = std::pin::pin!(publish(&self.client, publish_this, wait));
        match tokio::time::timeout(LONG, &mut publishing).await {
            Ok(published) => published,
            Err(_) => {
                self.cannot_record("NATS does not answer");
                publishing.await
            }
        }
    }

    pub(super) fn cannot_record(&self, reason: &str) {
        self.room.troubles().failed(Trouble::Failing { reason: reason.to_owned() }, 0);
    }

    /// What follows from the answer to a publish. None: begin again.
    async fn answered(
        &self,
        attempt: &mut Attempt,
        published: Published,
        publish_this: &Publish,
        outcome: Outcome,
    ) -> Result<Option<Recorded>, LogError> {
        match published {
            Published::There(sequence) => {
                self.room.taken();
                self.wait_applied(sequence, Instant::now() + ARRIVAL).await;
                Ok(Some(Recorded::New { position: Position::new(sequence), outcome }))
            }
            Published::Duplicate(sequence) => {
                self.wait_applied(sequence, Instant::now() + ARRIVAL).await;
                self.copy(attempt, Position::new(sequence)).await.map(Some)
            }
            Published::Moved => {
                attempt.reason = "too many observations of one customer at once".to_owned();
                self.see_what_came_between(attempt, publish_this).await;
                Ok(None)
            }
            Published::Full => {
                self.room.refused();
                self.look.notify_one();
                Err(LogError::Full)
            }
            Published::Unknown(reason) => {
                attempt.sent = true;
                // A server that is busy, and another copy on its way, are passing.
                if attempt.began.elapsed() >= LONG {
                    self.cannot_record(&reason);
                }
                attempt.reason = reason;
                Ok(None)
            }
            Published::Refused(reason) => {
                if attempt.began.elapsed() >= LONG {
                    self.cannot_record(&reason);
                }
                attempt.reason = reason;
                attempt.wait = LONGEST_WAIT;
                Ok(None)
            }
        }
    }

    /// What was decided.
    fn entry(&self, observation: Observation, head: Option<&Head>, verdict: Verdict, inherits: bool) -> Entry {
        let recorded_at = self.times().next(self.clock.as_ref());
        let next = advance(head, &observation, &verdict, UNPUBLISHED, recorded_at);
        let Verdict { outcome, settles } = verdict;
        let previous = head.map(|head| head.subject.without_problems());
        let event = Event { position: UNPUBLISHED, observation, outcome, previous, cause: settles, recorded_at };
        Entry { event: Arc::new(event), head: Some(next), earlier: head.map(|head| head.last_event), inherits }
    }

    /// The message of what was decided.
    fn message(&self, attempt: &Attempt, entry: &Entry, expected: u64) -> Result<Publish, LogError> {
        let Observation { id, .. } = &attempt.observation;
        let entity = subject::of_entity(&attempt.observation.entity());
        Ok(Publish {
            stream: self.names.events(),
            subject: format!("{}.{entity}", self.names.prefix),
            message_id: Some(subject::message_id(id)),
            expected,
            writer: Some(attempt.writer.clone()),
            trace: self.traces.as_ref().and_then(|traces| traces.current()),
            payload: Bytes::from(message::encode(entry).map_err(unavailable)?),
        })
    }

    /// Waits until this replica has seen what came between.
    async fn see_what_came_between(&self, attempt: &mut Attempt, publish: &Publish) {
        match self.streams.events.get_last_raw_message_by_subject(&publish.subject).await {
            Ok(last) if last.sequence > publish.expected => {
                attempt.gone = false;
                if self.wait_applied(last.sequence, attempt.deadline).await {
                    // What was in the way is known now.
                    attempt.wait = FIRST_WAIT;
                }
            }
            // The other message is still on its way, or whoever answered does not know of it.
            Ok(_) => {}
            Err(error) => attempt.gone = error.kind() == LastRawMessageErrorKind::NoMessageFound,
        }
    }

    /// What to say of an observation that is in the log: where a message was sent whose answer was lost, it may be that one.
    async fn copy(&self, attempt: &Attempt, position: Position) -> Result<Recorded, LogError> {
        if attempt.sent
            && let Ok(found) = self.streams.events.get_raw_message(position.get()).await
            && found.headers.get(WRITER).is_some_and(|writer| writer.as_str() == attempt.writer)
            && let Ok(entry) = message::decode(&found.payload, position, Timestamp::MIN)
        {
            return Ok(Recorded::New { position, outcome: entry.event.outcome });
        }
        Ok(Recorded::Duplicate { position })
    }
}

/// Takes note of an answer that says nothing new.
fn note_answer(head: &Head, observation: &Observation) {
    if let Some(basis) = observation.origin.basis() {
        head.confirmed.answered(basis.at.as_microsecond(), observation.updated_at.map(Timestamp::as_microsecond));
    }
}
