//! Moves a log from a file to JetStream, or back, with its epoch, positions and ids, so that tokens stay valid.
//!
//! The source is sealed first, and stays sealed: nothing is recorded in a log that is left behind. The target cannot be used before it
//! is complete. An interrupted copy continues where it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::event_log::EventLog;
use super::jetstream::{self, JetStreamOptions, Target};
use super::sqlite::lock::{LockFile, prepare_folder};
use super::store::{Bookmark, HeadFilter, LogError, LogReader as _, Quarantined};
use super::tables::error::OpenError as FileError;
use super::tables::mirror::{Entry, Mirror};
use crate::clock::SystemClock;
use crate::head::Head;
use crate::id::{Lineage, ObservationId, Position, Scope};
use crate::token::Mark;

/// Where a log is.
#[derive(Debug, Clone)]
pub enum LogLocation {
    /// In a file.
    File(PathBuf),
    /// On JetStream.
    JetStream(Box<JetStreamOptions>),
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Events that are at the target.
    pub copied: u64,
    /// Events there are to copy.
    pub all: u64,
}

/// Why a log was not copied.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages document the variants")]
pub enum CopyError {
    #[error("one of the two has to be a file, and the other on NATS")]
    SameKind,
    #[error("there is no event log at {0}")]
    NoSource(String),
    #[error("the event log in the file cannot be used")]
    File(#[from] FileError),
    #[error("the event log on JetStream cannot be used")]
    JetStream(#[from] jetstream::OpenError),
    #[error("{0} holds another event log, or a complete one")]
    Occupied(String),
    #[error(transparent)]
    Log(#[from] LogError),
}

const EVENTS_AT_ONCE: usize = 256;
const HEADS_AT_ONCE: usize = 1000;
/// The seal of an incomplete log.
const INCOMPLETE: &str = "another event log is being copied here, and the copy is not complete; run the copy again";

/// Copies a log. `progress` is called after each step.
///
/// # Errors
/// A repeated call does not copy again what was copied before the error.
pub async fn copy(from: LogLocation, to: LogLocation, progress: impl FnMut(Progress)) -> Result<Progress, CopyError> {
    match (from, to) {
        (LogLocation::File(from), LogLocation::JetStream(to)) => file_to_jetstream(&from, &to, progress).await,
        (LogLocation::JetStream(from), LogLocation::File(to)) => jetstream_to_file(*from, &to, progress).await,
        (LogLocation::File(_), LogLocation::File(_)) | (LogLocation::JetStream(_), LogLocation::JetStream(_)) => {
            Err(CopyError::SameKind)
        }
    }
}

/// Unseals a log, so that it can be written to again. Its copy must not be used then.
///
/// # Errors
/// The log cannot be reached, or is open.
pub async fn unseal(location: LogLocation) -> Result<(), CopyError> {
    match location {
        LogLocation::JetStream(options) => Ok(jetstream::unseal(&options).await?),
        LogLocation::File(path) => {
            let source = LogFile::open(&path).await?;
            source.seal(None).await
        }
    }
}

/// What a log holds.
struct Contents {
    mirror: Arc<Mirror>,
    oldest: Mark,
    deleted_at: Timestamp,
    end: Position,
}

impl Contents {
    async fn of(mirror: &Arc<Mirror>) -> Result<Self, CopyError> {
        let (bounds, deleted_at) = mirror.bounds().await?;
        let deleted_at = deleted_at.unwrap_or(Timestamp::MIN);
        Ok(Self { mirror: Arc::clone(mirror), oldest: bounds.oldest, deleted_at, end: bounds.end.position })
    }

    fn progress(&self, at: Position) -> Progress {
        Progress { copied: at.ahead_of(self.oldest.position), all: self.end.ahead_of(self.oldest.position) }
    }

    /// The next heads after `after` of entities whose events are all deleted. None: there are no more heads.
    async fn old_heads(&self, after: &mut Option<Arc<Head>>) -> Result<Option<Vec<Arc<Head>>>, CopyError> {
        let key = after.as_ref().map(|head| head.entity());
        let tables = self.mirror.tables();
        let heads = tables.heads(HeadFilter::In(&Scope::ALL), key.as_ref(), HEADS_AT_ONCE).await?;
        let Some(last) = heads.last() else { return Ok(None) };
        *after = Some(Arc::clone(last));
        Ok(Some(heads.into_iter().filter(|head| head.last_event <= self.oldest.position).collect()))
    }
}

/// A file to copy from or into, locked.
struct LogFile {
    mirror: Arc<Mirror>,
    _lock: LockFile,
}

impl LogFile {
    /// An existing log.
    async fn open(path: &Path) -> Result<Self, CopyError> {
        if !path.exists() {
            return Err(CopyError::NoSource(path.display().to_string()));
        }
        let path = path.to_owned();
        blocking(move || {
            let lock = LockFile::take(&path)?;
            let mirror = Arc::new(Mirror::of_log(lock.path())?);
            Ok(Self { mirror, _lock: lock })
        })
        .await
    }

    /// A file that a log of this lineage is copied into: a new one, or one that was begun.
    async fn target(path: &Path, lineage: &Lineage) -> Result<Self, CopyError> {
        let (path, lineage) = (path.to_owned(), lineage.clone());
        blocking(move || {
            prepare_folder(&path)?;
            let lock = LockFile::take(&path)?;
            match Mirror::of_copy(lock.path(), &lineage, INCOMPLETE)? {
                Some(mirror) => Ok(Self { mirror: Arc::new(mirror), _lock: lock }),
                None => Err(CopyError::Occupied(path.display().to_string())),
            }
        })
        .await
    }

    /// Runs what blocks.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Mirror) -> Result<T, CopyError> + Send + 'static,
    ) -> Result<T, CopyError> {
        let mirror = Arc::clone(&self.mirror);
        blocking(move || work(&mirror)).await
    }

    async fn seal(&self, why: Option<&'static str>) -> Result<(), CopyError> {
        self.run(move |mirror| Ok(mirror.seal(why)?)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CopyError> + Send + 'static,
) -> Result<T, CopyError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(CopyError::Log(LogError::Unavailable { reason: "a thread ended early".to_owned() })),
    }
}

/// Copies webhooks in quarantine, a page at a time, and then bookmarks.
async fn copy_by_name(
    page: impl AsyncFn(Option<&ObservationId>) -> Result<Vec<Quarantined>, LogError>,
    bookmark: impl AsyncFn(Bookmark) -> Result<Option<Timestamp>, LogError>,
    put: impl AsyncFn(Vec<Quarantined>, Vec<(Bookmark, Timestamp)>) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let mut after = None;
    loop {
        let webhooks = page(after.as_ref()).await?;
        let Some(last) = webhooks.last() else { break };
        after = Some(last.id.clone());
        put(webhooks, Vec::new()).await?;
    }
    let mut bookmarks = Vec::new();
    for name in Bookmark::ALL {
        bookmarks.extend(bookmark(name).await?.map(|at| (name, at)));
    }
    put(Vec::new(), bookmarks).await
}

async fn file_to_jetstream(
    from: &Path,
    to: &JetStreamOptions,
    mut progress: impl FnMut(Progress),
) -> Result<Progress, CopyError> {
    let source = LogFile::open(from).await?;
    let lineage = source.run(|mirror| Ok(mirror.lineage()?)).await?;
    source.seal(Some("it is being moved to NATS, or was")).await?;
    let contents = Contents::of(&source.mirror).await?;
    let target = Target::open(to, &lineage, contents.oldest, INCOMPLETE).await?;
    target.remember_deleted(contents.oldest, contents.deleted_at).await?;
    let mut after = None;
    while let Some(heads) = contents.old_heads(&mut after).await? {
        target.put_heads(heads).await?;
    }
    let mut at = Position::new(target.copied_to().await?);
    progress(contents.progress(at));
    while at < contents.end {
        let entries = source.mirror.entries(at, EVENTS_AT_ONCE).await?;
        target.put_events(&entries, at.get()).await?;
        at = entries.last().map_or(contents.end, |entry| entry.event.position);
        progress(contents.progress(at));
    }
    copy_by_name(
        async |after| source.mirror.quarantined(after, EVENTS_AT_ONCE).await,
        async |name| source.mirror.bookmark(name).await,
        async |webhooks, bookmarks| Ok(target.put_by_name(webhooks, &bookmarks).await?),
    )
    .await?;
    target.finish().await?;
    source.mirror.tables().close().await;
    Ok(contents.progress(at))
}

async fn jetstream_to_file(
    from: JetStreamOptions,
    to: &Path,
    mut progress: impl FnMut(Progress),
) -> Result<Progress, CopyError> {
    jetstream::seal(&from, "it is being moved to a file, or was").await?;
    let (log, mirror): (EventLog, _) = jetstream::open_with_tables(from, Arc::new(SystemClock), true).await?;
    let contents = Contents::of(&mirror).await?;
    let target = LogFile::target(to, log.lineage()).await?;
    let (has, _) = target.mirror.bounds().await?;
    if has.oldest != contents.oldest {
        let (oldest, deleted_at) = (contents.oldest, contents.deleted_at);
        target.run(move |mirror| Ok(mirror.trim(oldest, deleted_at)?)).await?;
    }
    let mut after = None;
    while let Some(heads) = contents.old_heads(&mut after).await? {
        target.run(move |mirror| Ok(mirror.put_heads(&heads)?)).await?;
    }
    let mut at = target.mirror.bounds().await?.0.end.position;
    progress(contents.progress(at));
    while at < contents.end {
        let entries: Vec<Entry> = mirror.entries(at, EVENTS_AT_ONCE).await?;
        at = entries.last().map_or(contents.end, |entry| entry.event.position);
        target.run(move |mirror| Ok(mirror.apply(entries).map(drop)?)).await?;
        progress(contents.progress(at));
    }
    copy_by_name(
        async |after| log.quarantine().page(after, EVENTS_AT_ONCE).await,
        async |name| log.bookmarks().get(name).await,
        async |webhooks, bookmarks| target.run(move |mirror| Ok(mirror.put_by_name(webhooks, &bookmarks)?)).await,
    )
    .await?;
    let copied = contents.progress(at);
    target.seal(None).await?;
    target.mirror.tables().close().await;
    log.close().await;
    Ok(copied)
}
