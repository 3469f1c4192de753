//! Moving a log from a file to JetStream, or back, with its epoch, its positions and its ids, so that tokens stay good.
//!
//! The source is sealed first, and stays so: nothing is recorded in a log that is left behind. The target cannot be used
//! before it is complete. A copy that was interrupted goes on where it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::jetstream::{self, JetStreamLog, JetStreamOptions, Target, Use};
use super::sqlite::folder;
use super::sqlite::view::{Entry, View};
use super::sqlite::{LockFile, OpenError as FileError, Which};
use super::{Bookmark, EventLog, LogError, Quarantined};
use crate::clock::SystemClock;
use crate::head::Head;
use crate::id::{Lineage, ObservationId, Position};
use crate::token::Mark;

/// Where a log is.
#[derive(Debug, Clone)]
pub enum Place {
    /// In this file.
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
pub enum CopyError {
    /// A log in a file is only moved to JetStream, and the other way round.
    #[error("one of the two has to be a file, and the other on NATS")]
    SameKind,
    /// There is no log to copy.
    #[error("there is no event log at {0}")]
    NoSource(String),
    /// A file cannot be used.
    #[error("the event log in the file cannot be used")]
    File(#[from] FileError),
    /// JetStream cannot be used.
    #[error("the event log on JetStream cannot be used")]
    JetStream(#[from] jetstream::OpenError),
    /// The target is another log.
    #[error("{0} holds another event log, or a complete one")]
    Occupied(String),
    /// Reading or writing failed; it may be tried again.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// How many events go at once.
const AT_ONCE: usize = 256;
/// How many heads go at once.
const HEADS_AT_ONCE: usize = 1000;
/// What is said of a log that is not complete yet.
const INCOMPLETE: &str = "another event log is being copied here, and the copy is not complete; run the copy again";

/// Copies a log. `progress` hears of each step.
///
/// # Errors
/// Where something is in the way, or fails; what was copied until then is not copied again.
pub async fn copy(from: Place, to: Place, progress: impl FnMut(Progress)) -> Result<Progress, CopyError> {
    match (from, to) {
        (Place::File(from), Place::JetStream(to)) => file_to_jetstream(&from, &to, progress).await,
        (Place::JetStream(from), Place::File(to)) => jetstream_to_file(*from, &to, progress).await,
        (Place::File(_), Place::File(_)) | (Place::JetStream(_), Place::JetStream(_)) => Err(CopyError::SameKind),
    }
}

/// Lets a log be written to again that was sealed. Whoever does that has decided not to use the copy.
///
/// # Errors
/// When it cannot be reached, or somebody has it open.
pub async fn unseal(place: Place) -> Result<(), CopyError> {
    match place {
        Place::JetStream(options) => Ok(jetstream::unseal(&options).await?),
        Place::File(path) => {
            let source = FileSource::open(&path).await?;
            source.seal(None).await
        }
    }
}

/// What a log holds, as far as copying goes.
struct Contents<'a> {
    view: &'a View,
    oldest: Mark,
    gone_recorded_at: Timestamp,
    end: Position,
}

impl<'a> Contents<'a> {
    async fn of(view: &'a View) -> Result<Self, CopyError> {
        let (bounds, gone_recorded_at) = view.bounds().await?;
        let gone_recorded_at = gone_recorded_at.and_then(|micros| Timestamp::from_microsecond(micros).ok());
        let gone_recorded_at = gone_recorded_at.unwrap_or(Timestamp::MIN);
        Ok(Self { view, oldest: bounds.oldest, gone_recorded_at, end: bounds.end.position })
    }

    fn progress(&self, at: Position) -> Progress {
        Progress { copied: at.ahead_of(self.oldest.position), all: self.end.ahead_of(self.oldest.position) }
    }

    /// Heads of entities whose events are all gone, after `after`; and where to go on.
    async fn old_heads(&self, after: &mut Option<Arc<Head>>) -> Result<Option<Vec<Arc<Head>>>, CopyError> {
        let key = after.as_ref().map(|head| head.entity());
        let heads = self.view.list(Which::All, key.as_ref(), HEADS_AT_ONCE).await?;
        let Some(last) = heads.last() else { return Ok(None) };
        *after = Some(Arc::clone(last));
        Ok(Some(heads.into_iter().filter(|head| head.last_event <= self.oldest.position).collect()))
    }
}

/// A file that holds the log to copy, or will; nobody else has it.
struct FileSource {
    view: Arc<View>,
    _lock: LockFile,
}

impl FileSource {
    /// A file that is there.
    async fn open(path: &Path) -> Result<Self, CopyError> {
        if !path.exists() {
            return Err(CopyError::NoSource(path.display().to_string()));
        }
        let path = path.to_owned();
        blocking(move || {
            let lock = LockFile::take(&path)?;
            let view = Arc::new(View::open_existing(lock.path())?);
            Ok(Self { view, _lock: lock })
        })
        .await
    }

    /// A file that a log of this lineage is copied into: a new one, or one that was begun.
    async fn target(path: &Path, lineage: &Lineage) -> Result<Self, CopyError> {
        let (path, lineage) = (path.to_owned(), lineage.clone());
        blocking(move || {
            folder::prepare(&path)?;
            let lock = LockFile::take(&path)?;
            match View::open_copy(lock.path(), &lineage, INCOMPLETE)? {
                Some(view) => Ok(Self { view: Arc::new(view), _lock: lock }),
                None => Err(CopyError::Occupied(path.display().to_string())),
            }
        })
        .await
    }

    async fn seal(&self, why: Option<&'static str>) -> Result<(), CopyError> {
        let view = Arc::clone(&self.view);
        blocking(move || Ok(view.seal(why)?)).await
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

/// Copies what is kept by name, a page at a time: webhooks in quarantine, then remembered times.
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
    let source = FileSource::open(from).await?;
    let view = Arc::clone(&source.view);
    let lineage = blocking(move || Ok(view.lineage()?)).await?;
    source.seal(Some("it is being moved to NATS, or was")).await?;
    let contents = Contents::of(&source.view).await?;
    let target = Target::open(to, &lineage, contents.oldest, INCOMPLETE).await?;
    target.remember_gone(contents.oldest, contents.gone_recorded_at).await?;
    let mut after = None;
    while let Some(heads) = contents.old_heads(&mut after).await? {
        target.put_heads(heads).await?;
    }
    let mut at = Position::new(target.copied_to().await?);
    progress(contents.progress(at));
    while at < contents.end {
        let entries = source.view.entries(at, AT_ONCE).await?;
        target.put_events(&entries, at.get()).await?;
        at = entries.last().map_or(contents.end, |entry| entry.event.position);
        progress(contents.progress(at));
    }
    copy_by_name(
        async |after| source.view.quarantined(after, AT_ONCE).await,
        async |name| source.view.bookmark(name).await,
        async |webhooks, bookmarks| Ok(target.put_by_name(webhooks, &bookmarks).await?),
    )
    .await?;
    target.finish().await?;
    source.view.close().await;
    Ok(contents.progress(at))
}

async fn jetstream_to_file(
    from: JetStreamOptions,
    to: &Path,
    mut progress: impl FnMut(Progress),
) -> Result<Progress, CopyError> {
    jetstream::seal(&from, "it is being moved to a file, or was").await?;
    let log = JetStreamLog::open_as(from, Arc::new(SystemClock), Use::Copying).await?;
    let contents = Contents::of(log.view()).await?;
    let target = FileSource::target(to, log.lineage()).await?;
    let (has, _) = target.view.bounds().await?;
    if has.oldest != contents.oldest {
        let (view, oldest, recorded_at) = (Arc::clone(&target.view), contents.oldest, contents.gone_recorded_at);
        blocking(move || Ok(view.trim(oldest, recorded_at)?)).await?;
    }
    let mut after = None;
    while let Some(heads) = contents.old_heads(&mut after).await? {
        let view = Arc::clone(&target.view);
        let heads: Vec<Head> = heads.iter().map(|head| head.as_ref().clone()).collect();
        blocking(move || Ok(view.put_heads(&heads)?)).await?;
    }
    let mut at = target.view.bounds().await?.0.end.position;
    progress(contents.progress(at));
    while at < contents.end {
        let entries: Vec<Entry> = log.view().entries(at, AT_ONCE).await?;
        at = entries.last().map_or(contents.end, |entry| entry.event.position);
        let view = Arc::clone(&target.view);
        blocking(move || Ok(view.apply(entries).map(drop)?)).await?;
        progress(contents.progress(at));
    }
    copy_by_name(
        async |after| log.quarantined(after, AT_ONCE).await,
        async |name| log.bookmark(name).await,
        async |webhooks, bookmarks| {
            let view = Arc::clone(&target.view);
            blocking(move || Ok(view.put_by_name(webhooks, &bookmarks)?)).await
        },
    )
    .await?;
    let copied = contents.progress(at);
    target.seal(None).await?;
    target.view.close().await;
    log.close().await;
    Ok(copied)
}
