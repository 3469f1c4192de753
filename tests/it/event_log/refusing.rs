//! NATS that refuses: the cause is known soon, is told, and is what `/readyz` says.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::nats::Nats;
use crate::support::process::Process;
use crate::support::serving::fixed_ports;

/// How soon it has to be known, and the slack of a machine that has other things to do.
const SOON: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_secs(6);

/// The program says one of these within two seconds, and goes on trying.
async fn says(what: &str, url: &str, more: &[(&str, &str)], causes: &[&str]) {
    let [grpc, admin] = fixed_ports(&mut fastrand::Rng::new()).map(|port| port.to_string());
    let own = [
        ("GRID_CLIENT_ID", "id"),
        ("GRID_CLIENT_SECRET", "secret"),
        ("GRIDGATE_EVENT_LOG", url),
        ("GRIDGATE_NATS_REPLICAS", "1"),
        ("GRIDGATE_EVENT_MAX_SIZE", "64MiB"),
        ("GRIDGATE_GRPC_ADDR", grpc.as_str()),
        ("GRIDGATE_ADMIN_ADDR", admin.as_str()),
        ("GRIDGATE_SHUTDOWN_DRAIN_DELAY", "0s"),
    ];
    let program = Process::start(&["serve"], &[&own, more].concat());
    let ready = format!("http://{admin}/readyz");
    let asked = async {
        loop {
            if let Ok(answer) = reqwest::get(&ready).await {
                let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
                assert_eq!(status, 503, "{what}: {text}");
                if causes.iter().any(|cause| text.contains(cause)) {
                    return text;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let text = tokio::time::timeout(SOON + SLACK, asked).await;
    let text = text.unwrap_or_else(|_| panic!("{what}: nothing of {causes:?}"));
    assert!(text.starts_with("starting: the event log is not open: ") && text.ends_with('\n'), "{what}: {text}");
    // It tries again and again, and does not tell of each time.
    tokio::time::sleep(SOON).await;
    program.signal("TERM").await;
    let stderr = program.ended().await.stderr;
    let is_warning = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
    let told = stderr.lines().filter(is_warning).filter(|line| causes.iter().any(|cause| line.contains(cause))).count();
    assert!((1..=3).contains(&told), "{what}: told {told} times: {stderr}");
}

#[tokio::test]
async fn a_server_without_jetstream_is_told_of() {
    let nats = Nats::guarded("jetstream: false").await;
    says("switched off", &nats.url(), &[], &["JetStream is switched off", "switch JetStream on"]).await;
}

#[tokio::test]
async fn an_account_without_jetstream_is_told_of() {
    let accounts =
        "accounts { A { users: [{user: a, password: b}] }, B { jetstream: enabled, users: [{user: c, password: d}] } }";
    let nats = Nats::guarded(accounts).await;
    let user = [("GRIDGATE_NATS_USER", "a"), ("GRIDGATE_NATS_PASSWORD", "b")];
    says("not for the account", &nats.url(), &user, &["JetStream is switched off", "switch JetStream on"]).await;
}

#[tokio::test]
async fn messages_that_may_only_be_small_are_told_of() {
    let nats = Nats::guarded("max_payload: 1024").await;
    says("small messages", &nats.url(), &[], &["max_payload"]).await;
}

#[tokio::test]
async fn a_server_without_room_is_told_of() {
    let nats = Nats::shared_single().await;
    let more = [("GRIDGATE_EVENT_MAX_SIZE", "3000GiB"), ("GRIDGATE_NATS_PREFIX", "noroom")];
    says("no room", &nats.url(), &more, &["event.max_size is reserved"]).await;
}

#[tokio::test]
async fn an_account_without_room_is_told_of() {
    let accounts = "accounts { A { jetstream { max_store: 1MB }, users: [{user: a, password: b}] } }";
    let nats = Nats::guarded(accounts).await;
    let user = [("GRIDGATE_NATS_USER", "a"), ("GRIDGATE_NATS_PASSWORD", "b")];
    says("no room in the account", &nats.url(), &user, &["event.max_size is reserved"]).await;
}

#[tokio::test]
async fn a_user_without_permissions_is_told_of() {
    for denied in ["publish: { deny: [\"$JS.API.>\"] }", "subscribe: { deny: [\"_INBOX.>\"] }"] {
        let user = format!("{{ user: a, password: b, permissions: {{ {denied} }} }}");
        let nats = Nats::guarded(&format!("authorization {{ users: [{user}] }}")).await;
        let user = [("GRIDGATE_NATS_USER", "a"), ("GRIDGATE_NATS_PASSWORD", "b")];
        says(denied, &nats.url(), &user, &["Permissions Violation"]).await;
    }
}

#[tokio::test]
async fn a_server_that_is_away_or_silent_is_told_of() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", silent.local_addr().unwrap());
    says("silent", &url, &[], &["NATS does not answer"]).await;
    drop(silent);
    says("away", &url, &[], &["NATS cannot be reached"]).await;
}
