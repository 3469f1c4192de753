//! Checks the write-ahead log that a crash left, before SQLite reads it: SQLite keeps the commits up to the first damaged
//! one, and silently drops those after it.
//!
//! The format is <https://sqlite.org/fileformat2.html#walformat>.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The first word of a file whose checksums are of little-endian words; the next number stands for big-endian ones.
const MAGIC: u32 = 0x377f_0682;
/// Larger write-ahead logs are not checked.
const CHECKED_UP_TO: u64 = 256 << 20;

/// Counts the commits after a damaged part of the write-ahead log at `path`. A power failure may also leave a few commits
/// behind an unfinished one; those were never acknowledged.
pub(super) fn commits_after_damage(path: &Path) -> usize {
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
        // Frames of an earlier round are left behind those of this one.
        if header.get(16..24) != frame.get(8..16) {
            is_whole = false;
            continue;
        }
        sums = add(add(sums, frame.get(..8)?, is_big_endian), frame.get(FRAME_HEADER..)?, is_big_endian);
        let was_whole = is_whole;
        is_whole &= sums == (word(&frame, 16)?, word(&frame, 20)?);
        let is_commit = word(&frame, 4)? != 0;
        // The last one may have been on its way.
        after += usize::from(!was_whole && is_commit);
    }
    Some(after)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The checksum of more bytes, an even number of words.
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
