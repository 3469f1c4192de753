//! The log in a file: the suite, and what only a file has.

use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::id::Position;
use gridgate::kyc::log::IDS_KEPT;
use gridgate::kyc::log::sqlite::{self, OpenError, SqliteOptions};
use gridgate::kyc::log::{EventLog, LogError, Recorded, Scope};
use proptest::prelude::*;
use rusqlite::Connection;

use super::model;
use super::seen::{deleted, id, status, verification, webhook, webhook_of};
use super::suite::{self, all_heads, read_all, record};
use crate::support::place::{Place, SqlitePlace};

mod conformance {
    use super::SqlitePlace;

    super::suite::conforms!(SqlitePlace::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_come_out_as_the_model_says(history in model::history()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        // So few that watchers often have to go to the file.
        let place = SqlitePlace::with(|options| options.ring_events = 6);
        runtime.block_on(model::play(&place, &history));
    }
}

fn open(place: &SqlitePlace) -> Result<EventLog, OpenError> {
    sqlite::open(place.options(), Arc::new(SystemClock))
}

#[tokio::test]
async fn a_second_one_is_kept_out_while_a_person_can_look() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    record(&log, webhook_of("1", "a", "ours", status("PENDING"), 5)).await;
    record(&log, webhook("2", "a", deleted("APPROVED"), 6)).await;
    let problems = [("MISSING_FIELD", Some("address.city"))];
    record(&log, webhook("3", "a", verification("v", "RESOLVE_ERRORS", &problems), 6)).await;
    let error = open(&place).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("events.db.lock"));

    let look = Connection::open(place.path()).unwrap();
    let row = |sql: &str| look.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(row("SELECT status FROM events_readable WHERE position = 2"), "PENDING -> APPROVED (deleted)");
    assert_eq!(row("SELECT sent_at FROM events_readable WHERE position = 2"), "2027-01-15T05:13:26.000Z");
    assert_eq!(row("SELECT recorded_at FROM events_readable WHERE position = 1"), "2027-01-15T08:00:00.000Z");
    assert_eq!(
        row("SELECT problems FROM heads_readable WHERE verification_id IS NOT NULL"),
        r#"[["MISSING_FIELD","address.city"]]"#
    );
    assert_eq!(
        row("SELECT confirmed_at FROM heads_readable WHERE verification_id IS NULL"),
        "2027-01-15T05:13:26.000Z"
    );
    drop(look);

    log.close().await;
    open(&place).unwrap().close().await;
}

#[test]
fn what_is_no_log_of_this_version_is_refused_and_left_alone() {
    let place = SqlitePlace::new();
    let other = Connection::open(place.path()).unwrap();
    other.execute_batch("CREATE TABLE somebody_elses (x)").unwrap();
    assert!(matches!(open(&place), Err(OpenError::NotAnEventLog { .. })));
    other.execute_batch("DROP TABLE somebody_elses; VACUUM").unwrap();
    drop(other);
    drop(open(&place).unwrap());
    Connection::open(place.path()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = open(&place).unwrap_err();
    assert!(matches!(error, OpenError::NewerSchema { found: 99, .. }), "{error}");

    let place = SqlitePlace::new();
    std::fs::write(place.path(), "this is no database, and long enough to be sure of it").unwrap();
    assert!(matches!(open(&place), Err(OpenError::Damaged { .. })));
}

#[test]
fn a_folder_that_is_missing_or_is_none_is_named_and_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let open = |path: &std::path::Path| sqlite::open(SqliteOptions::at(path), Arc::new(SystemClock)).unwrap_err();
    let missing = directory.path().join("a/b");
    let error = open(&missing.join("events.db"));
    assert!(matches!(&error, OpenError::NoFolder { path } if *path == missing), "{error}");
    assert!(!directory.path().join("a").exists());
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = open(&file.join("events.db"));
    assert!(matches!(&error, OpenError::NotAFolder { path } if *path == file), "{error}");
}

