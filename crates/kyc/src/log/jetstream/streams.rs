//! The streams of a log: their names, how they have to be configured, and making those that are not there.
//!
//! - `<prefix>-events`: every event, in order; subjects `<prefix>.<base64url(customer)>.<entity>`.
//! - `<prefix>-heads`: the head of each entity whose events are all gone; subjects `<prefix>.head.<base64url(customer)>.<entity>`.
//! - `KV_<prefix>-state`: how far events are gone, and remembered times.
//! - `KV_<prefix>-leases`: who does what only one replica at a time does.
//! - `KV_<prefix>-quarantine`: webhooks that could not be understood.
//!
//! What is only read by one who then compares and sets could be read from any server. All of these are read from the
//! stream's leader instead, so that what was written by one replica is not missed by the next.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind, RequestError, RequestErrorKind};
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::stream::{Compression, Config, DiscardPolicy, Info, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use tokio::time::{Instant, sleep};

use super::connect::{self, SILENT};
use super::{JetStreamOptions, OpenError, words};
use crate::id::{Epoch, Lineage, Position};

/// The layout of streams and messages that this version keeps.
const FORMAT: &str = "1";
const FORMAT_KEY: &str = "gridgate.format";
const EPOCH_KEY: &str = "gridgate.epoch";
const ANCESTORS_KEY: &str = "gridgate.ancestors";
/// Set while another log is being copied here, and on a log that was copied elsewhere.
pub(super) const SEALED_KEY: &str = "gridgate.sealed";

/// The names of a log's streams.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) prefix: String,
}

impl Names {
    /// # Errors
    /// When the prefix has something in it that a name cannot have.
    pub(super) fn new(prefix: &str) -> Result<Self, OpenError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if prefix.is_empty() || prefix.len() > 32 || !prefix.bytes().all(plain) {
            return Err(OpenError::Prefix);
        }
        Ok(Self { prefix: prefix.to_owned() })
    }

    pub(super) fn events(&self) -> String {
        format!("{}-events", self.prefix)
    }

    pub(super) fn heads(&self) -> String {
        format!("{}-heads", self.prefix)
    }

    fn bucket(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }
}

/// The streams of an open log.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    pub(super) events: Stream,
    pub(super) heads: Stream,
    pub(super) state: Store,
    pub(super) leases: Store,
    pub(super) quarantine: Store,
}

/// How a new log begins.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) lineage: Lineage,
    /// The position of its first event.
    pub(super) first: u64,
    /// Why nobody may write to it yet.
    pub(super) sealed: Option<String>,
}

impl Origin {
    pub(super) fn fresh() -> Self {
        Self { lineage: Lineage::new(Epoch::random()), first: 1, sealed: None }
    }
}

/// Makes the streams that are not there, and looks whether those that are there are as they have to be.
pub(super) async fn set_up(
    context: &Context,
    names: &Names,
    options: &JetStreamOptions,
    origin: Origin,
) -> Result<Streams, OpenError> {
    // The events come last: whoever finds them finds the others too.
    let heads = ensure(context, heads_config(names, options), options).await?;
    let mut stores = Vec::new();
    for (name, max_age) in [("state", Duration::ZERO), ("leases", options.lease), ("quarantine", Duration::ZERO)] {
        let bucket = names.bucket(name);
        ensure(context, bucket_config(&bucket, max_age, options), options).await?;
        stores.push(context.get_key_value(bucket).await.map_err(|error| OpenError::setup(&error))?);
    }
    let events = ensure(context, events_config(names, options, origin), options).await?;
    let [state, leases, quarantine] =
        <[Store; 3]>::try_from(stores).map_err(|_| OpenError::Setup { reason: "a bucket is missing".to_owned() })?;
    Ok(Streams { events, heads, state, leases, quarantine })
}

