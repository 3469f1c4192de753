//! Moves what was committed from the write-ahead log into the file, beside the writer, so that commits do not wait for it;
//! and has the writer look after retention now and then.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::failure::{self, Severity};
use super::lock::LockFile;
use super::writer::Command;

/// The write-ahead log is worth a checkpoint each time it has grown by this many bytes.
pub(super) const GROWTH: u64 = 16 << 20;
/// From this size on, the writer itself moves the rest, which the checkpoint before has made short: only so can the
/// write-ahead log start over while there is always something to write.
const FINISH: u64 = 64 << 20;
/// How often the size is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often retention is looked at.
const MAINTAIN_EVERY: Duration = Duration::from_secs(1);

/// A checkpoint that disturbs nobody: as far as readers let it.
pub(super) fn passive(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        let (log, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(log == moved)
    })
}

/// A checkpoint that waits for readers, and leaves nothing behind in the write-ahead log. Whether it did.
pub(super) fn full(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
}

/// The thread's state.
pub(super) struct Checkpointer {
    pub(super) connection: Connection,
    pub(super) wal: PathBuf,
    pub(super) commands: Sender<Command>,
    /// Ends the thread when its other side is dropped.
    pub(super) stop: Receiver<()>,
    /// Dropped after the connection.
    pub(super) lock: Arc<LockFile>,
}

impl Checkpointer {
    /// Until the log is closed.
    pub(super) fn run(self) {
        let mut next = GROWTH;
        let mut maintained = Instant::now();
        while let Err(RecvTimeoutError::Timeout) = self.stop.recv_timeout(LOOK_EVERY) {
            if maintained.elapsed() >= MAINTAIN_EVERY {
                maintained = Instant::now();
                self.send(Command::Maintain(None));
                if self.lock.is_replaced() {
                    self.send(Command::Replaced);
                }
            }
            // A file that cannot be looked at now can be later; the commits themselves notice what is wrong with it.
            let size = std::fs::metadata(&self.wal).map_or(0, |file| file.len());
            if size <= GROWTH {
                next = GROWTH;
            }
            if size <= next {
                continue;
            }
            next = size.saturating_add(GROWTH);
            match passive(&self.connection) {
                Ok(_) if size > FINISH => self.send(Command::Checkpoint),
                Ok(_) => {}
                // The commits say so.
                Err(error) if failure::is_for_lack_of_room(&error, self.lock.path()) => {}
                Err(error) if failure::severity(&error) == Severity::Log => {
                    self.send(Command::Fail(error));
                    return;
                }
                Err(error) => tracing::warn!(
                    error = failure::reason(&error),
                    "a checkpoint of the event log did not go through; trying again"
                ),
            }
        }
    }

    fn send(&self, command: Command) {
        match self.commands.try_send(command) {
            // A writer that is busy is asked again at the next look. What fails here fails there, too.
            Ok(()) | Err(TrySendError::Closed(_) | TrySendError::Full(_)) => {}
        }
    }
}
