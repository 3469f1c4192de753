//! A replica whose own tables take nothing: it says so once, goes on when they do again, and closes its log when they do not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::{sleep, timeout};

use crate::support::nats::Nats;
use crate::support::soon;
use crate::telemetry::scene::{Scene, kyc};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_tables_take_nothing_says_so_once_and_closes_its_log_in_the_end() {
    let nats = Nats::shared_single().await;
    let temporary = tempfile::tempdir().unwrap();
    let (servers, prefix) = (nats.url(), format!("t{:x}", fastrand::u64(..)));
    let variables = [
        ("TMPDIR", temporary.path().to_str().unwrap()),
        ("GRIDGATE_EVENT_LOG", servers.as_str()),
        ("GRIDGATE_EVENT_MAX_SIZE", "64MiB"),
        ("GRIDGATE_NATS_PREFIX", prefix.as_str()),
        ("GRIDGATE_NATS_REPLICAS", "1"),
    ];
    let scene = Scene::with(&["--reconcile-interval=0s"], &variables).await;
    let tables = Connection::open(tables_in(temporary.path())).unwrap();
    let refuse = "CREATE TRIGGER refuse_all BEFORE INSERT ON events BEGIN SELECT RAISE(FAIL, 'nothing'); END";

    // What the servers have is recorded, even though nobody hears of it here.
    tables.execute(refuse, []).unwrap();
    assert_eq!(scene.deliver(&kyc("Webhook:a1", "Customer:one", "APPROVED")).await, 200);
    tables.execute("DROP TRIGGER refuse_all", []).unwrap();
    let heard = async {
        while !scene.metrics().await.contains("\ngridgate_event_newest_position 1.0\n") {
            sleep(Duration::from_millis(20)).await;
        }
    };
    soon("the event is here", heard).await;

    tables.execute(refuse, []).unwrap();
    assert_eq!(scene.deliver(&kyc("Webhook:a2", "Customer:two", "APPROVED")).await, 200);
    let closed = async {
        // With its log, the program may end.
        while let Ok(answer) = reqwest::get(scene.admin("/metrics")).await {
            match answer.text().await {
                Ok(metrics) if metrics.contains("\ngridgate_event_log_up 1.0\n") => {
                    sleep(Duration::from_millis(50)).await
                }
                Ok(_) | Err(_) => return,
            }
        }
    };
    timeout(Duration::from_secs(30), closed).await.expect("the log is closed");
    scene.program.signal("TERM").await;
    let ended = scene.program.ended().await;
    let said = |what: &str| ended.stderr.lines().filter(|line| line.contains("ERROR") && line.contains(what)).count();
    assert_eq!(said("it receives no events"), 2, "once each time: {}", ended.stderr);
    assert_eq!(said("the log is closed"), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("can be written to again"), "{}", ended.stderr);
}

/// The one file of tables in a directory for temporary files.
fn tables_in(directory: &Path) -> PathBuf {
    let found = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path().join("events.db"));
    let mut found = found.filter(|path| path.exists());
    found.next().expect("a file of tables")
}
