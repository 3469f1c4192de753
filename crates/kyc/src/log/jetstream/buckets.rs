//! What is kept by name: webhooks in quarantine, remembered times, and who has which duty.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::kv::{Entry, Operation, Store, UpdateErrorKind};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::contention::{contended, waits};
use super::publish::{Publish, Published, publish};
use super::retention::unavailable;
use super::{Shared, connect, subject};
use crate::id::{CustomerId, ObservationId};
use crate::log::times::from_micros;
use crate::log::{Bookmark, Duty, Lease, LogError, Quarantined};

/// How many values are read at once.
const READ_AT_ONCE: usize = 16;
/// What replicas may want to change at the same time.
const THE_WEBHOOK: &str = "the same webhook";

#[derive(Debug, Serialize, Deserialize)]
struct QuarantinedWire {
    kind: String,
    sent_at: Option<i64>,
    quarantined_at: i64,
    reason: String,
    field_names: Vec<String>,
    customer: Option<String>,
}

/// What became of a value that was put where there was another, or none.
enum Put {
    /// It is there; its revision.
    There(u64),
    /// Something else happened to the key.
    Lost,
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

/// Puts a value where `revision` was the last.
async fn put(client: &Client, store: &Store, key: &str, value: Bytes, revision: u64) -> Result<Put, LogError> {
    let message = Publish {
        stream: store.stream_name.clone(),
        subject: format!("{}{key}", store.prefix),
        message_id: None,
        expected: revision,
        writer: None,
        trace: None,
        payload: value,
    };
    match publish(client, &message, connect::REQUEST).await {
        Published::There(revision) | Published::Duplicate(revision) => Ok(Put::There(revision)),
        Published::Moved => Ok(Put::Lost),
        Published::Full => Err(LogError::Full),
        Published::Unknown(reason) | Published::Refused(reason) => Err(LogError::Unavailable { reason }),
    }
}

/// Keeps a webhook that could not be understood. False: it is there already.
pub(super) async fn quarantine(client: &Client, store: &Store, webhook: Quarantined) -> Result<bool, LogError> {
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
    let (key, mut revision) = (subject::key(&id), 0);
    for wait in waits() {
        if let Put::There(_) = put(client, store, &key, value.clone(), revision).await? {
            return Ok(true);
        }
        match entry(store, &key).await? {
            Some(entry) if is_there(&entry) => return Ok(false),
            // It was taken out once.
            Some(entry) => revision = entry.revision,
            None => revision = 0,
        }
        sleep(wait).await;
    }
    Err(contended(THE_WEBHOOK))
}

/// Remembers a time.
pub(super) async fn set_bookmark(state: &Store, bookmark: Bookmark, at: Timestamp) -> Result<(), LogError> {
    let value = Bytes::from(at.as_microsecond().to_string());
    state.put(bookmark_key(bookmark), value).await.map_err(unavailable)?;
    Ok(())
}

impl Shared {
    pub(super) async fn quarantine(&self, webhook: Quarantined) -> Result<bool, LogError> {
        self.check_open()?;
        quarantine(&self.client, &self.streams.quarantine, webhook).await
    }