#[tokio::test]
async fn a_log_at_its_size_limit_refuses_new_events_until_some_are_old_enough() {
    let place = SqlitePlace::with(|options| {
        options.retention.max_bytes = 400_000;
        options.retention.max_age = IDS_KEPT * 10;
    });
    let log = place.open_sqlite().await;
    let seen = |number: usize| webhook(&format!("{number:050}"), &format!("c{}", number % 20), status("PENDING"), 1);
    let mut taken = 0;
    'filling: loop {
        for _ in 0..100 {
            match log.record(seen(taken)).await {
                Ok(_) => taken += 1,
                Err(error) => {
                    assert_eq!(error, LogError::Full);
                    break 'filling;
                }
            }
        }
        log.maintain().await.unwrap();
        assert!(taken < 10_000, "the limit has no effect");
    }
    assert!(log.is_full());
    let size = std::fs::metadata(place.path()).map_or(0, |file| file.len());
    assert!(size < 500_000, "{size}");
    // What is there is there, and an answer that says nothing new needs no room.
    assert!(matches!(log.record(seen(5)).await, Ok(Recorded::Duplicate { .. })));
    let shared = Arc::clone(&log);
    let again = super::seen::answer(shared.as_ref(), gridgate::kyc::event::Asker::Call, "c1", status("PENDING"));
    assert_eq!(log.record(again).await, Ok(Recorded::Redundant));
    assert_eq!(read_all(&shared, Position::START, &Scope::ALL, 1000).await.len(), taken);

    // Eight days later the oldest may go, although they are younger than the greatest age.
    place.clock().advance(IDS_KEPT + Duration::from_secs(1));
    log.maintain().await.unwrap();
    assert!(!log.is_full());
    assert!(matches!(log.record(seen(taken)).await, Ok(Recorded::New { .. })));
    let oldest = log.bounds().await.unwrap().oldest.position;
    let kept = read_all(&shared, oldest, &Scope::ALL, 1000).await.len();
    assert!(oldest > Position::START && kept > 100, "no more goes than has to: {kept} of {taken} are left");
    assert_eq!(all_heads(&shared, &Scope::ALL, 100).await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_events_go_while_others_are_recorded() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let seen = |number: usize| webhook(&format!("{number}"), &format!("c{}", number % 50), status("PENDING"), 1);
    futures_util::future::try_join_all((0..6_000).map(|number| log.record(seen(number)))).await.unwrap();
    let before = log.bounds().await.unwrap().end;
    let expiring = place.expire();
    let recording = futures_util::future::try_join_all((6_000..9_000).map(|number| log.record(seen(number))));
    let ((), recorded) = tokio::join!(expiring, recording);
    assert_eq!(recorded.unwrap().len(), 3_000);
    place.expire().await;
    let bounds = log.bounds().await.unwrap();
    assert!(bounds.oldest.position >= before.position);
    assert_eq!(log.find(&id("0")).await, Ok(None));
    assert_eq!(all_heads(&log, &Scope::ALL, 20).await.len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_somebody_holds_is_waited_for_and_then_said_to_be_unavailable() {
    let place = SqlitePlace::with(|options| {
        options.queue = 4;
        options.queue_wait = Duration::from_millis(50);
    });
    let log = place.open().await;
    record(&log, webhook("0", "a", status("PENDING"), 1)).await;
    let somebody = Connection::open(place.path()).unwrap();
    somebody.execute_batch("BEGIN IMMEDIATE").unwrap();
    let all = (1..40).map(|number| log.record(webhook(&number.to_string(), "a", status("PENDING"), 1)));
    let refused = futures_util::future::join_all(all).await;
    let unavailable = |result: &Result<Recorded, LogError>| matches!(result, Err(LogError::Unavailable { .. }));
    assert!(refused.iter().all(unavailable), "{refused:?}");
    assert!(
        refused.iter().any(|result| result.as_ref().unwrap_err().to_string().contains("waiting")),
        "the queue is bounded"
    );
    somebody.execute_batch("ROLLBACK").unwrap();
    record(&log, webhook("after", "a", status("PENDING"), 1)).await;
    assert_eq!(read_all(&log, Position::START, &Scope::ALL, 100).await.len(), 2);
}
