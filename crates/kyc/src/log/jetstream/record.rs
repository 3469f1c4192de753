//! Recording: decides by what is known here, publishes on condition that it still holds, and starts over where it does not.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::LastRawMessageErrorKind;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};

use super::publish::{Publish, Published, WRITER, publish, unavailable};
use super::replica::Replica;
use super::{connect, message, names};
use crate::event::{Observation, Outcome};
use crate::head::Head;
use crate::id::Position;
use crate::log::store::{LogError, Recorded};
use crate::log::tables::mirror::{Entry, Known};
use crate::record::{Verdict, apply, decide, note_if_redundant};

/// Stands for the position of an event that is not published; higher than any.
const UNPUBLISHED: Position = Position::new(i64::MAX.unsigned_abs());
const FIRST_WAIT: Duration = Duration::from_millis(2);
const LONGEST_WAIT: Duration = Duration::from_millis(250);
/// How long a durable event may take to arrive here before the recording returns all the same.
const ARRIVAL: Duration = Duration::from_secs(2);
/// After this long without success, the log reports that it records nothing.
const LONG: Duration = Duration::from_millis(1500);

/// The recording of one observation.
struct Attempt {
    observation: Observation,
    deadline: Instant,
    /// Identifies its messages among others about the same observation.
    writer: String,
    /// A message was sent whose fate is unknown.
    is_sent: bool,
    /// The stream has no message about the entity any more, although this replica knows one.
    is_gone: bool,
    wait: Duration,
    /// The last thing that went wrong.
    reason: String,
    began: Instant,
}

