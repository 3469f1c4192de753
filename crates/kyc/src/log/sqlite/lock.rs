//! The lock that keeps a second process from opening the log, by any of its names.
//!
//! Symbolic links are followed, so that all of them lead to one lock file, beside the database. On Linux the database is
//! locked too, for processes that reach it through another mount; `sqlite3` can still read it, since SQLite's own locks are
//! of another kind. SQLite loses its locks when this process closes any other descriptor of the file: so the descriptor here
//! is opened before SQLite opens the file, and closed when no connection is left.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::{OpenError, damage};

/// The most symbolic links that are followed in a row.
const MOST_LINKS: usize = 40;

/// A file, by its device and inode.
type Identity = (u64, u64);

/// The logs that this process has open.
static OPEN: Mutex<Vec<Identity>> = Mutex::new(Vec::new());

/// The lock, until it is dropped. Its file stays beside the log.
#[derive(Debug)]
pub(in crate::log) struct LockFile {
    path: PathBuf,
    identity: Identity,
    /// The write-ahead log, which SQLite keeps for as long as a connection is open; unset until the log is open.
    wal: OnceLock<Identity>,
    beside: File,
    /// None once it is closed.
    database: Option<File>,
}

impl LockFile {
    /// Locks the log at `path`, by the file that this leads to and `.lock` after its name. A missing database is created
    /// empty, and not touched otherwise.
    pub(in crate::log) fn take(path: &Path) -> Result<Self, OpenError> {
        let path = resolve(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
        let beside = lock_beside(&path)?;
        // Another open of the same log in this process waits here, and then finds it in the list.
        let mut open = open_logs();
        match fs::metadata(&path) {
            Ok(found) => check(&path, &found, &open)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(OpenError::File { path, source }),
        }
        damage::check_files(&path)?;
        let of_path = |source| OpenError::File { path: path.clone(), source };
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let database = options.map_err(of_path)?;
        let found = database.metadata().map_err(of_path)?;
        if open.contains(&identity(&found)) {
            // It took the place of another file a moment ago. Closing it would let go of SQLite's locks.
            std::mem::forget(database);
            return Err(OpenError::InUse { path });
        }
        check(&path, &found, &open)?;
        lock_database(&database, &path)?;
        damage::check_length(&path, &database)?;
        open.push(identity(&found));
        Ok(Self { path, identity: identity(&found), wal: OnceLock::new(), beside, database: Some(database) })
    }

    /// The file that is locked, without a symbolic link on the way.
    pub(in crate::log) fn path(&self) -> &Path {
        &self.path
    }

    /// Remembers which file the write-ahead log is. The database has been read, so that SQLite has made it.
    pub(super) fn note_wal(&self) -> Result<(), OpenError> {
        let path = damage::with_suffix(&self.path, "-wal");
        let found = fs::metadata(&path).map_err(|source| OpenError::File { path, source })?;
        self.wal.get_or_init(|| identity(&found));
        Ok(())
    }

    /// Whether there is another file at the place of the database or of its write-ahead log, or none any more.
    pub(super) fn is_replaced(&self) -> bool {
        self.is_database_replaced()
            || self.wal.get().is_some_and(|wal| is_another(&damage::with_suffix(&self.path, "-wal"), *wal))
    }

    /// The same of the database alone.
    pub(super) fn is_database_replaced(&self) -> bool {
        is_another(&self.path, self.identity)
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        let mut open = open_logs();
        // Closing a file is not enough while a process that is just being started has a copy of it, as it does until it
        // runs its own program. What fails here is done by closing.
        if let Some(database) = self.database.take() {
            let _ = database.unlock();
        }
        let _ = self.beside.unlock();
        open.retain(|identity| *identity != self.identity);
    }
}

fn open_logs() -> MutexGuard<'static, Vec<Identity>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the file at `path` is not the one that was there, or is gone.
fn is_another(path: &Path, was: Identity) -> bool {
    match fs::metadata(path) {
        Ok(found) => identity(&found) != was,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

/// Whether a file can be the log of this process.
fn check(path: &Path, found: &Metadata, open: &[Identity]) -> Result<(), OpenError> {
    if !found.is_file() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it is not a file");
        return Err(OpenError::File { path: path.to_owned(), source });
    }
    if found.nlink() > 1 {
        return Err(OpenError::HardLinks { path: path.to_owned(), names: found.nlink() });
    }
    if open.contains(&identity(found)) {
        return Err(OpenError::InUse { path: beside(path) });
    }
    Ok(())
}

fn lock_beside(path: &Path) -> Result<File, OpenError> {
    let lock_path = beside(path);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|source| OpenError::File { path: lock_path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: lock_path }),
        Err(TryLockError::Error(source)) => Err(OpenError::File { path: lock_path, source }),
    }
}

/// On systems other than Linux such a lock would be in the way of SQLite's own.
fn lock_database(database: &File, path: &Path) -> Result<(), OpenError> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    match database.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::File { path: path.to_owned(), source }),
    }
}

fn beside(path: &Path) -> PathBuf {
    damage::with_suffix(path, ".lock")
}

/// Follows symbolic links, also to a file that is not there yet.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::canonicalize(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            resolved => return resolved,
        }
        let directory = match path.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => directory,
            Some(_) | None => Path::new("."),
        };
        match fs::read_link(&path) {
            Ok(target) => path = directory.join(target),
            Err(_) => {
                let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
                return Ok(fs::canonicalize(directory)?.join(name));
            }
        }
    }
    Err(io::Error::other("too many symbolic links"))
}
