//! Disks without room, as the whole program meets them.

use std::path::{Path, PathBuf};

use super::closing::Scene;
use crate::support::lossy_disk::{self, PRELOAD, lossy_disk};
use crate::support::soon;

/// The program with its log on a disk that is full while there is a file of one name, and a quota used up while there is
/// one of another.
async fn on_a_disk(folder: &Path, more: &[(&str, &str)]) -> (Scene, PathBuf) {
    let disk = folder.join("disk");
    std::fs::create_dir(&disk).unwrap();
    let library = lossy_disk(folder);
    let log = format!("sqlite:{}", disk.join("events.db").display());
    let env = [
        (PRELOAD, library.to_str().unwrap()),
        (lossy_disk::DIRECTORY, disk.to_str().unwrap()),
        ("GRIDGATE_EVENT_LOG", log.as_str()),
    ];
    (Scene::with(&[&env, more].concat()).await, disk)
}

async fn until_ready(scene: &Scene, expected: (u16, &str)) {
    let ready = async {
        loop {
            let (status, text) = scene.admin("/readyz").await;
            if (status, text.as_str()) == expected {
                return;
            }
        }
    };
    soon(expected.1.to_owned().leak(), ready).await;
}

async fn blocked(scene: &Scene, reason: &str) -> bool {
    let metrics = scene.admin("/metrics").await.1;
    metrics.contains(&format!("gridgate_event_log_blocked{{reason=\"{reason}\"}} 1"))
}

#[tokio::test]
async fn a_full_disk_is_told_once_shown_and_got_over() {
    for trouble in ["full", "quota"] {
        let folder = tempfile::tempdir().unwrap();
        let (scene, disk) = on_a_disk(folder.path(), &[]).await;
        assert_eq!(scene.deliver("W:0").await, 200);
        assert!(!blocked(&scene, "disk_full").await);
        std::fs::write(disk.join(trouble), "").unwrap();
        for number in 1..30 {
            assert_eq!(scene.deliver(&format!("W:{number}")).await, 503);
        }
        let (status, text) = scene.admin("/readyz").await;
        assert!(
            status == 200 && text.starts_with("ready, but the event log records nothing: its disk is full"),
            "{text}"
        );
        assert!(blocked(&scene, "disk_full").await);
        // Nothing comes in that would tell that there is room again.
        std::fs::remove_file(disk.join(trouble)).unwrap();
        until_ready(&scene, (200, "ready\n")).await;
        assert!(!blocked(&scene, "disk_full").await);
        assert_eq!(scene.deliver("W:1").await, 200);
        let stderr = scene.stopped().await;
        let told = stderr.lines().filter(|line| line.contains("the event log records nothing")).count();
        assert_eq!(told, 1, "{trouble}: {stderr}");
        assert!(stderr.contains("the event log records again"), "{stderr}");
    }
}

#[tokio::test]
async fn where_it_is_asked_for_a_log_that_records_nothing_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let (scene, disk) = on_a_disk(folder.path(), &[("GRIDGATE_READY_NEEDS_RECORDING", "true")]).await;
    until_ready(&scene, (200, "ready\n")).await;
    std::fs::write(disk.join("full"), "").unwrap();
    assert_eq!(scene.deliver("W:1").await, 503);
    let text = "the event log records nothing: its disk is full, or a quota on it is used up\n";
    until_ready(&scene, (503, text)).await;
    assert!(!scene.is_serving().await);
    std::fs::remove_file(disk.join("full")).unwrap();
    until_ready(&scene, (200, "ready\n")).await;
    assert!(scene.is_serving().await);
}