impl Replica {
    pub(super) async fn record(&self, observation: Observation) -> Result<Recorded, LogError> {
        self.check_open()?;
        if self.is_noted(&observation) {
            return Ok(Recorded::Redundant);
        }
        let deadline = Instant::now() + self.options.record_wait;
        let busy = |reason: &str| LogError::Unavailable { reason: reason.to_owned() };
        let lock = timeout_at(deadline, self.entities.lock(observation.entity())).await;
        let _lock = lock.map_err(|_| busy("too many observations of one customer are waiting"))?;
        let permit = timeout_at(deadline, self.publishing.acquire()).await;
        let _permit = permit.map_err(|_| busy("too many observations are waiting"))?;
        let mut attempt = Attempt {
            observation,
            deadline,
            writer: self.new_writer(),
            is_sent: false,
            is_gone: false,
            wait: FIRST_WAIT,
            reason: "it takes too long".to_owned(),
            began: Instant::now(),
        };
        loop {
            if let Some(recorded) = self.attempt(&mut attempt).await? {
                return Ok(recorded);
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
        }
    }

    /// Notes an answer that repeats the head. False: that is not known, or the entity is being decided about.
    pub(super) fn is_noted(&self, observation: &Observation) -> bool {
        let entity = observation.entity();
        let noted = self.entities.unless_locked(&entity, || {
            let cached = self.mirror.tables().heads_in_memory().get(&entity).ok()?;
            Some(note_if_redundant(cached.head(), observation, &decide(Some(cached.head()), observation)))
        });
        noted.flatten().unwrap_or(false)
    }

    /// Tries once. None: start over.
    async fn attempt(&self, attempt: &mut Attempt) -> Result<Option<Recorded>, LogError> {
        self.check_open()?;
        let mut observation = attempt.observation.clone();
        let Known { found, head, platform_customer, deleted_to } = self.mirror.known(&observation).await?;
        if let Some(position) = found {
            return self.identify(attempt, position).await.map(Some);
        }
        let head = head.as_deref();
        // The customer's platform id may change before this is recorded; the replicas fill it in as of this position.
        let inherits = observation.platform_customer.is_none() && observation.subject.verification_id().is_some();
        if inherits {
            observation.platform_customer = platform_customer;
        }
        let verdict = decide(head, &observation);
        if head.is_some_and(|head| note_if_redundant(head, &observation, &verdict)) {
            return Ok(Some(Recorded::Redundant));
        }
        if observation.platform_customer.is_none() {
            observation.platform_customer = head.and_then(|head| head.platform_customer.clone());
        }
        let last_event = head.map(|head| head.last_event);
        // A stream without a message about the entity expects none.
        let expected = last_event.filter(|at| *at > deleted_to && !attempt.is_gone).map_or(0, Position::get);
        let outcome = verdict.outcome;
        let entry = self.entry(observation, head, verdict, inherits);
        let message = self.message(attempt, &entry, expected)?;
        let left = attempt.deadline.saturating_duration_since(Instant::now());
        // A busy server may take long, but if the answer is lost, there has to be time for another try.
        let wait = (left / 2).max(connect::REQUEST).min(left);
        let published = self.publish_reporting_silence(&message, wait).await;
        self.conclude(attempt, published, &message, outcome).await
    }

    /// The event and head as decided.
    fn entry(&self, observation: Observation, head: Option<&Head>, verdict: Verdict, inherits: bool) -> Entry {
        let recorded_at = self.times().next(self.clock.as_ref());
        let (event, next) = apply(head, observation, verdict, UNPUBLISHED, recorded_at);
        Entry { event: Arc::new(event), head: Some(next), earlier: head.map(|head| head.last_event), inherits }
    }

    fn message(&self, attempt: &Attempt, entry: &Entry, expected: u64) -> Result<Publish, LogError> {
        Ok(Publish {
            stream: self.names.events(),
            subject: self.names.event_subject(&attempt.observation.entity()),
            message_id: Some(names::message_id(&attempt.observation.id)),
            expected,
            writer: Some(attempt.writer.clone()),
            trace: self.options.metrics.traces.as_ref().and_then(|links| links.traceparent()),
            payload: Bytes::from(message::encode(entry).map_err(unavailable)?),
        })
    }

    /// Publishes, and reports if the answer takes long.
    async fn publish_reporting_silence(&self, message: &Publish, wait: Duration) -> Published {
        let mut publishing = std::pin::pin!(publish(&self.client, message, wait));
        match tokio::time::timeout(LONG, &mut publishing).await {
            Ok(published) => published,
            Err(_) => {
                self.cannot_record("NATS does not answer");
                publishing.await
            }
        }
    }

    /// What follows from the answer. None: start over.
    async fn conclude(
        &self,
        attempt: &mut Attempt,
        published: Published,
        message: &Publish,
        outcome: Outcome,
    ) -> Result<Option<Recorded>, LogError> {
        let reason = match published {
            Published::There(sequence) => {
                self.capacity.accepted();
                self.wait_applied(sequence, Instant::now() + ARRIVAL).await;
                return Ok(Some(Recorded::New { position: Position::new(sequence), outcome }));
            }
            Published::Duplicate(sequence) => {
                self.wait_applied(sequence, Instant::now() + ARRIVAL).await;
                return self.identify(attempt, Position::new(sequence)).await.map(Some);
            }
            Published::Moved => {
                attempt.reason = "too many observations of one customer at once".to_owned();
                self.read_what_came_between(attempt, message).await;
                return Ok(None);
            }
            Published::Full => {
                self.capacity.refused();
                self.check_retention.notify_one();
                return Err(LogError::Full);
            }
            Published::Unknown(reason) => {
                attempt.is_sent = true;
                reason
            }
            Published::Refused(reason) => {
                attempt.wait = LONGEST_WAIT;
                reason
            }
        };
        // A busy server, or another copy under way, is not reported at once.
        if attempt.began.elapsed() >= LONG {
            self.cannot_record(&reason);
        }
        attempt.reason = reason;
        Ok(None)
    }

    /// Waits until this replica has read the message that came between.
    async fn read_what_came_between(&self, attempt: &mut Attempt, message: &Publish) {
        match self.streams.events.get_last_raw_message_by_subject(&message.subject).await {
            Ok(last) if last.sequence > message.expected => {
                attempt.is_gone = false;
                if self.wait_applied(last.sequence, attempt.deadline).await {
                    attempt.wait = FIRST_WAIT;
                }
            }
            // The other message is still under way, or the server that answered does not know it.
            Ok(_) => {}
            Err(error) => attempt.is_gone = error.kind() == LastRawMessageErrorKind::NoMessageFound,
        }
    }

    /// The result for an observation that is in the log already. If a message was sent whose answer was lost, it may be that one.
    async fn identify(&self, attempt: &Attempt, position: Position) -> Result<Recorded, LogError> {
        if attempt.is_sent
            && let Ok(found) = self.streams.events.get_raw_message(position.get()).await
            && found.headers.get(WRITER).is_some_and(|writer| writer.as_str() == attempt.writer)
            && let Ok(entry) = message::decode(&found.payload, position, Timestamp::MIN)
        {
            return Ok(Recorded::New { position, outcome: entry.event.outcome });
        }
        Ok(Recorded::Duplicate { position })
    }
}
