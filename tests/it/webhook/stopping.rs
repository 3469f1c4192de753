//! A whole server that is told to stop while webhooks are under way.

use std::sync::Arc;
use std::time::Duration;

use gridgate::config::settings;
use gridgate::server::RunError;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::app::{TestApp, free_ports};
use crate::support::fake_grid::{FakeGrid, Reply};
use crate::support::soon;
use crate::support::webhook_sender::{Request, Response, WebhookSender, kyc, webhook};

/// Longer than what closes at the end may take, whatever the grace period.
const A_WHILE: Duration = Duration::from_millis(2500);

struct Scene {
    app: TestApp,
    grid: WebhookSender,
    /// Who decides about payments.
    relay: FakeGrid,
}

impl Scene {
    async fn with_grace(grace: &str) -> Self {
        let (grid, relay) = (WebhookSender::new(), FakeGrid::start().await);
        let sources = free_ports()
            .with(&settings::WEBHOOK_PUBLIC_KEYS, grid.public_key())
            .with(&settings::WEBHOOK_RELAY_URL, format!("{}/payments", relay.base_url()))
            .with(&settings::SHUTDOWN_GRACE_PERIOD, grace);
        let app = TestApp::in_front_of(&relay.base_url(), sources).await;
        Self { app, grid, relay }
    }

    /// Sends a webhook, and does not wait for its answer.
    async fn send(&self, body: String) -> JoinHandle<Option<Response>> {
        let (to, request) = (self.app.addresses.webhook.unwrap(), self.grid.webhook(body));
        tokio::spawn(async move { exchange(&request, to).await })
    }

    /// Tells the server to stop, and waits until it takes no webhooks any more.
    async fn leaves(&self) {
        self.app.tell_to_stop();
        let to = self.app.addresses.webhook.unwrap();
        soon("the port is closed", async { while TcpStream::connect(to).await.is_ok() {} }).await;
    }
}

/// None when the connection ends without an answer.
async fn exchange(request: &Request, to: std::net::SocketAddr) -> Option<Response> {
    use tokio::io::AsyncWriteExt as _;
    let mut stream = TcpStream::connect(to).await.ok()?;
    stream.write_all(&request.bytes()).await.ok()?;
    Response::read(&mut stream).await
}

#[tokio::test]
async fn what_the_relay_takes_its_time_for_is_answered() {
    let scene = Scene::with_grace("20s").await;
    let gate = Arc::new(Semaphore::new(0));
    scene.relay.on("POST", "/payments", Reply::json(200, json!({ "decided": true })).once_let(Arc::clone(&gate)));
    let mut answer = scene.send(webhook("W:1", "INCOMING_PAYMENT.PENDING", json!({}))).await;
    soon("the relay is asked", async {
        while scene.relay.received() == 0 {
            tokio::task::yield_now().await
        }
    })
    .await;

    scene.leaves().await;
    assert!(timeout(A_WHILE, &mut answer).await.is_err(), "there is no answer yet, and no end");
    gate.add_permits(1);
    let answer = soon("an answer", answer).await.unwrap().expect("it was cut");
    assert_eq!((answer.status, answer.body.as_slice()), (200, br#"{"decided":true}"#.as_slice()));
    scene.app.stopped().await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_the_log_takes_its_time_for_is_recorded_and_answered() {
    use crate::support::lossy_disk::{self, PRELOAD, lossy_disk};
    use crate::support::process::Process;
    let (grid, directory) = (WebhookSender::new(), tempfile::tempdir().unwrap());
    let disk = directory.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let (library, public_key) = (lossy_disk(directory.path()), grid.public_key());
    let log = format!("sqlite:{}", disk.join("events.db").display());
    let env = [
        (PRELOAD, library.to_str().unwrap()),
        (lossy_disk::DIRECTORY, disk.to_str().unwrap()),
        ("GRID_WEBHOOK_PUBKEY", public_key.as_str()),
        ("GRID_CLIENT_ID", "id"),
        ("GRID_CLIENT_SECRET", "secret"),
        ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_WEBHOOK_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_EVENT_LOG", log.as_str()),
        ("GRIDGATE_RECONCILE_INTERVAL", "0s"),
    ];
    let mut program = Process::start(&["serve"], &env);
    let to = program.json_line().await["webhook"].parse().unwrap();
    std::fs::write(disk.join("slow"), "").unwrap();
    let request = grid.webhook(kyc("W:1", "Customer:1", "APPROVED"));
    let mut answer = tokio::spawn(async move { exchange(&request, to).await });
    let writing = async {
        while !disk.join("waiting").exists() {
            tokio::task::yield_now().await
        }
    };
    soon("the webhook is being written", writing).await;

    program.signal("TERM").await;
    soon("the port is closed", async { while TcpStream::connect(to).await.is_ok() {} }).await;
    assert!(timeout(A_WHILE, &mut answer).await.is_err(), "there is no answer yet, and no end");
    std::fs::remove_file(disk.join("slow")).unwrap();
    assert_eq!(soon("an answer", answer).await.unwrap().expect("it was cut").status, 200);
    let ended = program.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let log = rusqlite::Connection::open(disk.join("events.db")).unwrap();
    let recorded: i64 = log.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    assert_eq!(recorded, 1);
}

/// Connections that are open at the webhook port.
async fn connections(app: &TestApp) -> f64 {
    let (_, metrics) = app.admin("/metrics").await;
    let open = metrics.lines().find_map(|line| line.strip_prefix("gridgate_connections_open{port=\"webhook\"} "));
    open.unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_grace_period_ends_all_the_same() {
    let scene = Scene::with_grace("300ms").await;
    scene.relay.on("POST", "/payments", Reply::hang());
    let answer = scene.send(webhook("W:1", "INCOMING_PAYMENT.PENDING", json!({}))).await;
    soon("the relay is asked", async {
        while scene.relay.received() == 0 {
            tokio::task::yield_now().await
        }
    })
    .await;
    scene.app.tell_to_stop();
    assert!(soon("the connection is cut", answer).await.unwrap().is_none());
    let ended = scene.app.stopped().await;
    assert!(matches!(ended, Err(RunError::Cut(_))), "{ended:?}");
}

#[tokio::test]
async fn a_stranger_who_says_half_a_request_is_cut_without_an_error() {
    use tokio::io::AsyncWriteExt as _;
    let scene = Scene::with_grace("300ms").await;
    let mut stranger = TcpStream::connect(scene.app.addresses.webhook.unwrap()).await.unwrap();
    stranger.write_all(b"POST /webhooks/grid HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    soon("it is there", async { while connections(&scene.app).await < 1.0 {} }).await;
    scene.app.stop().await.unwrap();
}
