//! The streams of a log: their configuration, and creating those that are missing.
//!
//! - `<prefix>-events`: every event, in order; subjects `<prefix>.<base64url(customer)>.<entity>`.
//! - `<prefix>-heads`: the head of each entity whose events are all deleted; subjects `<prefix>.head.<base64url(customer)>.<entity>`.
//! - `KV_<prefix>-state`: up to where events are deleted, and remembered times.
//! - `KV_<prefix>-leases`: leader leases.
//! - `KV_<prefix>-quarantine`: webhooks that could not be understood.
//!
//! All of these are read from the stream's leader, and not from any server, so that a replica does not miss what another one wrote.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use async_nats::jetstream::context::{
    CreateStreamError, CreateStreamErrorKind, GetStreamErrorKind, RequestError, RequestErrorKind,
};
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::stream::{Compression, Config, DiscardPolicy, Info, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use tokio::time::{Instant, sleep};

use super::connect::{self, SILENT};
use super::names::Names;
use super::options::{JetStreamOptions, OpenError, with_causes};
use crate::id::{Epoch, Lineage, Position};

/// The layout of streams and messages of this version.
const FORMAT: &str = "1";
const FORMAT_KEY: &str = "gridgate.format";
const EPOCH_KEY: &str = "gridgate.epoch";
const ANCESTORS_KEY: &str = "gridgate.ancestors";
/// Set while another log is copied here, and on a log that was copied elsewhere.
pub(super) const SEALED_KEY: &str = "gridgate.sealed";

/// The streams of an open log.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    pub(super) events: Stream,
    pub(super) heads: Stream,
    pub(super) state: Store,
    pub(super) leases: Store,
    pub(super) quarantine: Store,
}

/// The beginning of a new log.
#[derive(Debug, Clone)]
pub(super) struct Beginning {
    pub(super) lineage: Lineage,
    /// The position of its first event.
    pub(super) first: u64,
    /// Why it is sealed at first.
    pub(super) sealed: Option<String>,
}

impl Beginning {
    pub(super) fn fresh() -> Self {
        Self { lineage: Lineage::new(Epoch::random()), first: 1, sealed: None }
    }
}

/// Creates missing streams, and checks the configuration of those that exist.
pub(super) async fn set_up(
    context: &Context,
    names: &Names,
    options: &JetStreamOptions,
    beginning: Beginning,
) -> Result<Streams, OpenError> {
    // The events come last: a replica that finds them finds the others too.
    let heads = ensure(context, heads_config(names, options), options).await?;
    let mut stores = Vec::new();
    for (name, max_age) in [("state", Duration::ZERO), ("leases", options.lease), ("quarantine", Duration::ZERO)] {
        let bucket = names.bucket(name);
        ensure(context, bucket_config(&bucket, max_age, options), options).await?;
        stores.push(context.get_key_value(bucket).await.map_err(|error| OpenError::setup(&error))?);
    }
    let events = ensure(context, events_config(names, options, beginning), options).await?;
    let [state, leases, quarantine] =
        <[Store; 3]>::try_from(stores).map_err(|_| OpenError::Setup { reason: "a bucket is missing".to_owned() })?;
    Ok(Streams { events, heads, state, leases, quarantine })
}

fn events_config(names: &Names, options: &JetStreamOptions, beginning: Beginning) -> Config {
    let Beginning { lineage, first, sealed } = beginning;
    let ancestors: Vec<_> = lineage.ancestors.iter().map(|(epoch, up_to)| format!("{epoch}@{}", up_to.get())).collect();
    let mut metadata = HashMap::from([
        (FORMAT_KEY.to_owned(), FORMAT.to_owned()),
        (EPOCH_KEY.to_owned(), lineage.epoch.to_string()),
        (ANCESTORS_KEY.to_owned(), ancestors.join(",")),
    ]);
    metadata.extend(sealed.map(|why| (SEALED_KEY.to_owned(), why)));
    Config {
        name: names.events(),
        description: Some("gridgate's event log. gridgate lets go of old events itself.".to_owned()),
        subjects: vec![format!("{}.*.*", names.prefix)],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        max_bytes: i64::try_from(options.retention.max_bytes).unwrap_or(i64::MAX),
        max_messages: -1,
        max_messages_per_subject: -1,
        num_replicas: options.replicas,
        duplicate_window: options.duplicate_window,
        compression: Some(Compression::S2),
        first_sequence: Some(first).filter(|first| *first > 1),
        metadata,
        ..Config::default()
    }
}

