//! One log is open once, by whatever name it is known.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::log::sqlite::{self, OpenError, SqliteOptions};
use gridgate::kyc::log::{EventLog, LogError, Recorded};
use rusqlite::Connection;

use super::seen::{status, webhook};
use super::suite::record;
use crate::support::process::{Ended, Process};
use crate::support::soon;

const IN_USE: &str = "another process has this event log open";

fn open(path: &Path) -> Result<EventLog, OpenError> {
    sqlite::open(SqliteOptions::at(path), Arc::new(SystemClock))
}

async fn serve(folder: &Path, log: &str) -> Process {
    let ports = ["--grpc-addr=127.0.0.1:0", "--webhook-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"];
    let log = format!("--event-log=sqlite:{log}");
    let sandbox = ["serve", "--sandbox", "--sandbox-addr=127.0.0.1:0", &log];
    Process::start_in(folder, &[&sandbox[..], &ports[..]].concat(), &[])
}

async fn refused(folder: &Path, log: &str) -> String {
    let Ended { status, stdout, stderr } = serve(folder, log).await.ended().await;
    assert_eq!((status.code(), stdout.as_str()), (Some(1), ""), "{stderr}");
    stderr
}

/// `real/events.db`, and the names that lead there.
fn names(folder: &Path) -> Vec<String> {
    let real = folder.join("real");
    std::fs::create_dir(&real).unwrap();
    symlink("real/events.db", folder.join("file")).unwrap();
    symlink(folder.join("file"), folder.join("file-of-file")).unwrap();
    symlink(&real, folder.join("folder")).unwrap();
    std::fs::create_dir(folder.join("elsewhere")).unwrap();
    symlink("../real/events.db", folder.join("elsewhere/another.db")).unwrap();
    let absolute = real.join("events.db").display().to_string();
    let relative = ["file", "file-of-file", "folder/events.db", "elsewhere/another.db", "real/../real/events.db"];
    relative.into_iter().map(str::to_owned).chain([absolute]).collect()
}

#[tokio::test]
async fn a_second_process_is_kept_out_by_each_name_and_a_person_can_look() {
    let folder = tempfile::tempdir().unwrap();
    let names = names(folder.path());
    // The first begins with a name whose file is not there yet.
    let mut first = serve(folder.path(), "file-of-file").await;
    first.json_line().await;
    for name in &names {
        let stderr = refused(folder.path(), name).await;
        assert!(stderr.contains(IN_USE) && stderr.contains("real/events.db.lock"), "{name}: {stderr}");
    }
    let link = folder.path().join("elsewhere/hard.db");
    std::fs::hard_link(folder.path().join("real/events.db"), &link).unwrap();
    for name in ["elsewhere/hard.db", "real/events.db"] {
        let stderr = refused(folder.path(), name).await;
        assert!(stderr.contains("2 names (hard links)") || stderr.contains(IN_USE), "{name}: {stderr}");
    }
    let look = Connection::open(folder.path().join("file")).unwrap();
    assert_eq!(look.query_row("SELECT count(*) FROM log_info", [], |row| row.get::<_, i64>(0)), Ok(1));
    first.signal("TERM").await;
    assert_eq!(first.ended().await.status.code(), Some(0));
    // The names alone are enough: each would have a write-ahead log of its own.
    let stderr = refused(folder.path(), "elsewhere/hard.db").await;
    assert!(stderr.contains("2 names (hard links)") && stderr.contains("-wal"), "{stderr}");
    std::fs::remove_file(link).unwrap();
    let mut again = serve(folder.path(), "folder/events.db").await;
    again.json_line().await;
}

/// How many of SQLite's locks on a file this process has.
#[cfg(target_os = "linux")]
fn locks_on(path: &Path) -> usize {
    use std::os::unix::fs::MetadataExt as _;
    let inode = format!(":{} ", std::fs::metadata(path).unwrap().ino());
    let mine = format!(" {} ", std::process::id());
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    locks.lines().filter(|line| line.contains(" POSIX ") && line.contains(&inode) && line.contains(&mine)).count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn refusing_a_second_one_in_the_same_process_takes_no_lock_from_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<PathBuf> = names(folder.path()).iter().map(|name| folder.path().join(name)).collect();
    let log: Arc<EventLog> = Arc::new(open(&names[0]).unwrap());
    record(&log, webhook("1", "a", status("PENDING"), 1)).await;
    let real = folder.path().join("real/events.db");
    let before = locks_on(&real);
    assert!(before > 0, "a log that is open has locks");
    for name in &names {
        let error = open(name).unwrap_err();
        assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    }
    // By a name beside which there is no lock.
    std::fs::rename(folder.path().join("real/events.db.lock"), folder.path().join("real/away")).unwrap();
    let error = open(&names[0]).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    std::fs::hard_link(&real, folder.path().join("hard.db")).unwrap();
    let error = open(&folder.path().join("hard.db")).unwrap_err();
    assert!(matches!(error, OpenError::HardLinks { names: 2, .. }), "{error}");
    std::fs::remove_file(folder.path().join("hard.db")).unwrap();
    assert_eq!(locks_on(&real), before);
    log.close().await;
    drop(open(&names[2]).unwrap());
    open(&names[3]).unwrap().close().await;
}

#[tokio::test]
async fn a_log_whose_file_is_taken_away_closes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    let log: Arc<EventLog> = Arc::new(open(&path).unwrap());
    record(&log, webhook("1", "a", status("PENDING"), 1)).await;
    std::fs::rename(&path, folder.path().join("away.db")).unwrap();
    soon("it closes", log.closed()).await;
    assert_eq!(log.record(webhook("2", "a", status("APPROVED"), 2)).await, Err(LogError::Closed));
    log.close().await;
}

#[tokio::test]
async fn a_log_whose_write_ahead_log_is_taken_away_acknowledges_nothing_more_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    let log: Arc<EventLog> = Arc::new(open(&path).unwrap());
    record(&log, webhook("1", "a", status("PENDING"), 1)).await;
    for beside in ["events.db-wal", "events.db-shm"] {
        std::fs::remove_file(folder.path().join(beside)).unwrap();
    }
    assert_eq!(log.record(webhook("2", "a", status("APPROVED"), 2)).await, Err(LogError::Closed));
    soon("it closes", log.closed()).await;
    // As after a kill: this process still has the files, and the database alone is what another one finds.
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let copy: Arc<EventLog> = Arc::new(open(&copy).unwrap());
    let again = copy.record(webhook("1", "a", status("PENDING"), 1)).await;
    assert!(matches!(again, Ok(Recorded::Duplicate { .. })), "{again:?}");
    copy.close().await;
    log.close().await;
}

#[tokio::test]
async fn a_log_that_nobody_writes_to_notices_that_its_write_ahead_log_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    let log: Arc<EventLog> = Arc::new(open(&path).unwrap());
    record(&log, webhook("1", "a", status("PENDING"), 1)).await;
    std::fs::rename(folder.path().join("events.db-wal"), folder.path().join("away")).unwrap();
    soon("it closes", log.closed()).await;
    log.close().await;
}

#[test]
fn what_is_no_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(
        matches!(&error, OpenError::File { path, .. } if *path == folder.path().canonicalize().unwrap()),
        "{error}"
    );
    symlink("b", folder.path().join("a")).unwrap();
    symlink("a", folder.path().join("b")).unwrap();
    assert!(matches!(open(&folder.path().join("a")), Err(OpenError::File { .. })));
}
