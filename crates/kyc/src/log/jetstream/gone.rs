//! What is left of events that are gone, read when a log is opened: the mark of the last one, and the heads of entities
//! that no later event is about.
//!
//! Other replicas let go of more while this one reads, which takes long where there are many heads. So whatever was kept
//! meanwhile is read too, until nothing more has gone. What goes after that is read as an event, or is missed, which
//! following the stream notices.

use std::sync::Arc;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::stream::{Info, Stream};
use futures_util::StreamExt as _;
use tokio::time::{Duration, timeout};

use super::load::{blocking, passing_consumer};
use super::patience::Patience;
use super::retention::Trimmed;
use super::streams::Streams;
use super::{OpenError, message};
use crate::head::Head;
use crate::log::sqlite::view::View;

/// Reads it into the tables of this replica. `info` is what the events' stream said before.
pub(super) async fn read(
    streams: &Streams,
    view: &Arc<View>,
    info: &Info,
    patience: &mut Patience,
) -> Result<Trimmed, OpenError> {
    let mut trimmed = Trimmed::read(&streams.state).await?;
    let first = info.state.first_sequence.max(1) - 1;
    if trimmed.mark.position.get() < first {
        return Err(OpenError::Gone { first, kept: trimmed.mark.position.get() });
    }
    let mut kept = KeptHeads { stream: &streams.heads, read_to: 0 };
    let mut heads = Vec::new();
    loop {
        heads.extend(kept.read_on(patience).await?);
        // The others' events are still there, and come with theirs.
        let (due, later) = heads.into_iter().partition::<Vec<Head>, _>(|head| head.last_event <= trimmed.mark.position);
        heads = later;
        let tables = Arc::clone(view);
        blocking(move || Ok(tables.put_heads(&due)?)).await?;
        let now = Trimmed::read(&streams.state).await?;
        if now == trimmed {
            break;
        }
        trimmed = now;
    }
    let tables = Arc::clone(view);
    blocking(move || Ok(tables.trim(trimmed.mark, trimmed.recorded_at)?)).await?;
    patience.came_to_event(trimmed.mark.position.get());
    Ok(trimmed)
}

/// The stream of heads, read up to somewhere.
struct KeptHeads<'a> {
    stream: &'a Stream,
    read_to: u64,
}

impl KeptHeads<'_> {
    /// Every head that was kept since the last time.
    async fn read_on(&mut self, patience: &mut Patience) -> Result<Vec<Head>, OpenError> {
        let info = self.stream.get_info().await.map_err(|error| OpenError::setup(&error))?;
        let mut heads = Vec::new();
        if info.state.messages == 0 || info.state.last_sequence <= self.read_to {
            return Ok(heads);
        }
        let start = DeliverPolicy::ByStartSequence { start_sequence: self.read_to + 1 };
        let consumer = self.stream.create_consumer(passing_consumer(start)).await;
        let consumer = consumer.map_err(|error| OpenError::setup(&error))?;
        let mut missing = consumer.cached_info().num_pending;
        let messages =
            consumer.stream().max_messages_per_batch(1000).heartbeat(Duration::from_secs(2)).messages().await;
        let mut messages = messages.map_err(|error| OpenError::setup(&error))?;
        while missing > 0 {
            let next = timeout(patience.limit(), messages.next()).await;
            let next = next.map_err(|_| OpenError::Slow("reading the heads does not get on"))?;
            let message = next.ok_or(OpenError::Slow("reading the heads ended early"))?;
            let message = message.map_err(|error| OpenError::setup(&error))?;
            let of_message = message.info().map_err(|error| OpenError::Setup { reason: error.to_string() })?;
            (self.read_to, missing) = (of_message.stream_sequence, of_message.pending);
            patience.came_to_head(self.read_to);
            heads.push(message::decode_head(&message.payload).map_err(|error| OpenError::setup(&error))?);
        }
        Ok(heads)
    }
}
