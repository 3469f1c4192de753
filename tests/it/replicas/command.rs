//! `gridgate log`, as an operator types it.

use std::sync::Arc;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::log::EventLog;
use gridgate::kyc::log::sqlite::{self, SqliteOptions};

use crate::event_log::seen::{status, webhook};
use crate::event_log::suite::record;
use crate::support::nats::Nats;
use crate::support::process::{Ended, Process};

async fn gridgate(args: &[&str], env: &[(&str, &str)]) -> Ended {
    Process::start(args, env).ended().await
}

#[tokio::test]
async fn a_log_is_moved_and_its_source_left_sealed() {
    let nats = Nats::shared_single().await;
    let prefix = format!("c{:x}", fastrand::u64(..));
    let env = [
        ("GRIDGATE_NATS_PREFIX", prefix.as_str()),
        ("GRIDGATE_NATS_REPLICAS", "1"),
        ("GRIDGATE_EVENT_MAX_SIZE", "64MiB"),
    ];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    let log: Arc<EventLog> = Arc::new(sqlite::open(SqliteOptions::at(&path), Arc::new(SystemClock)).unwrap());
    for number in 0..5 {
        record(&log, webhook(&number.to_string(), "a", status("PENDING"), number)).await;
    }
    log.close().await;
    let in_file = format!("sqlite:{}", path.display());
    let back = format!("sqlite:{}", directory.path().join("back.db").display());

    let moved = gridgate(&["log", "copy", &in_file, &nats.url()], &env).await;
    assert!(moved.status.success(), "{}", moved.stderr);
    assert_eq!(moved.stdout, "copied 5 events\n");
    assert!(moved.stderr.contains("of 5 events"), "{}", moved.stderr);
    let refused = gridgate(&["serve", "--sandbox", "--event-log", &in_file], &[]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("sealed"), "{}", refused.stderr);
    let moved = gridgate(&["log", "copy", &nats.url(), &back], &env).await;
    assert_eq!(moved.stdout, "copied 5 events\n", "{}", moved.stderr);
    let unsealed = gridgate(&["log", "unseal", &in_file], &[]).await;
    assert!(unsealed.status.success(), "{}", unsealed.stderr);
    sqlite::open(SqliteOptions::at(&path), Arc::new(SystemClock)).unwrap().close().await;
}

#[tokio::test]
async fn what_is_no_log_is_named() {
    let nowhere = gridgate(&["log", "copy", "sqlite:/nowhere/events.db", "nats://127.0.0.1:1"], &[]).await;
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(nowhere.stderr.contains("no event log at /nowhere/events.db"), "{}", nowhere.stderr);
    let env = [("GRIDGATE_NATS_REPLICAS", "2")];
    let mistakes = gridgate(&["log", "copy", "events.db", "nats://a/b"], &env).await;
    assert_eq!(mistakes.status.code(), Some(2));
    for part in ["\"events.db\" must be sqlite:", "\"a/b\", which is no address"] {
        assert!(mistakes.stderr.contains(part), "{part}: {}", mistakes.stderr);
    }
    let mistakes = gridgate(&["log", "copy", "sqlite:a", "nats://a"], &env).await;
    assert!(mistakes.stderr.contains("must be 1, 3 or 5"), "{}", mistakes.stderr);
}
