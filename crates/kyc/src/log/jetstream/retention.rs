//! Letting go of old events: by age, and by size, a few at a time.
//!
//! gridgate does it and not the server, because what goes has to be remembered first: the heads of the entities that have
//! no later event, and the mark of the last event that went. Every replica may do it, since each step can be done twice.
//! Nothing younger than [`IDS_KEPT`] goes: Grid retries a webhook for seven days.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::kv::{Operation, Store, UpdateErrorKind};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::contention::{contended, waits};
use super::publish::{Publish, Published, publish};
use super::streams::Names;
use super::{OpenError, Shared, connect, message, subject};
use crate::event::Event;
use crate::head::Head;
use crate::id::{Fingerprint, Position};
use crate::log::LogError;
use crate::log::sqlite::{IDS_KEPT, up_to_go};
use crate::token::Mark;

/// The key under which the mark of the last event that went is kept.
const KEY: &str = "trimmed";
/// How many events go at once.
const AT_ONCE: usize = 500;
/// How many heads are written at once.
const HEADS_AT_ONCE: usize = 32;
/// How often it is looked whether something is to go.
const EVERY: Duration = Duration::from_secs(60);

/// What went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trimmed {
    /// The last event that went.
    pub(super) mark: Mark,
    /// When that was recorded.
    pub(super) recorded_at: Timestamp,
}

impl Trimmed {
    /// Nothing.
    pub(super) const NOTHING: Self = Self { mark: Mark::START, recorded_at: Timestamp::MIN };
}

#[derive(Debug, Serialize, Deserialize)]
struct Wire {
    position: u64,
    fingerprint: String,
    recorded_at: i64,
}

pub(super) fn unavailable(error: impl std::fmt::Display) -> LogError {
    LogError::Unavailable { reason: format!("JetStream: {error}") }
}

impl Trimmed {
    /// What went, as the log remembers it.
    pub(super) async fn read(state: &Store) -> Result<Self, OpenError> {
        let entry = state.entry(KEY).await.map_err(|error| OpenError::setup(&error))?;
        Ok(entry.map(|entry| Self::parse(&entry.value)).transpose()?.unwrap_or(Self::NOTHING))
    }

    fn parse(value: &[u8]) -> Result<Self, LogError> {
        let corrupt = || LogError::Corrupt { reason: "what was let go of cannot be read".to_owned() };
        let Wire { position, fingerprint, recorded_at } = serde_json::from_slice(value).map_err(|_| corrupt())?;
        let bits = u64::from_str_radix(&fingerprint, 16).map_err(|_| corrupt())?;
        let mark = Mark { position: Position::new(position), fingerprint: Fingerprint::from_bits(bits) };
        Ok(Self { mark, recorded_at: Timestamp::from_microsecond(recorded_at).map_err(|_| corrupt())? })
    }

    fn of(event: &Event) -> Self {
        let mark = Mark { position: event.position, fingerprint: event.fingerprint() };
        Self { mark, recorded_at: event.recorded_at }
    }

    /// Remembers it, unless more went already. Says what the log remembers then.
    pub(super) async fn remember(self, state: &Store) -> Result<Self, LogError> {
        let wire = Wire {
            position: self.mark.position.get(),
            fingerprint: format!("{:016x}", self.mark.fingerprint.to_bits()),
            recorded_at: self.recorded_at.as_microsecond(),
        };
        let value = Bytes::from(serde_json::to_vec(&wire).map_err(unavailable)?);
        for wait in waits() {
            let before = state.entry(KEY).await.map_err(unavailable)?;
            let revision = before.as_ref().map_or(0, |entry| entry.revision);
            if let Some(entry) = before.filter(|entry| entry.operation == Operation::Put) {
                let before = Self::parse(&entry.value)?;
                if before.mark.position >= self.mark.position {
                    return Ok(before);
                }
            }
            match state.update(KEY, value.clone(), revision).await {
                Ok(_) => return Ok(self),
                Err(error) if error.kind() == UpdateErrorKind::TimedOut => return Err(unavailable(error)),
                // Somebody else lets go of events too; what that came to shows in a moment.
                Err(_) => sleep(wait).await,
            }
        }
        Err(contended("what is remembered of events that are gone"))
    }
}