fn events_config(names: &Names, options: &JetStreamOptions, origin: Origin) -> Config {
    let Origin { lineage, first, sealed } = origin;
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

/// A bucket as async-nats makes it, but without direct gets.
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

/// Makes a stream, or takes the one there is. A cluster that is just starting is given time.
async fn ensure(context: &Context, wanted: Config, options: &JetStreamOptions) -> Result<Stream, OpenError> {
    let (began, deadline) = (Instant::now(), Instant::now() + options.patience);
    let obstacle = &options.obstacle;
    loop {
        let error = match obstacle.unless_soon(SILENT, context.get_stream(&wanted.name)).await {
            Ok(stream) => {
                let info = stream.cached_info();
                compare(&wanted, &info.config)?;
                return Ok(stream);
            }
            Err(error) if is_missing(&error.kind()) => {
                match obstacle.unless_soon(SILENT, context.create_stream(wanted.clone())).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => {
                        let why = explained(&error, code_of_creation(&error.kind()), &wanted);
                        // Another replica may have been faster: then it is there.
                        if let CreateStreamErrorKind::JetStream(refused) = error.kind()
                            && !is_passing(refused.error_code())
                        {
                            return Err(why);
                        }
                        why
                    }
                }
            }
            Err(error) => explained(&error, code_of_reading(&error.kind()), &wanted),
        };
        // Replicas that start together are in each other's way for a moment.
        if began.elapsed() >= connect::PASSING {
            obstacle.met(&error.to_string());
        }
        if Instant::now() >= deadline {
            return Err(error);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

fn code_of_creation(kind: &CreateStreamErrorKind) -> Option<ErrorCode> {
    match kind {
        CreateStreamErrorKind::JetStream(error) => Some(error.error_code()),
        CreateStreamErrorKind::EmptyStreamName
        | CreateStreamErrorKind::InvalidStreamName
        | CreateStreamErrorKind::DomainAndExternalSet
        | CreateStreamErrorKind::JetStreamUnavailable
        | CreateStreamErrorKind::TimedOut
        | CreateStreamErrorKind::Response
        | CreateStreamErrorKind::NotFound
        | CreateStreamErrorKind::ResponseParse => None,
    }
}

fn code_of_reading(kind: &GetStreamErrorKind) -> Option<ErrorCode> {
    match kind {
        GetStreamErrorKind::JetStream(error) => Some(error.error_code()),
        GetStreamErrorKind::EmptyName | GetStreamErrorKind::Request | GetStreamErrorKind::InvalidStreamName => None,
    }
}

/// What a server said, and what an operator can do about it where that is known.
fn explained(error: &(dyn Error + 'static), code: Option<ErrorCode>, wanted: &Config) -> OpenError {
    const SWITCHED_OFF: [ErrorCode; 2] =
        [ErrorCode::JETSTREAM_NOT_ENABLED, ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT];
    const NO_ROOM: [ErrorCode; 4] = [
        ErrorCode::STORAGE_RESOURCES_EXCEEDED,
        ErrorCode::INSUFFICIENT_RESOURCES,
        ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
        ErrorCode::CLUSTER_NO_PEERS,
    ];
    let nobody = |error: &RequestError| error.kind() == RequestErrorKind::NoResponders;
    if error.source().and_then(|source| source.downcast_ref()).is_some_and(nobody) {
        let reason =
            "nobody answers (JetStream is switched off at the servers, or none of them leads it yet)".to_owned();
        return OpenError::Setup { reason };
    }
    let said = words(error);
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

fn is_missing(kind: &GetStreamErrorKind) -> bool {
    match kind {
        GetStreamErrorKind::JetStream(error) => error.error_code() == ErrorCode::STREAM_NOT_FOUND,
        GetStreamErrorKind::EmptyName | GetStreamErrorKind::Request | GetStreamErrorKind::InvalidStreamName => false,
    }
}

/// Whether what the server said passes by itself.
fn is_passing(code: ErrorCode) -> bool {
    [
        ErrorCode::STREAM_NAME_EXIST,
        ErrorCode::CLUSTER_NOT_AVAILABLE,
        ErrorCode::CLUSTER_NO_PEERS,
        ErrorCode::INSUFFICIENT_RESOURCES,
    ]
    .contains(&code)
}

/// Names everything in which a stream is configured otherwise than it has to be.
fn compare(wanted: &Config, found: &Config) -> Result<(), OpenError> {
    let mut differences = Vec::new();
    let mut same = |what: &str, wanted: String, found: String| {
        if wanted != found {
            differences.push(format!("{what} is {found} and has to be {wanted}"));
        }
    };
    let limit = |number: i64| if number <= 0 { "unlimited".to_owned() } else { number.to_string() };
    let age = |age: Duration| if age.is_zero() { "unlimited".to_owned() } else { format!("{age:?}") };
    // A log that was copied elsewhere takes nothing any more; whoever opens it says so better.
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
    // What the server sets by itself where nothing is asked for is not compared.
    if !wanted.duplicate_window.is_zero() && found.duplicate_window < wanted.duplicate_window {
        let (found, wanted) = (found.duplicate_window, wanted.duplicate_window);
        differences.push(format!("duplicate_window is {found:?} and has to be at least {wanted:?}"));
    }
    for key in [FORMAT_KEY] {
        if let Some(wanted) = wanted.metadata.get(key)
            && found.metadata.get(key) != Some(wanted)
        {
            let found = found.metadata.get(key).map_or("missing", String::as_str);
            differences.push(format!("the metadata {key} is {found} and has to be {wanted}"));
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(OpenError::Differs { stream: wanted.name.clone(), differences: differences.join("; ") })
}

/// What the stream says about the log it holds.
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

/// Whether what a server says about a stream is the latest: whether it leads, and has heard of most of the others so
/// lately that they cannot have agreed on another leader (which takes them four seconds of silence at least).
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
