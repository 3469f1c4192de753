//! The folder and the lock of a log. The lock keeps a second process from opening the log, by whichever of its names.
//!
//! Symbolic links are followed, so that they all lead to one lock file, beside the database. On Linux the database itself is locked
//! too, for processes that reach it through another mount; `sqlite3` can still read it, since SQLite's own locks are of another
//! kind. SQLite loses its locks when this process closes any other descriptor of the file. So this one is opened before SQLite
//! opens the file, and closed when no connection is left.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::log::tables::error::{OWN_FOLDER, OpenError, with_suffix};

/// How many symbolic links are followed in a row.
const MOST_LINKS: usize = 40;

/// A file, by its device and inode.
type Identity = (u64, u64);

/// The logs that this process has open.
static OPEN: Mutex<Vec<Identity>> = Mutex::new(Vec::new());

/// The lock, held until it is dropped. Its file stays beside the log.
#[derive(Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    identity: Identity,
    /// The write-ahead log, which SQLite keeps while a connection is open; unset until the log is open.
    wal: OnceLock<Identity>,
    beside: File,
    /// None once it is closed.
    database: Option<File>,
}

impl LockFile {
    /// Locks the log that `path` leads to, by a file with `.lock` after its name. Creates a missing database empty, and does not
    /// touch it otherwise.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let path = resolve(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
        let beside = lock_beside(&path)?;
        // Another attempt to open the same log in this process waits here, and then finds it in the list.
        let mut open = open_logs();
        match fs::metadata(&path) {
            Ok(found) => check(&path, &found, &open)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(OpenError::File { path, source }),
        }
        check_files(&path)?;
        let of_path = |source| OpenError::File { path: path.clone(), source };
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let database = options.map_err(of_path)?;
        let found = database.metadata().map_err(of_path)?;
        if open.contains(&identity(&found)) {
            // The file was replaced a moment ago. Closing this descriptor would release SQLite's locks.
            std::mem::forget(database);
            return Err(OpenError::InUse { path });
        }
        check(&path, &found, &open)?;
        lock_database(&database, &path)?;
        check_length(&path, &database)?;
        open.push(identity(&found));
        Ok(Self { path, identity: identity(&found), wal: OnceLock::new(), beside, database: Some(database) })
    }

    /// The locked file, without symbolic links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes which file the write-ahead log is. SQLite has created it, since the database has been read.
    pub(super) fn note_wal(&self) -> Result<(), OpenError> {
        let path = with_suffix(&self.path, "-wal");
        let found = fs::metadata(&path).map_err(|source| OpenError::File { path, source })?;
        self.wal.get_or_init(|| identity(&found));
        Ok(())
    }

    /// Whether the database or its write-ahead log was moved, removed or replaced.
    pub(super) fn is_replaced(&self) -> bool {
        self.is_database_replaced()
            || self.wal.get().is_some_and(|wal| is_another(&with_suffix(&self.path, "-wal"), *wal))
    }

    /// The same for the database alone.
    pub(super) fn is_database_replaced(&self) -> bool {
        is_another(&self.path, self.identity)
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        let mut open = open_logs();
        // Unlocked, and not only closed: a process that is being started has copies of the descriptors until it runs its program.
        // If unlocking fails, closing does it.
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

/// Whether the file at `path` is gone or another one.
fn is_another(path: &Path, was: Identity) -> bool {
    match fs::metadata(path) {
        Ok(found) => identity(&found) != was,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

/// Checks that a file can be the log of this process.
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

/// Only on Linux: elsewhere such a lock would conflict with SQLite's own.
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
    with_suffix(path, ".lock")
}

/// Follows symbolic links, also to a file that does not exist yet.
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

/// Checks that the file is not missing or empty while its write-ahead log exists: SQLite would delete the commits in that.
fn check_files(path: &Path) -> Result<(), OpenError> {
    let wal = with_suffix(path, "-wal");
    let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    if length(path) == 0 && length(&wal) > 0 {
        let found = format!("it is missing or empty, and its write-ahead log {} is there", wal.display());
        return Err(OpenError::Damaged { path: path.to_owned(), found });
    }
    Ok(())
}

/// Checks that the file is not shorter than its header says, unless a write-ahead log may make it longer.
fn check_length(path: &Path, file: &File) -> Result<(), OpenError> {
    let wal = with_suffix(path, "-wal");
    let length = file.metadata().map_or(0, |found| found.len());
    let mut header = [0; 100];
    if fs::metadata(wal).is_ok_and(|wal| wal.len() > 0) || file.read_exact_at(&mut header, 0).is_err() {
        return Ok(());
    }
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        u64::from(bytes.map_or(0, u32::from_be_bytes))
    };
    // The number of pages only counts where both counters of changes agree (https://sqlite.org/fileformat2.html#in_header_database_size).
    let (page_size, pages, changed, valid_for) = (number(16) >> 16, number(28), number(24), number(92));
    let page_size = if page_size == 1 { 65_536 } else { page_size };
    if changed == valid_for && page_size.is_power_of_two() && length < pages.saturating_mul(page_size) {
        let missing = pages.saturating_mul(page_size) - length;
        return Err(OpenError::Damaged {
            path: path.to_owned(),
            found: format!("it was cut off, {missing} bytes are missing"),
        });
    }
    Ok(())
}

/// Checks that the folder of a log's file exists. The default log's own folder is created.
pub(crate) fn prepare_folder(path: &Path) -> Result<(), OpenError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let problem = |source| OpenError::File { path: folder.to_owned(), source };
    if folder == Path::new(OWN_FOLDER) {
        return std::fs::create_dir_all(folder).map_err(problem);
    }
    match std::fs::metadata(folder) {
        Ok(folder) if folder.is_dir() => Ok(()),
        Ok(_) => Err(OpenError::NotAFolder { path: folder.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::NoFolder { path: folder.to_owned() }),
        Err(error) => Err(problem(error)),
    }
}
