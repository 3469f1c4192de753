//! The write-ahead log: checkpoints, and the check of what a crash left in it.
//!
//! Its format is <https://sqlite.org/fileformat2.html#walformat>.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::failure::{self, Severity};
use super::lock::LockFile;
use super::queue::{Command, Queue};
use crate::log::tables::error::{reason, with_suffix};
use crate::log::tables::schema::WAL_GROWTH;

/// From this size on, the writer itself moves the rest, which the checkpoint before has made short: only so can the write-ahead
/// log start over while there is always something to write.
const FINISH: u64 = 64 << 20;
/// How often its size is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often retention is checked.
const MAINTAIN_EVERY: Duration = Duration::from_secs(1);

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The first word of a write-ahead log with checksums of little-endian words; the next number stands for big-endian ones.
const MAGIC: u32 = 0x377f_0682;
/// Larger write-ahead logs are not checked.
const CHECKED_UP_TO: u64 = 256 << 20;

/// Moves as much of the write-ahead log into the file as readers allow.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// Waits for readers, and moves all of the write-ahead log into the file. Whether that succeeded.
pub(super) fn checkpoint_fully(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
}

/// The thread that checkpoints beside the writer, so that no commit waits for that; it also has the writer check retention.
pub(super) struct Checkpointer {
    pub(super) connection: Connection,
    pub(super) wal: PathBuf,
    pub(super) queue: Queue,
    /// Ends the thread when the other end is dropped.
    pub(super) stop: Receiver<()>,
    /// Dropped after the connection.
    pub(super) lock: Arc<LockFile>,
}

impl Checkpointer {
    /// Runs until the log is closed.
    pub(super) fn run(self) {
        let mut next = WAL_GROWTH;
        let mut maintained = Instant::now();
        while let Err(RecvTimeoutError::Timeout) = self.stop.recv_timeout(LOOK_EVERY) {
            if maintained.elapsed() >= MAINTAIN_EVERY {
                maintained = Instant::now();
                self.send(Command::Maintain(None));
                if self.lock.is_replaced() {
                    self.send(Command::Replaced);
                }
            }
            // If the size cannot be read, the commits detect what is wrong with the file.
            let size = std::fs::metadata(&self.wal).map_or(0, |file| file.len());
            if size <= WAL_GROWTH {
                next = WAL_GROWTH;
            }
            if size <= next {
                continue;
            }
            next = size.saturating_add(WAL_GROWTH);
            match checkpoint(&self.connection) {
                Ok(_) if size > FINISH => self.send(Command::Checkpoint),
                Ok(_) => {}
                // The commits report it.
                Err(error) if failure::is_for_lack_of_room(&error, self.lock.path()) => {}
                Err(error) if failure::severity(&error) == Severity::Log => {
                    self.send(Command::Fail(error));
                    return;
                }
                Err(error) => tracing::warn!(error = reason(&error), "a checkpoint of the event log failed; retrying"),
            }
        }
    }

    fn send(&self, command: Command) {
        // A busy writer is asked again at the next look.
        let _ = self.queue.try_send(command);
    }
}

/// Checks the write-ahead log that a crash left, before SQLite reads it: SQLite keeps the commits up to the first damaged one,
/// and silently drops those after it. Logs how many those are.
pub(super) fn log_lost_commits(path: &Path) {
    let wal = with_suffix(path, "-wal");
    let commits = commits_after_damage(&wal);
    if commits > 0 {
        let (path, wal) = (path.display(), wal.display());
        tracing::error!(
            commits,
            "the event log {path} is damaged: a part of its write-ahead log {wal} cannot be read, and the commits after it are \
             dropped. After a power failure these may be events that were never acknowledged; otherwise events are lost: \
             watchers do not get them, and the statuses come back when the reconciler has compared every customer with Grid"
        );
    }
}

/// Counts the commits after a damaged part of a write-ahead log. A power failure may also leave a few commits behind an unfinished
/// one; those were never acknowledged.
fn commits_after_damage(path: &Path) -> usize {
    let Ok(file) = File::open(path) else { return 0 };
    if file.metadata().is_ok_and(|found| found.len() > CHECKED_UP_TO) {
        return 0;
    }
    count(BufReader::new(file)).unwrap_or(0)
}

/// None: it ends within its header.
fn count(mut wal: impl Read) -> Option<usize> {
    let mut header = [0; HEADER];
    wal.read_exact(&mut header).ok()?;
    let (magic, page_size) = (word(&header, 0)?, usize::try_from(word(&header, 8)?).ok()?);
    if !(512..=65_536).contains(&page_size) {
        return None;
    }
    let is_big_endian = magic & 1 == 1;
    let mut sums = add((0, 0), header.get(..HEADER - 8)?, is_big_endian);
    let mut is_whole = magic & !1 == MAGIC && sums == (word(&header, 24)?, word(&header, 28)?);
    let mut frame = vec![0; FRAME_HEADER + page_size];
    let mut after = 0;
    while wal.read_exact(&mut frame).is_ok() {
        // Frames of an earlier use of the file may follow.
        if header.get(16..24) != frame.get(8..16) {
            is_whole = false;
            continue;
        }
        sums = add(add(sums, frame.get(..8)?, is_big_endian), frame.get(FRAME_HEADER..)?, is_big_endian);
        let was_whole = is_whole;
        is_whole &= sums == (word(&frame, 16)?, word(&frame, 20)?);
        let is_commit = word(&frame, 4)? != 0;
        // The last one may have been under way.
        after += usize::from(!was_whole && is_commit);
    }
    Some(after)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Adds bytes, an even number of words, to a checksum.
fn add(sums: (u32, u32), bytes: &[u8], is_big_endian: bool) -> (u32, u32) {
    let mut words = bytes.chunks_exact(4).map(|word| {
        let word = <[u8; 4]>::try_from(word).unwrap_or_default();
        if is_big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    });
    let (mut first, mut second) = sums;
    while let (Some(one), Some(other)) = (words.next(), words.next()) {
        first = first.wrapping_add(one).wrapping_add(second);
        second = second.wrapping_add(other).wrapping_add(first);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A write-ahead log of so many commits, as a process leaves it that is killed.
    fn of_commits(commits: i64) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)").unwrap();
        for number in 1..commits {
            connection.execute("INSERT INTO t VALUES (?1)", [number]).unwrap();
        }
        std::fs::read(folder.path().join("a.db-wal")).unwrap()
    }

    #[test]
    fn what_is_whole_or_only_cut_off_has_no_damage() {
        let wal = of_commits(8);
        assert_eq!(count(&wal[..]), Some(0));
        for length in [0, 31, 32, 100, wal.len() / 2, wal.len() - 1] {
            assert_eq!(count(&wal[..length]).unwrap_or(0), 0, "{length}");
        }
    }

    #[test]
    fn commits_after_a_flipped_byte_are_counted() {
        let whole = of_commits(8);
        let frame = FRAME_HEADER + 4096;
        for (at, expected) in
            [(HEADER + frame * 3 + 500, 1..8), (HEADER + 20, 1..9), (25, 1..9), (whole.len() - 9, 0..1)]
        {
            let mut wal = whole.clone();
            wal[at] ^= 0x10;
            let found = count(&wal[..]).unwrap();
            assert!(expected.contains(&found), "{at}: {found}");
        }
    }
}
