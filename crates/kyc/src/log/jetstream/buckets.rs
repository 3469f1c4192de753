//! Buckets: webhooks in quarantine, remembered times, and leader leases.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::kv::{Entry, Operation, Store, UpdateErrorKind};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::capacity::Capacity;
use super::publish::{Publish, Published, contended, publish, unavailable, waits};
use super::streams::Streams;
use super::{connect, names};
use crate::id::{CustomerId, ObservationId};
use crate::log::store::{Bookmark, Bookmarks, Duty, Lease, Leases, LogError, Quarantine, Quarantined};
use crate::log::times::from_micros;

/// How many values are read at once.
const READ_AT_ONCE: usize = 16;
/// What replicas conflict about.
const THE_WEBHOOK: &str = "the same webhook";

/// The buckets of a log.
pub(super) struct Buckets {
    pub(super) client: Client,
    pub(super) streams: Streams,
    pub(super) capacity: Arc<Capacity>,
    /// Identifies this process.
    pub(super) writer: String,
    /// How long the server remembers a lease.
    pub(super) lease: Duration,
    pub(super) closing: CancellationToken,
}

/// The value of a webhook in quarantine; its key is the id.
#[derive(Debug, Serialize, Deserialize)]
struct QuarantinedWire {
    kind: String,
    sent_at: Option<i64>,
    quarantined_at: i64,
    reason: String,
    field_names: Vec<String>,
    customer: Option<String>,
}

impl Buckets {
    fn check_open(&self) -> Result<(), LogError> {
        if self.closing.is_cancelled() { Err(LogError::Closed) } else { Ok(()) }
    }

    /// Puts a value if `revision` is the key's last one. Returns the new revision; none: it was not the last one.
    async fn put(&self, store: &Store, key: &str, value: Bytes, revision: u64) -> Result<Option<u64>, LogError> {
        let first = Publish::first(store.stream_name.clone(), format!("{}{key}", store.prefix), value);
        match publish(&self.client, &Publish { expected: revision, ..first }, connect::REQUEST).await {
            Published::There(revision) | Published::Duplicate(revision) => Ok(Some(revision)),
            Published::Moved => Ok(None),
            Published::Full => Err(LogError::Full),
            Published::Unknown(reason) | Published::Refused(reason) => Err(LogError::Unavailable { reason }),
        }
    }

    async fn read_webhook(&self, id: ObservationId) -> Result<Option<Quarantined>, LogError> {
        let found = entry(&self.streams.quarantine, &names::key(&id)).await?.filter(is_there);
        found.map(|entry| read_quarantined(id, &entry.value)).transpose()
    }

    /// Takes or renews a lease. The server forgets it when it is not renewed for the lease's time; here it counts as held for a
    /// little less, since servers' clocks differ.
    async fn hold(&self, duty: Duty, ttl: Duration, revision: u64, began: Instant) -> Result<Option<Lease>, LogError> {
        let value = Bytes::from(self.writer.clone());
        let revision = self.put(&self.streams.leases, duty.as_str(), value, revision).await?;
        let until = Some(began + ttl.min(self.lease).mul_f64(0.9));
        Ok(revision.map(|revision| Lease { duty, until, revision }))
    }
}

fn is_there(entry: &Entry) -> bool {
    match entry.operation {
        Operation::Put => true,
        Operation::Delete | Operation::Purge => false,
    }
}

async fn entry(store: &Store, key: &str) -> Result<Option<Entry>, LogError> {
    store.entry(key).await.map_err(unavailable)
}

fn read_quarantined(id: ObservationId, value: &[u8]) -> Result<Quarantined, LogError> {
    let corrupt = |_| LogError::Corrupt { reason: "a webhook in quarantine cannot be read".to_owned() };
    let QuarantinedWire { kind, sent_at, quarantined_at, reason, field_names, customer } =
        serde_json::from_slice(value).map_err(corrupt)?;
    Ok(Quarantined {
        id,
        kind,
        timestamp: sent_at.map(from_micros),
        quarantined_at: from_micros(quarantined_at),
        reason,
        field_names,
        customer: customer.as_deref().map(CustomerId::trusted),
    })
}

fn bookmark_key(bookmark: Bookmark) -> String {
    format!("bookmark.{}", bookmark.as_str())
}

#[async_trait]
impl Quarantine for Buckets {
    async fn add(&self, webhook: Quarantined) -> Result<bool, LogError> {
        self.check_open()?;
        if self.capacity.is_full() {
            return Err(LogError::Full);
        }
        let Quarantined { id, kind, timestamp, quarantined_at, reason, field_names, customer } = webhook;
        let wire = QuarantinedWire {
            kind,
            sent_at: timestamp.map(Timestamp::as_microsecond),
            quarantined_at: quarantined_at.as_microsecond(),
            reason,
            field_names,
            customer: customer.map(|id| id.as_str().to_owned()),
        };
        let value = Bytes::from(serde_json::to_vec(&wire).map_err(unavailable)?);
        let (store, key, mut revision) = (&self.streams.quarantine, names::key(&id), 0);
        for wait in waits() {
            if self.put(store, &key, value.clone(), revision).await?.is_some() {
                return Ok(true);
            }
            match entry(store, &key).await? {
                Some(entry) if is_there(&entry) => return Ok(false),
                // It was removed once.
                Some(entry) => revision = entry.revision,
                None => revision = 0,
            }
            sleep(wait).await;
        }
        Err(contended(THE_WEBHOOK))
    }

