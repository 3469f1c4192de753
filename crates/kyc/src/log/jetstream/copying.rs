//! A log that is copied: sealing one that is copied elsewhere, and filling one with another's events.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;

use super::load::certain_info;
use super::retention::{Trimmed, keep_head, unavailable};
use super::streams::{self, Names, Origin, SEALED_KEY, Streams};
use super::tail::FILLER;
use super::{JetStreamOptions, OpenError, buckets, connect, message, subject};
use crate::head::Head;
use crate::id::Lineage;
use crate::log::sqlite::view::Entry;
use crate::log::{Bookmark, LogError, Quarantined};
use crate::token::Mark;

/// How many heads are written at once.
const HEADS_AT_ONCE: usize = 64;
/// How long the answer to one publish may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Lets nobody write to a log any more: its stream stops listening to its subjects.
pub(in crate::log) async fn seal(options: &JetStreamOptions, why: &str) -> Result<(), OpenError> {
    let (context, names) = connected(options).await?;
    set_sealed(&context, &names, Some(why)).await
}

/// Lets it be written to again.
pub(in crate::log) async fn unseal(options: &JetStreamOptions) -> Result<(), OpenError> {
    let (context, names) = connected(options).await?;
    set_sealed(&context, &names, None).await
}

async fn connected(options: &JetStreamOptions) -> Result<(Context, Names), OpenError> {
    let names = Names::new(&options.prefix)?;
    let client = connect::connect(options).await?;
    Ok((connect::jetstream(&client), names))
}

async fn set_sealed(context: &Context, names: &Names, why: Option<&str>) -> Result<(), OpenError> {
    let stream = context.get_stream(names.events()).await.map_err(|error| OpenError::setup(&error))?;
    let mut config = stream.cached_info().config.clone();
    config.subjects = match why {
        Some(_) => vec![format!("{}.sealed.*.*", names.prefix)],
        None => vec![format!("{}.*.*", names.prefix)],
    };
    config.metadata.remove(SEALED_KEY);
    config.metadata.extend(why.map(|why| (SEALED_KEY.to_owned(), why.to_owned())));
    context.update_stream(config).await.map_err(|error| OpenError::setup(&error))?;
    Ok(())
}

/// A log that another one is being copied into.
pub(in crate::log) struct Target {
    client: Client,
    context: Context,
    names: Names,
    streams: Streams,
    options: JetStreamOptions,
}

impl Target {
    /// Makes the log, or goes on with one that was begun. `oldest`: the last event that the other log let go of.
    pub(in crate::log) async fn open(
        options: &JetStreamOptions,
        lineage: &Lineage,
        oldest: Mark,
        why: &str,
    ) -> Result<Self, OpenError> {
        let names = Names::new(&options.prefix)?;
        let client = connect::connect(options).await?;
        let mut context = connect::jetstream(&client);
        context.set_timeout(ANSWER);
        let first = oldest.position.get() + 1;
        let origin = Origin { lineage: lineage.clone(), first, sealed: Some(why.to_owned()) };
        let streams = streams::set_up(&context, &names, options, origin).await?;
        let info = certain_info(&streams, options).await?;
        let begun = info.config.metadata.get(SEALED_KEY).is_some_and(|sealed| sealed == why);
        if !begun || streams::lineage(&info)? != *lineage {
            return Err(OpenError::Occupied);
        }
        Ok(Self { client, context, names, streams, options: options.clone() })
    }

    /// The position up to which it has everything.
    pub(in crate::log) async fn copied_to(&self) -> Result<u64, OpenError> {
        Ok(certain_info(&self.streams, &self.options).await?.state.last_sequence)
    }

    /// Remembers what the other log let go of.
    pub(in crate::log) async fn remember_gone(&self, mark: Mark, recorded_at: Timestamp) -> Result<(), LogError> {
        Trimmed { mark, recorded_at }.remember(&self.streams.state).await.map(drop)
    }

    /// Keeps heads whose events are gone.
    pub(in crate::log) async fn put_heads(&self, heads: Vec<Arc<Head>>) -> Result<(), LogError> {
        stream::iter(heads)
            .map(async |head| keep_head(&self.client, &self.names, &self.streams.heads, &head).await)
            .buffer_unordered(HEADS_AT_ONCE)
            .try_collect()
            .await
    }

    /// Adds events that follow the position `after`, each at its own position. Where one does not get there, none after it
    /// does either.
    pub(in crate::log) async fn put_events(&self, entries: &[Entry], after: u64) -> Result<(), LogError> {
        let mut messages = Vec::with_capacity(entries.len());
        let mut next = after + 1;
        for entry in entries {
            let event = &entry.event;
            // Positions that the other log does not have are taken, so that the ones it has stay the same.
            while next < event.position.get() {
                messages.push((next, format!("{}.gap.gap", self.names.prefix), None, Bytes::from_static(FILLER)));
                next += 1;
            }
            let entity = subject::of_entity(&event.observation.entity());
            let payload = message::encode(entry).map_err(unavailable)?;
            let id = subject::message_id(&event.observation.id);
            messages.push((next, format!("{}.{entity}", self.names.prefix), Some(id), Bytes::from(payload)));
            next += 1;
        }
        // Sent in their order, each on condition that the one before it is there; then all answers.
        let mut answers = Vec::with_capacity(messages.len());
        for (at, subject, id, payload) in messages {
            let message = PublishMessage::build().payload(payload).expected_stream(self.names.events());
            let message = message.expected_last_sequence(at - 1);
            let message = if let Some(id) = id { message.message_id(id) } else { message };
            answers.push((at, self.context.send_publish(subject, message).await.map_err(unavailable)?));
        }
        for (at, answer) in answers {
            let ack = answer.await.map_err(unavailable)?;
            if ack.sequence != at {
                return Err(unavailable(format!("the event at {at} is at {} already", ack.sequence)));
            }
        }
        Ok(())
    }

    /// Keeps what is kept by name.
    pub(in crate::log) async fn put_by_name(
        &self,
        quarantined: Vec<Quarantined>,
        bookmarks: &[(Bookmark, Timestamp)],
    ) -> Result<(), LogError> {
        for webhook in quarantined {
            buckets::quarantine(&self.client, &self.streams.quarantine, webhook).await?;
        }
        for (bookmark, at) in bookmarks {
            buckets::set_bookmark(&self.streams.state, *bookmark, *at).await?;
        }
        Ok(())
    }

    /// Lets it be used.
    pub(in crate::log) async fn finish(&self) -> Result<(), OpenError> {
        set_sealed(&self.context, &self.names, None).await
    }
}
