//! The lock that keeps a second process out: on a file beside the log, so that `sqlite3` can still look at the log.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::OpenError;

/// Held while it lives; the file stays behind.
#[derive(Debug)]
pub(in crate::kyc::log) struct LockFile {
    file: File,
}

impl LockFile {
    /// Takes the lock of the log at `path`: `path` with `.lock` after it.
    pub(in crate::kyc::log) fn take(path: &Path) -> Result<Self, OpenError> {
        let lock_path = beside(path);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|source| OpenError::File { path: lock_path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: lock_path }),
            Err(TryLockError::Error(source)) => Err(OpenError::File { path: lock_path, source }),
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Closing the file is not enough while a process that is just being started has a copy of it, as it does until it
        // runs its own program. What fails here is done by closing.
        let _ = self.file.unlock();
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
