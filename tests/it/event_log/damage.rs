//! Logs that are damaged: it is said which file, and what can be done, and nothing of what is in it.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use gridgate::kyc::id::Position;
use gridgate::kyc::log::Scope;
use gridgate::kyc::log::sqlite::{self, OpenError};

use super::closing::Scene;
use super::seen::{status, webhook};
use super::suite::{read_all, record};
use crate::support::place::{Place as _, SqlitePlace};
use crate::support::process::Process;

/// The size of a page.
const PAGE: u64 = 2048;

/// A log with a few hundred events, closed.
async fn filled() -> SqlitePlace {
    let place = SqlitePlace::new();
    let log = place.open().await;
    for number in 0..300 {
        record(&log, webhook(&number.to_string(), &format!("c{number}"), status("PENDING"), 1)).await;
    }
    log.close().await;
    place
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    std::fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

fn garbage(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

fn error_of(place: &SqlitePlace) -> OpenError {
    sqlite::open(place.options(), place.shared_clock()).unwrap_err()
}

/// Says which file and what can be done, in plain letters.
fn assert_says_it(text: &str, path: &Path) {
    let path = path.display();
    for part in [
        format!("the event log {path} is damaged: "),
        "Restore a backup".to_owned(),
        format!("move {path}, {path}-wal and {path}-shm away"),
        "resume tokens".to_owned(),
        "ids of webhooks".to_owned(),
        "reconciler".to_owned(),
    ] {
        assert!(text.contains(&part), "{part} is not in {text}");
    }
    assert!(text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{text}");
}

#[tokio::test]
async fn each_kind_of_damage_is_named_with_the_file_and_the_ways_on() {
    type Damage = fn(&Path);
    let kinds: [(&str, Damage); 12] = [
        ("the first bytes", |path| overwrite(path, 0, &garbage(16))),
        ("the whole header", |path| overwrite(path, 0, &garbage(100))),
        ("the page size", |path| overwrite(path, 16, &[0x33, 0x33])),
        ("whose it is", |path| overwrite(path, 68, &garbage(4))),
        ("the version", |path| overwrite(path, 60, &[0x7f, 1, 2, 3])),
        ("a negative version", |path| overwrite(path, 60, &[0xff, 1, 2, 3])),
        ("the schema", |path| overwrite(path, 100, &garbage(1940))),
        ("words in the schema", |path| {
            let bytes = std::fs::read(path).unwrap();
            let places = bytes.windows(12).enumerate().filter(|(_, part)| *part == b"CREATE TABLE");
            places.for_each(|(at, _)| overwrite(path, at as u64 + 7, &[0xff, 0xfe, 0x01]));
        }),
        ("a page of a table", |path| overwrite(path, 12 * PAGE, &garbage(2048))),
        ("the end is cut off", |path| {
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }),
        ("no database", |path| std::fs::write(path, garbage(9000)).unwrap()),
        ("empty, and with commits beside it", |path| {
            std::fs::write(path, "").unwrap();
            std::fs::write(path.with_file_name("events.db-wal"), garbage(9000)).unwrap();
        }),
    ];
    let whole = filled().await;
    for (what, damage) in kinds {
        let place = SqlitePlace::new();
        std::fs::copy(whole.path(), place.path()).unwrap();
        damage(&place.path());
        let error = error_of(&place);
        assert!(matches!(error, OpenError::Damaged { .. }), "{what}: {error:?}");
        assert_says_it(&error.to_string(), &place.path());
        assert!(std::error::Error::source(&error).is_none(), "{what}: nothing of SQLite's own words");
    }
    // The one that they were copied from is fine.
    assert_eq!(read_all(&whole.open().await, Position::START, &Scope::ALL, 100).await.len(), 300);
}

#[tokio::test]
async fn what_is_missing_without_its_commits_begins_anew_and_what_is_newer_is_not_damaged() {
    let place = SqlitePlace::new();
    std::fs::write(place.path(), "").unwrap();
    record(&place.open().await, webhook("1", "a", status("PENDING"), 1)).await;

    let place = SqlitePlace::new();
    std::fs::write(place.path().with_file_name("events.db-wal"), garbage(9000)).unwrap();
    let error = error_of(&place);
    assert!(error.to_string().contains("it is missing or empty, and its write-ahead log"), "{error}");

    let place = filled().await;
    overwrite(&place.path(), 60, &[0, 0, 0, 77]);
    let text = error_of(&place).to_string();
    assert!(text.contains("newer gridgate") && text.contains("events.db") && !text.contains("damaged"), "{text}");
}

#[tokio::test]
async fn damage_that_is_met_while_it_runs_is_told_once() {
    let place = filled().await;
    let log = format!("sqlite:{}", place.path().display());
    let scene = Scene::with(&[("GRIDGATE_EVENT_LOG", log.as_str())]).await;
    let length = std::fs::metadata(place.path()).unwrap().len();
    // What is in memory already is not met.
    for page in 4..length / PAGE {
        overwrite(&place.path(), page * PAGE, &garbage(2048));
    }
    let mut states = std::collections::HashSet::new();
    for _ in 0..3 {
        let metrics = scene.admin("/metrics").await.1;
        states.insert(metrics.contains("\ngridgate_event_log_up 0"));
        // What was read is good enough for half a second.
        tokio::time::sleep(std::time::Duration::from_millis(510)).await;
    }
    assert!(states.contains(&true), "it is shown");
    let stderr = scene.stopped().await;
    let told: Vec<_> = stderr.lines().filter(|line| line.contains("is damaged: ")).collect();
    assert_eq!(told.len(), 1, "{stderr}");
    assert_says_it(
        told[0].split_once("the event").map(|(_, text)| format!("the event{text}")).unwrap().trim(),
        &place.path(),
    );
}

#[tokio::test]
async fn the_program_says_it_and_ends() {
    let place = filled().await;
    overwrite(&place.path(), 100, &garbage(1940));
    let log = format!("--event-log=sqlite:{}", place.path().display());
    let ended = Process::serve_sandbox(&[&log]).ended().await;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let said = ended.stderr.lines().find(|line| line.contains("is damaged")).expect("it is said");
    assert!(said.contains("Restore a backup") && said.is_ascii(), "{}", ended.stderr);
}