fn heads_config(names: &Names, options: &JetStreamOptions) -> Config {
    Config {
        name: names.heads(),
        description: Some("What gridgate holds to be so where the events are gone.".to_owned()),
        subjects: vec![format!("{}.head.*.*", names.prefix)],
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        max_bytes: -1,
        max_messages: -1,
        max_messages_per_subject: 1,
        num_replicas: options.replicas,
        compression: Some(Compression::S2),
        ..Config::default()
    }
}

/// A bucket as async-nats creates it, but without direct gets.
fn bucket_config(bucket: &str, max_age: Duration, options: &JetStreamOptions) -> Config {
    Config {
        name: format!("KV_{bucket}"),
        subjects: vec![format!("$KV.{bucket}.>")],
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        allow_rollup: true,
        deny_delete: true,
        max_age,
        max_bytes: -1,
        max_messages: -1,
        max_messages_per_subject: 1,
        num_replicas: options.replicas,
        ..Config::default()
    }
}

/// Creates a stream, or checks the existing one. A cluster that is just starting is given time.
async fn ensure(context: &Context, wanted: Config, options: &JetStreamOptions) -> Result<Stream, OpenError> {
    let (began, deadline) = (Instant::now(), Instant::now() + options.patience);
    let obstacle = &options.obstacle;
    loop {
        let error = match obstacle.unless_soon(SILENT, context.get_stream(&wanted.name)).await {
            Ok(stream) => {
                compare(&wanted, &stream.cached_info().config)?;
                return Ok(stream);
            }
            Err(error) => {
                let code = if let GetStreamErrorKind::JetStream(error) = error.kind() {
                    Some(error.error_code())
                } else {
                    None
                };
                if code == Some(ErrorCode::STREAM_NOT_FOUND) {
                    match obstacle.unless_soon(SILENT, context.create_stream(wanted.clone())).await {
                        Ok(stream) => return Ok(stream),
                        Err(error) => refused_creation(&error, &wanted)?,
                    }
                } else {
                    explained(&error, code, &wanted)
                }
            }
        };
        // Replicas that start together conflict for a moment.
        if began.elapsed() >= connect::PASSING {
            obstacle.met(&error.to_string());
        }
        if Instant::now() >= deadline {
            return Err(error);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Why a stream was not created; as an error if it is of no use to try again.
fn refused_creation(error: &CreateStreamError, wanted: &Config) -> Result<OpenError, OpenError> {
    // Another replica may have been faster: then the stream exists.
    const TEMPORARY: [ErrorCode; 4] = [
        ErrorCode::STREAM_NAME_EXIST,
        ErrorCode::CLUSTER_NOT_AVAILABLE,
        ErrorCode::CLUSTER_NO_PEERS,
        ErrorCode::INSUFFICIENT_RESOURCES,
    ];
    let CreateStreamErrorKind::JetStream(refused) = error.kind() else { return Ok(explained(error, None, wanted)) };
    let why = explained(error, Some(refused.error_code()), wanted);
    if TEMPORARY.contains(&refused.error_code()) { Ok(why) } else { Err(why) }
}

/// A server's error, with what an operator can do about it where that is known.
fn explained(error: &(dyn Error + 'static), code: Option<ErrorCode>, wanted: &Config) -> OpenError {
    const SWITCHED_OFF: [ErrorCode; 2] =
        [ErrorCode::JETSTREAM_NOT_ENABLED, ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT];
    const NO_ROOM: [ErrorCode; 4] = [
        ErrorCode::STORAGE_RESOURCES_EXCEEDED,
        ErrorCode::INSUFFICIENT_RESOURCES,
        ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
        ErrorCode::CLUSTER_NO_PEERS,
    ];
    let no_responders = |error: &RequestError| error.kind() == RequestErrorKind::NoResponders;
    if error.source().and_then(|source| source.downcast_ref()).is_some_and(no_responders) {
        let reason =
            "nobody answers (JetStream is switched off at the servers, or none of them leads it yet)".to_owned();
        return OpenError::Setup { reason };
    }
    let said = with_causes(error);
    let stream = &wanted.name;
    let hint = match code {
        Some(code) if SWITCHED_OFF.contains(&code) => {
            " (switch JetStream on at the servers, and for the account)".to_owned()
        }
        Some(code) if NO_ROOM.contains(&code) => format!(
            " (stream {stream}, on {} servers; event.max_size is reserved on each of them: there has to be room for it within \
             max_file_store and the account's limits)",
            wanted.num_replicas
        ),
        Some(_) => format!(" (stream {stream})"),
        None => String::new(),
    };
    OpenError::Setup { reason: format!("{said}{hint}") }
}

/// Checks a stream's configuration, and names all differences.
fn compare(wanted: &Config, found: &Config) -> Result<(), OpenError> {
    let mut differences = Vec::new();
    let mut same = |what: &str, wanted: String, found: String| {
        if wanted != found {
            differences.push(format!("{what} is {found} and has to be {wanted}"));
        }
    };
    let limit = |number: i64| if number <= 0 { "unlimited".to_owned() } else { number.to_string() };
    let age = |age: Duration| if age.is_zero() { "unlimited".to_owned() } else { format!("{age:?}") };
    // A log that was copied elsewhere is sealed; opening it reports that better.
    if !found.metadata.contains_key(SEALED_KEY) {
        same("subjects", wanted.subjects.join(" "), found.subjects.join(" "));
    }
    same("num_replicas", wanted.num_replicas.to_string(), found.num_replicas.to_string());
    same("storage", format!("{:?}", wanted.storage), format!("{:?}", found.storage));
    same("retention", format!("{:?}", wanted.retention), format!("{:?}", found.retention));
    same("discard", format!("{:?}", wanted.discard), format!("{:?}", found.discard));
    same("max_age", age(wanted.max_age), age(found.max_age));
    same("max_bytes", limit(wanted.max_bytes), limit(found.max_bytes));
    same("max_msgs", limit(wanted.max_messages), limit(found.max_messages));
    same("max_msgs_per_subject", limit(wanted.max_messages_per_subject), limit(found.max_messages_per_subject));
    same("no_ack", wanted.no_ack.to_string(), found.no_ack.to_string());
    same("sealed", wanted.sealed.to_string(), found.sealed.to_string());
    // The server sets a window by itself where none is wanted.
    if !wanted.duplicate_window.is_zero() && found.duplicate_window < wanted.duplicate_window {
        let (found, wanted) = (found.duplicate_window, wanted.duplicate_window);
        differences.push(format!("duplicate_window is {found:?} and has to be at least {wanted:?}"));
    }
    if let Some(wanted) = wanted.metadata.get(FORMAT_KEY)
        && found.metadata.get(FORMAT_KEY) != Some(wanted)
    {
        let found = found.metadata.get(FORMAT_KEY).map_or("missing", String::as_str);
        differences.push(format!("the metadata {FORMAT_KEY} is {found} and has to be {wanted}"));
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(OpenError::Differs { stream: wanted.name.clone(), differences: differences.join("; ") })
}

/// The lineage in the metadata of the events' stream.
pub(super) fn lineage(info: &Info) -> Result<Lineage, OpenError> {
    let metadata = &info.config.metadata;
    let unreadable = |key: &'static str| OpenError::Setup { reason: format!("the metadata {key} cannot be read") };
    let epoch = |text: &str| text.parse().ok().map(Epoch::from_uuid);
    let own = metadata.get(EPOCH_KEY).and_then(|text| epoch(text)).ok_or(unreadable(EPOCH_KEY))?;
    let mut ancestors = Vec::new();
    let listed = metadata.get(ANCESTORS_KEY).map_or("", String::as_str);
    for text in listed.split(',').filter(|text| !text.is_empty()) {
        let ancestor = text
            .split_once('@')
            .and_then(|(ancestor, up_to)| Some((epoch(ancestor)?, Position::new(up_to.parse().ok()?))));
        ancestors.push(ancestor.ok_or(unreadable(ANCESTORS_KEY))?);
    }
    Ok(Lineage { epoch: own, ancestors })
}

/// Whether a server's information about a stream is the latest: it leads, and has heard from most of the others so lately that they
/// cannot have elected another leader (which takes at least four seconds of silence).
pub(super) fn is_certain(info: &Info) -> bool {
    const LATELY: Duration = Duration::from_secs(3);
    let Some(cluster) = &info.cluster else { return true };
    if cluster.leader.is_none() {
        return cluster.replicas.is_empty();
    }
    let all = cluster.replicas.len() + 1;
    let heard = 1 + cluster.replicas.iter().filter(|peer| !peer.offline && peer.active < LATELY).count();
    heard * 2 > all
}

/// The events' stream, once its leader is certain to lead.
pub(super) async fn certain_info(streams: &Streams, options: &JetStreamOptions) -> Result<Info, OpenError> {
    const NO_QUORUM: &str = "the stream has no leader with a quorum";
    let (began, deadline) = (Instant::now(), Instant::now() + options.patience);
    loop {
        let info = options.obstacle.unless_soon(connect::SILENT, streams.events.get_info()).await;
        if let Ok(info) = info
            && is_certain(&info)
        {
            return Ok(info);
        }
        if began.elapsed() >= connect::PASSING {
            options.obstacle.met(NO_QUORUM);
        }
        if Instant::now() >= deadline {
            return Err(OpenError::Slow(NO_QUORUM));
        }
        sleep(Duration::from_millis(100)).await;
    }
}
