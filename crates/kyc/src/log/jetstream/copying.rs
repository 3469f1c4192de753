//! Copying a log: sealing one that is copied elsewhere, and filling one with another's events.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::buckets::Buckets;
use super::capacity::Capacity;
use super::connect;
use super::message::{self, FILLER};
use super::names::{self, Names};
use super::options::{JetStreamOptions, OpenError};
use super::publish::unavailable;
use super::retention::{Deleted, keep_heads};
use super::streams::{self, Beginning, SEALED_KEY, certain_info};
use crate::head::Head;
use crate::id::Lineage;
use crate::log::store::{Bookmark, Bookmarks as _, LogError, Quarantine as _, Quarantined};
use crate::log::tables::mirror::Entry;
use crate::token::Mark;

/// How long the answer to one publish may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Lets nothing more be written to a log: its stream stops listening to its subjects.
pub(crate) async fn seal(options: &JetStreamOptions, why: &str) -> Result<(), OpenError> {
    let (_, context, names) = connected(options).await?;
    set_sealed(&context, &names, Some(why)).await
}

/// Lets it be written to again.
pub(crate) async fn unseal(options: &JetStreamOptions) -> Result<(), OpenError> {
    let (_, context, names) = connected(options).await?;
    set_sealed(&context, &names, None).await
}

async fn connected(options: &JetStreamOptions) -> Result<(Client, Context, Names), OpenError> {
    let names = Names::new(&options.prefix)?;
    let client = connect::connect(options).await?;
    let context = connect::jetstream(&client);
    Ok((client, context, names))
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

/// A log that another one is copied into.
pub(crate) struct Target {
    context: Context,
    names: Names,
    options: JetStreamOptions,
    buckets: Buckets,
}

impl Target {
    /// Creates the log, or continues with one that was begun. `oldest`: the last event that the other log deleted.
    pub(crate) async fn open(
        options: &JetStreamOptions,
        lineage: &Lineage,
        oldest: Mark,
        why: &str,
    ) -> Result<Self, OpenError> {
        let (client, mut context, names) = connected(options).await?;
        context.set_timeout(ANSWER);
        let first = oldest.position.get() + 1;
        let beginning = Beginning { lineage: lineage.clone(), first, sealed: Some(why.to_owned()) };
        let streams = streams::set_up(&context, &names, options, beginning).await?;
        let info = certain_info(&streams, options).await?;
        let is_begun = info.config.metadata.get(SEALED_KEY).is_some_and(|sealed| sealed == why);
        if !is_begun || streams::lineage(&info)? != *lineage {
            return Err(OpenError::Occupied);
        }
        let buckets = Buckets {
            client,
            streams,
            capacity: Arc::new(Capacity::of(&info)),
            writer: String::new(),
            lease: options.lease,
            closing: CancellationToken::new(),
        };
        Ok(Self { context, names, options: options.clone(), buckets })
    }

    /// The position up to which it is complete.
    pub(crate) async fn copied_to(&self) -> Result<u64, OpenError> {
        Ok(certain_info(&self.buckets.streams, &self.options).await?.state.last_sequence)
    }

    /// Remembers up to where the other log has deleted events.
    pub(crate) async fn remember_deleted(&self, mark: Mark, recorded_at: Timestamp) -> Result<(), LogError> {
        Deleted { mark, recorded_at }.remember(&self.buckets.streams.state).await.map(drop)
    }

    /// Keeps heads whose events are deleted.
    pub(crate) async fn put_heads(&self, heads: Vec<Arc<Head>>) -> Result<(), LogError> {
        let Buckets { client, streams, .. } = &self.buckets;
        keep_heads(client, &self.names, &streams.heads, heads).await
    }

    /// Adds events after the position `after`, each at its own position. If one fails, none after it arrives either.
    pub(crate) async fn put_events(&self, entries: &[Entry], after: u64) -> Result<(), LogError> {
        let mut messages = Vec::with_capacity(entries.len());
        let mut next = after + 1;
        for entry in entries {
            let Entry { event, .. } = entry;
            // Fillers take the positions that the other log does not have.
            while next < event.position.get() {
                messages.push((next, self.names.filler_subject("gap"), None, Bytes::from_static(FILLER)));
                next += 1;
            }
            let payload = Bytes::from(message::encode(entry).map_err(unavailable)?);
            let id = names::message_id(&event.observation.id);
            messages.push((next, self.names.event_subject(&event.observation.entity()), Some(id), payload));
            next += 1;
        }
        // Sent in order, each on condition that the one before it is there; then all answers.
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

    /// Adds webhooks in quarantine, and bookmarks.
    pub(crate) async fn put_by_name(
        &self,
        quarantined: Vec<Quarantined>,
        bookmarks: &[(Bookmark, Timestamp)],
    ) -> Result<(), LogError> {
        for webhook in quarantined {
            self.buckets.add(webhook).await?;
        }
        for (bookmark, at) in bookmarks {
            self.buckets.set(*bookmark, *at).await?;
        }
        Ok(())
    }

    /// Completes the copy: the log can be used.
    pub(crate) async fn finish(&self) -> Result<(), OpenError> {
        set_sealed(&self.context, &self.names, None).await
    }
}
