//! Disks that fail: the process is killed at a random moment, and the disk forgets what was not synced, wholly or in part;
//! the disk is full; an fsync fails.
//!
//! The disk is played by [`lossy_disk`] in a child process, which is this test binary, running [`child`].

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::hub::Step;
use gridgate::kyc::id::Position;
use gridgate::kyc::log::sqlite::{self, SqliteOptions};
use gridgate::kyc::log::{EventLog, LogError, Recorded, Scope};

use super::seen::{entity, id, status, webhook};
use super::suite::{all_heads, assert_same_heads, heads_of, read_all};
use crate::support::lossy_disk::{DIRECTORY, PRELOAD, lossy_disk};

const ROUNDS: usize = 8;
const PART: &str = "LOSSY_DISK_PART";
const SEED: &str = "LOSSY_DISK_SEED";

/// What the child does, by the name of its part; see the tests.
#[test]
#[ignore = "is run by the tests of this file, in a process that is killed"]
fn child() {
    let Ok(part) = std::env::var(PART) else { return };
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    let seed: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match part.as_str() {
        "careful" => runtime.block_on(careful(&directory, seed)),
        "careless" => careless(&directory, seed),
        "in trouble" => runtime.block_on(in_trouble(&directory)),
        other => panic!("there is no part {other}"),
    }
}

fn open(directory: &Path) -> EventLog {
    std::fs::create_dir_all(directory).unwrap();
    sqlite::open(SqliteOptions::at(path_in(directory)), Arc::new(SystemClock)).unwrap()
}

/// Records as fast as it can, and says each id that was recorded for certain, until it is killed.
async fn careful(directory: &Path, seed: u64) {
    let log: Arc<EventLog> = Arc::new(open(directory));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..48u64 {
        let log = Arc::clone(&log);
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed ^ task);
            for number in 0.. {
                let name = format!("{seed}-{task}-{number}");
                let of = format!("c{}", random.u32(0..300));
                let word = ["UNVERIFIED", "PENDING", "APPROVED"][random.usize(0..3)];
                let recorded = log.record(webhook(&name, &of, status(word), random.i64(0..9000))).await.unwrap();
                assert!(matches!(recorded, Recorded::New { .. }));
                say(&name);
            }
        });
    }
    tasks.join_all().await;
}

/// Meets a full disk, gets over it, and closes when the disk breaks.
async fn in_trouble(directory: &Path) {
    let log: Arc<EventLog> = Arc::new(open(directory));
    let mut cursor = log.hub().watch(&Scope::ALL, log.hub().end());
    let seen = |number: usize| webhook(&number.to_string(), &format!("c{number}"), status("PENDING"), 1);
    for number in 0..100 {
        log.record(seen(number)).await.unwrap();
        say(&number.to_string());
    }
    let full = directory.join("full");
    std::fs::write(&full, "").unwrap();
    let refused = futures_util::future::join_all((100..120).map(|number| log.record(seen(number)))).await;
    assert!(refused.iter().all(|result| *result == Err(LogError::Full)), "{refused:?}");
    assert!(matches!(log.record(seen(7)).await, Ok(Recorded::Duplicate { .. })), "what is there is there");
    assert_eq!(log.find(&id("105")).await, Ok(None));
    std::fs::remove_file(&full).unwrap();
    for number in 100..140 {
        assert!(matches!(log.record(seen(number)).await.unwrap(), Recorded::New { .. }));
        say(&number.to_string());
    }

    std::fs::write(directory.join("broken"), "").unwrap();
    let refused = futures_util::future::join_all((200..220).map(|number| log.record(seen(number)))).await;
    assert!(refused.iter().all(|result| *result == Err(LogError::Closed)), "{refused:?}");
    std::fs::remove_file(directory.join("broken")).unwrap();
    assert_eq!(log.record(seen(300)).await, Err(LogError::Closed), "it stays closed");
    let mut heard = Vec::new();
    while cursor.next_batch(&mut heard, 50).await == Step::Events {}
    assert_eq!(heard.len(), 140, "nobody heard of what was not recorded");
    assert_eq!(log.head(&entity("c201")).await, Ok(None));
    log.close().await;
}