    pub(super) async fn quarantined(
        &self,
        after: Option<&ObservationId>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, LogError> {
        self.check_open()?;
        let store = &self.streams.quarantine;
        let keys: Vec<String> = store.keys().await.map_err(unavailable)?.try_collect().await.map_err(unavailable)?;
        let mut ids: Vec<_> = keys.iter().filter_map(|key| subject::id_of_key(key)).collect();
        ids.retain(|id| after.is_none_or(|after| id > after));
        ids.sort_unstable();
        // One may be taken out meanwhile; then the next one is read.
        let webhooks = stream::iter(ids).map(async |id| find_quarantined(store, id).await).buffered(READ_AT_ONCE);
        webhooks.try_filter_map(async |found| Ok(found)).take(limit.max(1)).try_collect().await
    }

    pub(super) async fn find_quarantined(&self, id: &ObservationId) -> Result<Option<Quarantined>, LogError> {
        self.check_open()?;
        find_quarantined(&self.streams.quarantine, id.clone()).await
    }

    pub(super) async fn count_quarantined(&self, most: usize) -> Result<usize, LogError> {
        self.check_open()?;
        let keys = self.streams.quarantine.keys().await.map_err(unavailable)?.take(most).map_err(unavailable);
        keys.try_fold(0, async |count, _key| Ok(count + 1)).await
    }

    pub(super) async fn release(&self, id: &ObservationId) -> Result<bool, LogError> {
        self.check_open()?;
        let (store, key) = (&self.streams.quarantine, subject::key(id));
        for wait in waits() {
            let Some(entry) = entry(store, &key).await?.filter(is_there) else { return Ok(false) };
            match store.delete_expect_revision(&key, Some(entry.revision)).await {
                Ok(()) => return Ok(true),
                Err(error) if error.kind() == UpdateErrorKind::TimedOut => return Err(unavailable(error)),
                // Another replica may be faster: then it is not there any more in a moment.
                Err(error) => tracing::debug!(%error, "a webhook could not be taken out of quarantine yet"),
            }
            sleep(wait).await;
        }
        Err(contended(THE_WEBHOOK))
    }

    pub(super) async fn bookmark(&self, bookmark: Bookmark) -> Result<Option<Timestamp>, LogError> {
        self.check_open()?;
        let Some(entry) = entry(&self.streams.state, &bookmark_key(bookmark)).await? else { return Ok(None) };
        let corrupt = || LogError::Corrupt { reason: format!("the time of {} cannot be read", bookmark.name()) };
        let text = std::str::from_utf8(&entry.value).map_err(|_| corrupt())?;
        let micros: i64 = text.parse().map_err(|_| corrupt())?;
        Timestamp::from_microsecond(micros).map(Some).map_err(|_| corrupt())
    }

    pub(super) async fn set_bookmark(&self, bookmark: Bookmark, at: Timestamp) -> Result<(), LogError> {
        self.check_open()?;
        set_bookmark(&self.streams.state, bookmark, at).await
    }

    /// Takes a duty that nobody has. The server forgets who has it when it was not renewed for the lease's time; until then
    /// it is held here for a little less, since servers' clocks differ.
    pub(super) async fn take_duty(&self, duty: Duty, ttl: Duration) -> Result<Option<Lease>, LogError> {
        self.check_open()?;
        let before = Instant::now();
        let revision = match entry(&self.streams.leases, duty.name()).await? {
            Some(entry) if is_there(&entry) => return Ok(None),
            Some(entry) => entry.revision,
            None => 0,
        };
        self.hold_duty(duty, ttl, revision, before).await
    }

    pub(super) async fn renew_duty(&self, lease: Lease, ttl: Duration) -> Result<Option<Lease>, LogError> {
        self.check_open()?;
        let Lease { duty, until: _, revision } = lease;
        let before = Instant::now();
        if let Some(lease) = self.hold_duty(duty, ttl, revision, before).await? {
            return Ok(Some(lease));
        }
        // An earlier renewal may have come through without our hearing of it.
        match entry(&self.streams.leases, duty.name()).await? {
            Some(entry) if is_there(&entry) && entry.value == self.writer.as_bytes() => {
                self.hold_duty(duty, ttl, entry.revision, before).await
            }
            Some(_) | None => Ok(None),
        }
    }

    async fn hold_duty(
        &self,
        duty: Duty,
        ttl: Duration,
        revision: u64,
        before: Instant,
    ) -> Result<Option<Lease>, LogError> {
        let value = Bytes::from(self.writer.clone());
        match put(&self.client, &self.streams.leases, duty.name(), value, revision).await? {
            Put::There(revision) => {
                let until = before + ttl.min(self.lease).mul_f64(0.9);
                Ok(Some(Lease { duty, until: Some(until), revision }))
            }
            Put::Lost => Ok(None),
        }
    }

    pub(super) async fn hand_back_duty(&self, lease: Lease) -> Result<(), LogError> {
        self.check_open()?;
        let Lease { duty, until: _, revision } = lease;
        let deleted = self.streams.leases.delete_expect_revision(duty.name(), Some(revision)).await;
        deleted.map_err(unavailable)
    }
}

fn bookmark_key(bookmark: Bookmark) -> String {
    format!("bookmark.{}", bookmark.name())
}

async fn find_quarantined(store: &Store, id: ObservationId) -> Result<Option<Quarantined>, LogError> {
    let found = entry(store, &subject::key(&id)).await?.filter(is_there);
    found.map(|entry| read_quarantined(id, &entry.value)).transpose()
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
