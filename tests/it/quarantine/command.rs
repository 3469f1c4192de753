//! `gridgate quarantine`: the real program.

use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpListener;

use super::rig::Rig;
use crate::support::app::TestApp;
use crate::support::process::{Ended, Process};

async fn quarantine(admin: SocketAddr, args: &[&str]) -> Ended {
    let admin = format!("--admin-addr={admin}");
    Process::start(&[&["quarantine"], args, &[&admin]].concat(), &[]).ended().await
}

fn json_lines(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn lists_retries_and_dismisses() {
    let rig = Rig::start().await;
    let admin = rig.app.addresses.admin;
    let empty = quarantine(admin, &["list"]).await;
    assert_eq!((empty.status.code(), empty.stdout.as_str()), (Some(0), "nothing is in quarantine\n"));

    let customer = rig.customer().await;
    rig.decide_in_silence(&customer, "APPROVED").await;
    rig.quarantine("Webhook:1", Some(&customer)).await;
    rig.quarantine("Webhook:2", None).await;
    let listed = quarantine(admin, &["list"]).await;
    assert_eq!(listed.status.code(), Some(0), "{}", listed.stderr);
    let lines: Vec<_> = listed.stdout.lines().collect();
    assert!(lines[0].starts_with("ID         TYPE"), "{lines:?}");
    assert!(lines[1].contains("Webhook:1") && lines[1].contains(&customer), "{lines:?}");
    assert!(lines[2].contains("Webhook:2") && lines[2].contains("–"), "{lines:?}");
    let rows = json_lines(&quarantine(admin, &["list", "--json"]).await);
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["id"], &rows[1]["customer_id"]), (&"Webhook:1".into(), &Value::Null));

    let retried = quarantine(admin, &["retry", "--all"]).await;
    assert_eq!(retried.status.code(), Some(1), "one of them stays");
    let lines: Vec<_> = retried.stdout.lines().collect();
    assert_eq!(lines[0], format!("Webhook:1: retried: {customer} is APPROVED now"));
    assert!(lines[1].contains("nothing to ask") && lines[1].contains("quarantine dismiss Webhook:2"), "{lines:?}");
    assert!(retried.stderr.contains("1 of 2"), "{}", retried.stderr);

    let dismissed = quarantine(admin, &["dismiss", "Webhook:2"]).await;
    assert_eq!((dismissed.status.code(), dismissed.stdout.as_str()), (Some(0), "Webhook:2: dismissed\n"));
    let nothing = quarantine(admin, &["retry", "--all"]).await;
    assert_eq!((nothing.status.code(), nothing.stdout.as_str()), (Some(0), "nothing is in quarantine\n"));
}

#[tokio::test]
async fn says_in_json_what_became_of_each() {
    let rig = Rig::start().await;
    let customer = rig.customer().await;
    rig.quarantine("Webhook:1", Some(&customer)).await;
    let ended = quarantine(rig.app.addresses.admin, &["retry", "Webhook:1", "Webhook:9", "--json"]).await;
    assert_eq!(ended.status.code(), Some(1));
    let lines = json_lines(&ended);
    assert_eq!((&lines[0]["result"], &lines[0]["status"]), (&"retried".into(), &"PENDING".into()));
    assert_eq!((&lines[1]["result"], &lines[1]["code"]), (&"failed".into(), &"not_in_quarantine".into()));
}

#[tokio::test]
async fn what_is_asked_for_is_done_although_nobody_reads() {
    let rig = Rig::start().await;
    for id in ["Webhook:1", "Webhook:2"] {
        rig.quarantine(id, None).await;
    }
    let admin = format!("--admin-addr={}", rig.app.addresses.admin);
    let program = Process::start(&["quarantine", "dismiss", "Webhook:1", "Webhook:2", &admin], &[]);
    let Ended { status, stderr, .. } = program.ended_unread().await;
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
    assert_eq!(rig.ids().await, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_gridgate_it_says_what_to_look_at() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let ended = quarantine(nobody, &["list"]).await;
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(ended.stdout, "");
    for part in [nobody.to_string().as_str(), "is gridgate running here", "GRIDGATE_ADMIN_ADDR"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    // Something else listens there.
    let app = TestApp::with_sandbox().await;
    let ended = quarantine(app.addresses.sandbox.unwrap(), &["list"]).await;
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("is not the admin port"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_command_line_has_to_say_which() {
    for args in [
        &["quarantine"][..],
        &["quarantine", "retry"],
        &["quarantine", "retry", "--all", "x"],
        &["quarantine", "dismiss"],
    ] {
        assert_eq!(Process::start(args, &[]).ended().await.status.code(), Some(2), "{args:?}");
    }
    let ended = Process::start(&["quarantine", "list", "--admin-addr=127.0.0.1:0"], &[]).ended().await;
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("admin.addr"), "{}", ended.stderr);
}