impl Shared {
    /// Looks now and then until the log closes, and when it is full.
    pub(super) async fn keep_within_limits(self: Arc<Self>) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.look.notified() => {}
                () = self.closing.cancelled() => return,
            }
            // Before, it is not known how new the newest event is.
            if !self.is_open.load(Ordering::Relaxed) {
                continue;
            }
            tokio::select! {
                result = self.maintain() => if let Err(error) = result {
                    tracing::warn!(%error, "old events could not be let go; trying again later");
                },
                () = self.closing.cancelled() => return,
            }
        }
    }

    /// Lets go of all that may go.
    pub(super) async fn maintain(&self) -> Result<(), LogError> {
        self.check_open()?;
        let _one_at_a_time = self.maintaining.lock().await;
        loop {
            self.room.seen(&self.streams.events.get_info().await.map_err(unavailable)?);
            self.adopt().await?;
            let now = self.clock.now();
            let (oldest, events, heads) = self.view.oldest(now, AT_ONCE).await?;
            let Some(before) = self.due(oldest, now) else { return Ok(()) };
            let going = up_to_go(events.iter().map(|event| event.recorded_at), before, now, AT_ONCE);
            let Some(last) = going.checked_sub(1).and_then(|last| events.get(last)) else { return Ok(()) };
            let trimmed = Trimmed::of(last);
            let going = heads.into_iter().filter(|head| head.last_event <= trimmed.mark.position);
            stream::iter(
                going.map(async |head| keep_head(&self.client, &self.names, &self.streams.heads, &head).await),
            )
            .buffer_unordered(HEADS_AT_ONCE)
            .try_collect::<()>()
            .await?;
            let trimmed = trimmed.remember(&self.streams.state).await?;
            let keep_from = trimmed.mark.position.get() + 1;
            self.streams.events.purge().sequence(keep_from).await.map_err(unavailable)?;
            if !self.trim_here(trimmed).await? {
                return Ok(());
            }
        }
    }

    /// Lets go of what another replica has let go of.
    async fn adopt(&self) -> Result<(), LogError> {
        let entry = self.streams.state.entry(KEY).await.map_err(unavailable)?;
        let Some(entry) = entry else { return Ok(()) };
        let trimmed = Trimmed::parse(&entry.value)?;
        let (bounds, _) = self.view.bounds().await?;
        if trimmed.mark.position > bounds.oldest.position {
            self.trim_here(trimmed).await?;
        }
        Ok(())
    }

    /// Lets go of events here, unless some of them are not even here yet: another replica may be further. False: later.
    async fn trim_here(&self, trimmed: Trimmed) -> Result<bool, LogError> {
        if trimmed.mark.position.get() > *self.applied.borrow() {
            return Ok(false);
        }
        let view = Arc::clone(&self.view);
        let work = move || view.trim(trimmed.mark, trimmed.recorded_at);
        tokio::task::spawn_blocking(work).await.map_err(unavailable)??;
        Ok(true)
    }

    /// Before which time events go, if the oldest does that is not from the future, recorded at `oldest`. For its size the
    /// log loses no more than it has to, and so by the clock.
    fn due(&self, oldest: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let (believed, behind) = {
            let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.look(self.clock.as_ref())
        };
        self.retention_behind.store(i64::try_from(behind.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
        let oldest = oldest?;
        let before = |now: Timestamp, age: Duration| {
            let age = age.as_micros().try_into().unwrap_or(u64::MAX);
            Timestamp::from_microsecond(now.as_microsecond().saturating_sub_unsigned(age)).ok()
        };
        let by_size = before(now, IDS_KEPT).filter(|_| self.room.is_short());
        let by_age = before(believed, self.retention.max_age.max(IDS_KEPT));
        by_size.or(by_age).filter(|before| oldest < *before)
    }
}

/// Keeps a head whose last event is about to go, unless a later one is kept already.
pub(super) async fn keep_head(client: &Client, names: &Names, heads: &Stream, head: &Head) -> Result<(), LogError> {
    let subject = format!("{}.head.{}", names.prefix, subject::of_entity(&head.entity()));
    let payload = Bytes::from(message::encode_head(head).map_err(unavailable)?);
    let mut message =
        Publish { stream: names.heads(), subject, message_id: None, expected: 0, writer: None, trace: None, payload };
    for wait in waits() {
        let before = message.expected;
        match publish(client, &message, connect::REQUEST).await {
            Published::There(_) | Published::Duplicate(_) => return Ok(()),
            Published::Moved => {}
            Published::Full => return Err(LogError::Full),
            Published::Unknown(reason) | Published::Refused(reason) => {
                return Err(LogError::Unavailable { reason });
            }
        }
        match heads.get_last_raw_message_by_subject(&message.subject).await {
            Ok(kept) => {
                let kept_head = message::decode_head(&kept.payload).map_err(unavailable)?;
                if kept_head.last_event >= head.last_event {
                    return Ok(());
                }
                message.expected = kept.sequence;
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => message.expected = 0,
            Err(error) => return Err(unavailable(error)),
        }
        // Another's is on its way, and does not show yet.
        if message.expected == before {
            sleep(wait).await;
        }
    }
    Err(contended("the same head"))
}