    async fn page(&self, after: Option<&ObservationId>, limit: usize) -> Result<Vec<Quarantined>, LogError> {
        self.check_open()?;
        let keys = self.streams.quarantine.keys().await.map_err(unavailable)?;
        let keys: Vec<String> = keys.try_collect().await.map_err(unavailable)?;
        let mut ids: Vec<_> = keys.iter().filter_map(|key| names::id_of_key(key)).collect();
        ids.retain(|id| after.is_none_or(|after| id > after));
        ids.sort_unstable();
        // One that is removed meanwhile is skipped.
        let webhooks = stream::iter(ids).map(|id| self.read_webhook(id)).buffered(READ_AT_ONCE);
        webhooks.try_filter_map(async |found| Ok(found)).take(limit.max(1)).try_collect().await
    }

    async fn find(&self, id: &ObservationId) -> Result<Option<Quarantined>, LogError> {
        self.check_open()?;
        self.read_webhook(id.clone()).await
    }

    async fn count(&self, most: usize) -> Result<usize, LogError> {
        self.check_open()?;
        let keys = self.streams.quarantine.keys().await.map_err(unavailable)?.take(most).map_err(unavailable);
        keys.try_fold(0, async |count, _key| Ok(count + 1)).await
    }

    async fn remove(&self, id: &ObservationId) -> Result<bool, LogError> {
        self.check_open()?;
        let (store, key) = (&self.streams.quarantine, names::key(id));
        for wait in waits() {
            let Some(entry) = entry(store, &key).await?.filter(is_there) else { return Ok(false) };
            match store.delete_expect_revision(&key, Some(entry.revision)).await {
                Ok(()) => return Ok(true),
                Err(error) if error.kind() == UpdateErrorKind::TimedOut => return Err(unavailable(error)),
                // Another replica may be faster: then it is gone in a moment.
                Err(error) => tracing::debug!(%error, "a webhook could not be removed from quarantine yet"),
            }
            sleep(wait).await;
        }
        Err(contended(THE_WEBHOOK))
    }
}

#[async_trait]
impl Bookmarks for Buckets {
    async fn get(&self, bookmark: Bookmark) -> Result<Option<Timestamp>, LogError> {
        self.check_open()?;
        let Some(entry) = entry(&self.streams.state, &bookmark_key(bookmark)).await? else { return Ok(None) };
        let micros = std::str::from_utf8(&entry.value).ok().and_then(|text| text.parse().ok());
        match micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()) {
            Some(at) => Ok(Some(at)),
            None => Err(LogError::Corrupt { reason: format!("the time of {} cannot be read", bookmark.as_str()) }),
        }
    }

    async fn set(&self, bookmark: Bookmark, at: Timestamp) -> Result<(), LogError> {
        self.check_open()?;
        let value = Bytes::from(at.as_microsecond().to_string());
        self.streams.state.put(bookmark_key(bookmark), value).await.map_err(unavailable)?;
        Ok(())
    }
}

#[async_trait]
impl Leases for Buckets {
    async fn acquire(&self, duty: Duty, ttl: Duration) -> Result<Option<Lease>, LogError> {
        self.check_open()?;
        let began = Instant::now();
        let revision = match entry(&self.streams.leases, duty.as_str()).await? {
            Some(entry) if is_there(&entry) => return Ok(None),
            Some(entry) => entry.revision,
            None => 0,
        };
        self.hold(duty, ttl, revision, began).await
    }

    async fn renew(&self, lease: Lease, ttl: Duration) -> Result<Option<Lease>, LogError> {
        self.check_open()?;
        let Lease { duty, until: _, revision } = lease;
        let began = Instant::now();
        if let Some(lease) = self.hold(duty, ttl, revision, began).await? {
            return Ok(Some(lease));
        }
        // An earlier renewal may have succeeded although its answer was lost.
        match entry(&self.streams.leases, duty.as_str()).await? {
            Some(entry) if is_there(&entry) && entry.value == self.writer.as_bytes() => {
                self.hold(duty, ttl, entry.revision, began).await
            }
            Some(_) | None => Ok(None),
        }
    }

    async fn release(&self, lease: Lease) -> Result<(), LogError> {
        self.check_open()?;
        let Lease { duty, until: _, revision } = lease;
        let deleted = self.streams.leases.delete_expect_revision(duty.as_str(), Some(revision)).await;
        deleted.map_err(unavailable)
    }
}