/// A child that commits without syncing: what the disk has to lose.
fn careless(directory: &Path, seed: u64) {
    let connection = rusqlite::Connection::open(path_in(directory)).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE said (id TEXT)")
        .unwrap();
    for number in 0.. {
        let name = format!("{seed}-{number}");
        connection.execute("INSERT INTO said VALUES (?1)", [&name]).unwrap();
        say(&name);
    }
}

/// One line, whole, past anything that the test harness captures.
fn say(name: &str) {
    std::io::stderr().write_all(format!("recorded {name}\n").as_bytes()).unwrap();
}

fn path_in(directory: &Path) -> PathBuf {
    directory.join("events.db")
}

fn start(library: &Path, directory: &Path, part: &str, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "event_log::power_loss::child", "--ignored", "--nocapture"])
        .env(PRELOAD, library)
        .env(DIRECTORY, directory)
        .env(PART, part)
        .env(SEED, seed.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs the child until it has said a few things, and for `time` more; then kills it. What it said.
fn run_and_kill(library: &Path, directory: &Path, part: &str, seed: u64, time: Duration) -> Vec<String> {
    let mut process = start(library, directory, part, seed);
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    let mut kill_at = None;
    while kill_at.is_none_or(|at| Instant::now() < at) {
        let line = lines.next().expect("the child lives until it is killed").unwrap();
        match line.strip_prefix("recorded ") {
            Some(name) => said.push(name.to_owned()),
            None => panic!("the child says: {line}"),
        }
        kill_at = kill_at.or_else(|| Some(Instant::now() + time));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    // What it said before it died was true, too; the last line may have been cut short.
    let mut rest: Vec<String> = lines.map(|line| line.unwrap()).collect();
    rest.pop();
    said.extend(rest.iter().filter_map(|line| line.strip_prefix("recorded ")).map(str::to_owned));
    said
}

/// One operation that was not synced.
struct Unsynced {
    truncation: bool,
    offset: u64,
    size_before: u64,
    old: Vec<u8>,
    new: Vec<u8>,
}

fn unsynced(journal: &[u8]) -> Vec<Unsynced> {
    let mut rest = journal;
    let mut operations = Vec::new();
    while let Some((header, tail)) = rest.split_at_checked(40) {
        let word = |index: usize| u64::from_ne_bytes(header[index * 8..][..8].try_into().unwrap());
        let (kind, offset, length, size_before) = (word(0), word(1), word(2), word(3));
        let (old, new) = (usize::try_from(word(4)).unwrap(), usize::try_from(length).unwrap());
        // The process died while it wrote this down, and before it did it.
        let Some((old, tail)) = tail.split_at_checked(old) else { break };
        let Some((new, tail)) = tail.split_at_checked(new) else { break };
        operations.push(Unsynced { truncation: kind == 2, offset, size_before, old: old.to_vec(), new: new.to_vec() });
        rest = tail;
    }
    operations
}

/// The power fails: of what was not synced, each sector of 512 bytes is on the disk or not. How many operations were undone.
fn lose_power(directory: &Path, random: &mut fastrand::Rng) -> usize {
    let kept = [0.0, 0.5, 0.95][random.usize(0..3)];
    let mut undone = 0;
    for name in ["events.db", "events.db-wal", "events.db-journal"] {
        let path = directory.join(name);
        let journal = directory.join(format!("{name}.unsynced"));
        let Ok(bytes) = std::fs::read(&journal) else { continue };
        let operations = unsynced(&bytes);
        std::fs::remove_file(&journal).unwrap();
        let Ok(file) = std::fs::File::options().read(true).write(true).open(&path) else { continue };
        for operation in operations.iter().rev() {
            file.set_len(operation.size_before.max(operation.offset)).unwrap();
            file.write_all_at(&operation.old, operation.offset).unwrap();
            file.set_len(operation.size_before).unwrap();
            undone += 1;
        }
        for operation in &operations {
            if operation.truncation {
                if random.f64() < kept {
                    file.set_len(operation.offset).unwrap();
                }
                continue;
            }
            for (index, sector) in operation.new.chunks(512).enumerate() {
                if random.f64() < kept {
                    file.write_all_at(sector, operation.offset + index as u64 * 512).unwrap();
                }
            }
        }
    }
    // Memory shared between processes; there is none after a power failure.
    let _ = std::fs::remove_file(directory.join("events.db-shm"));
    undone
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_to_be_recorded_survives_a_power_failure() {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let directory = tempfile::tempdir().unwrap();
    let library = lossy_disk(directory.path());
    let disk = directory.path().join("disk");
    open(&disk).close().await;
    let mut recorded: HashSet<String> = HashSet::new();
    let mut undone = 0;
    // At least so often, and until there was something to lose.
    for round in 0.. {
        if round >= ROUNDS && (undone > 0 || round >= ROUNDS * 8) {
            break;
        }
        let time = Duration::from_millis(random.u64(1..500));
        let said = {
            let (library, disk, seed) = (library.clone(), disk.clone(), random.u64(..1 << 40));
            tokio::task::spawn_blocking(move || run_and_kill(&library, &disk, "careful", seed, time)).await.unwrap()
        };
        recorded.extend(said);
        undone += lose_power(&disk, &mut random);
        let log: Arc<EventLog> = Arc::new(open(&disk));
        let oldest = log.bounds().await.unwrap().oldest.position;
        assert_eq!(oldest, Position::START);
        let events = read_all(&log, oldest, &Scope::ALL, 4000).await;
        let ids: HashSet<_> = events.iter().map(|event| event.observation.id.clone()).collect();
        assert_eq!(ids.len(), events.len(), "seed {seed}, round {round}: an id is there twice");
        let lost: Vec<_> = recorded.iter().filter(|name| !ids.contains(&id(name))).collect();
        assert!(lost.is_empty(), "seed {seed}, round {round}: {} of {} are lost", lost.len(), recorded.len());
        assert_same_heads(&all_heads(&log, &Scope::ALL, 1000).await, &heads_of(&events));
        log.close().await;
        let check: String = rusqlite::Connection::open(path_in(&disk))
            .unwrap()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok", "seed {seed}, round {round}");
    }
    assert!(undone > 0, "there was never anything to lose");
}

/// Without this, the test above might pass because nothing is ever lost.
#[test]
fn the_disk_loses_what_was_not_synced() {
    let directory = tempfile::tempdir().unwrap();
    let library = lossy_disk(directory.path());
    let disk = directory.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    drop(rusqlite::Connection::open(path_in(&disk)).unwrap());
    let said = run_and_kill(&library, &disk, "careless", 1, Duration::from_millis(50));
    // Everything that was not synced is lost.
    let mut never =
        fastrand::Rng::with_seed((0..).find(|seed| fastrand::Rng::with_seed(*seed).usize(0..3) == 0).unwrap());
    assert!(lose_power(&disk, &mut never) > 0);
    let connection = rusqlite::Connection::open(path_in(&disk)).unwrap();
    let kept: i64 = connection.query_row("SELECT count(*) FROM said", [], |row| row.get(0)).unwrap_or(0);
    assert!(usize::try_from(kept).unwrap() < said.len());
}

#[tokio::test]
async fn a_full_disk_is_got_over_and_a_broken_one_closes_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let library = lossy_disk(directory.path());
    let disk = directory.path().join("disk");
    open(&disk).close().await;
    let process = start(&library, &disk, "in trouble", 1);
    let output = tokio::task::spawn_blocking(|| process.wait_with_output()).await.unwrap().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    lose_power(&disk, &mut fastrand::Rng::new());
    let log = open(&disk);
    let names: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("recorded ")).collect();
    assert_eq!(names.len(), 140);
    for name in names {
        assert!(log.find(&id(name)).await.unwrap().is_some());
    }
}
