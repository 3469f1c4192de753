//! Deletes old events: by age and by size, some at a time. See [`Retention`](crate::log::Retention).
//!
//! gridgate deletes them and not the server, because some things have to be remembered first: the heads of entities without a later
//! event, and the mark of the last deleted event. Any replica may do it, since each step can be repeated.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::kv::{Operation, Store, UpdateErrorKind};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::names::Names;
use super::options::OpenError;
use super::publish::{Publish, Published, contended, publish, unavailable, waits};
use super::replica::Replica;
use super::{connect, message};
use crate::head::Head;
use crate::id::{Fingerprint, Position};
use crate::log::retention::count_expired;
use crate::log::store::LogError;
use crate::log::tables::mirror::Oldest;
use crate::token::Mark;

/// The key of [`Deleted`].
const KEY: &str = "trimmed";
const EVENTS_AT_ONCE: usize = 500;
const HEADS_AT_ONCE: usize = 32;
const CHECK_EVERY: Duration = Duration::from_secs(60);

/// Up to where events are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deleted {
    /// The last deleted event.
    pub(super) mark: Mark,
    /// When that was recorded.
    pub(super) recorded_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct DeletedWire {
    position: u64,
    fingerprint: String,
    recorded_at: i64,
}

impl Deleted {
    /// What the log remembers.
    pub(super) async fn read(state: &Store) -> Result<Self, OpenError> {
        let entry = state.entry(KEY).await.map_err(|error| OpenError::setup(&error))?;
        let nothing = Self { mark: Mark::START, recorded_at: Timestamp::MIN };
        Ok(entry.map_or(Ok(nothing), |entry| Self::parse(&entry.value))?)
    }

    fn parse(value: &[u8]) -> Result<Self, LogError> {
        let corrupt = || LogError::Corrupt { reason: "the mark of the last deleted event cannot be read".to_owned() };
        let DeletedWire { position, fingerprint, recorded_at } =
            serde_json::from_slice(value).map_err(|_| corrupt())?;
        let bits = u64::from_str_radix(&fingerprint, 16).map_err(|_| corrupt())?;
        let mark = Mark { position: Position::new(position), fingerprint: Fingerprint::from_bits(bits) };
        Ok(Self { mark, recorded_at: Timestamp::from_microsecond(recorded_at).map_err(|_| corrupt())? })
    }

    /// Makes the log remember this, unless more is deleted already. Returns what it remembers.
    pub(super) async fn remember(self, state: &Store) -> Result<Self, LogError> {
        let wire = DeletedWire {
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
                // Another replica deletes events too; its result shows in a moment.
                Err(_) => sleep(wait).await,
            }
        }
        Err(contended("the mark of the last deleted event"))
    }
}

impl Replica {
    /// Checks retention now and then, and when the log is full, until it closes.
    pub(super) async fn keep_within_limits(self: Arc<Self>) {
        let mut ticks = interval(CHECK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.check_retention.notified() => {}
                () = self.closing.cancelled() => return,
            }
            // Until then, the time of the newest event is not known.
            if !self.is_open.load(Ordering::Relaxed) {
                continue;
            }
            tokio::select! {
                result = self.maintain() => if let Err(error) = result {
                    tracing::warn!(%error, "event log: old events could not be deleted; retrying later");
                },
                () = self.closing.cancelled() => return,
            }
        }
    }

    /// Deletes all events that may be deleted.
    pub(super) async fn maintain(&self) -> Result<(), LogError> {
        self.check_open()?;
        let _one_at_a_time = self.maintaining.lock().await;
        loop {
            self.capacity.update(&self.streams.events.get_info().await.map_err(unavailable)?);
            self.follow_deletions().await?;
            let now = self.clock.now();
            let Oldest { events, heads, recorded_first } = self.mirror.oldest(now, EVENTS_AT_ONCE).await?;
            let Some(before) = self.delete_before(recorded_first, now) else { return Ok(()) };
            let expired = count_expired(events.iter().map(|event| event.recorded_at), before, now, EVENTS_AT_ONCE);
            let Some(last) = expired.checked_sub(1).and_then(|last| events.get(last)) else { return Ok(()) };
            let deleted = Deleted { mark: last.mark(), recorded_at: last.recorded_at };
            let heads = heads.into_iter().filter(|head| head.last_event <= deleted.mark.position);
            keep_heads(&self.client, &self.names, &self.streams.heads, heads).await?;
            let deleted = deleted.remember(&self.streams.state).await?;
            let keep_from = deleted.mark.position.get() + 1;
            self.streams.events.purge().sequence(keep_from).await.map_err(unavailable)?;
            if !self.delete_here(deleted).await? {
                return Ok(());
            }
        }
    }

    /// Deletes here what another replica has deleted.
    async fn follow_deletions(&self) -> Result<(), LogError> {
        let entry = self.streams.state.entry(KEY).await.map_err(unavailable)?;
        let Some(entry) = entry else { return Ok(()) };
        let deleted = Deleted::parse(&entry.value)?;
        let (bounds, _) = self.mirror.bounds().await?;
        if deleted.mark.position > bounds.oldest.position {
            self.delete_here(deleted).await?;
        }
        Ok(())
    }

    /// Deletes events from this replica's tables. False: not all of them have arrived, since another replica is ahead.
    async fn delete_here(&self, deleted: Deleted) -> Result<bool, LogError> {
        if deleted.mark.position.get() > *self.applied.borrow() {
            return Ok(false);
        }
        let mirror = Arc::clone(&self.mirror);
        let work = move || mirror.trim(deleted.mark, deleted.recorded_at);
        tokio::task::spawn_blocking(work).await.map_err(unavailable)??;
        Ok(true)
    }

    fn delete_before(&self, oldest: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let (believed, behind) = self.retention_clock().look(self.clock.as_ref());
        self.retention_behind.store(i64::try_from(behind.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
        self.options.retention.delete_before(now, believed, oldest, self.capacity.is_short())
    }
}

/// Keeps heads whose last events are about to be deleted.
pub(super) async fn keep_heads(
    client: &Client,
    names: &Names,
    stream: &Stream,
    heads: impl IntoIterator<Item = Arc<Head>>,
) -> Result<(), LogError> {
    let kept = stream::iter(heads).map(async |head| keep_head(client, names, stream, &head).await);
    kept.buffer_unordered(HEADS_AT_ONCE).try_collect().await
}

/// Keeps a head, unless a later one is kept already.
async fn keep_head(client: &Client, names: &Names, heads: &Stream, head: &Head) -> Result<(), LogError> {
    let payload = Bytes::from(message::encode_head(head).map_err(unavailable)?);
    let mut message = Publish::first(names.heads(), names.head_subject(&head.entity()), payload);
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
        // Another replica's message is under way, and does not show yet.
        if message.expected == before {
            sleep(wait).await;
        }
    }
    Err(contended("the same head"))
}
