//! A log that closes itself ends the program, so that whoever supervises it starts it again.

use crate::support::nats::Nats;
use crate::support::process::Process;
use crate::support::silent_grid::SilentGrid;
use crate::support::soon;
use crate::support::webhook_sender::{WebhookSender, kyc};
use gridgate::pb::GetPlatformConfigRequest;
use gridgate::pb::platform_service_client::PlatformServiceClient;
use std::collections::BTreeMap;
use tokio::task::JoinHandle;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// A program with a log and a call that is under way.
pub(super) struct Scene {
    program: Process,
    addresses: BTreeMap<String, String>,
    grid: WebhookSender,
    upstream: SilentGrid,
    health: HealthClient<tonic::transport::Channel>,
    call: JoinHandle<bool>,
}

impl Scene {
    pub(super) async fn with(env: &[(&str, &str)]) -> Self {
        let (grid, mut upstream) = (WebhookSender::new(), SilentGrid::start().await);
        let (public_key, base_url) = (grid.public_key(), upstream.base_url());
        let own = [
            ("GRID_WEBHOOK_PUBKEY", public_key.as_str()),
            ("GRID_CLIENT_ID", "id"),
            ("GRID_CLIENT_SECRET", "secret"),
            ("LIGHTSPARK_GRID_BASE_URL", base_url.as_str()),
            ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0"),
            ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0"),
            ("GRIDGATE_WEBHOOK_ADDR", "127.0.0.1:0"),
            ("GRIDGATE_RECONCILE_INTERVAL", "0s"),
        ];
        let mut program = Process::start(&["serve"], &[&own, env].concat());
        let addresses = program.json_line().await;
        let endpoint = Endpoint::from_shared(format!("http://{}", addresses["grpc"])).unwrap();
        let channel = soon("connected", endpoint.connect()).await.unwrap();
        let mut platform = PlatformServiceClient::new(channel.clone());
        let call = tokio::spawn(async move { platform.get_platform_config(GetPlatformConfigRequest {}).await.is_ok() });
        upstream.request().await;
        Self { program, addresses, grid, upstream, health: HealthClient::new(channel), call }
    }

    pub(super) async fn deliver(&self, id: &str) -> u16 {
        let request = self.grid.webhook(kyc(id, "Customer:1", "APPROVED"));
        soon("an answer", request.send(self.addresses["webhook"].parse().unwrap())).await.status
    }

    pub(super) async fn admin(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.addresses["admin"]);
        let response = soon("an answer", reqwest::get(url)).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Whether health says that it serves.
    pub(super) async fn is_serving(&self) -> bool {
        let request = HealthCheckRequest { service: String::new() };
        let health = soon("health", self.health.clone().check(request)).await.unwrap();
        health.into_inner().status() == ServingStatus::Serving
    }

    /// Ends it, and says what it wrote.
    pub(super) async fn stopped(self) -> String {
        self.upstream.answer("{}");
        self.program.signal("TERM").await;
        self.program.ended().await.stderr
    }

    /// It says that it is not ready, answers the call that is under way, and ends with an error.
    async fn ends(mut self) {
        let unready = async { while self.admin("/readyz").await.0 == 200 {} };
        soon("not ready", unready).await;
        let up = self.admin("/metrics").await.1;
        assert!(up.lines().any(|line| line.starts_with("gridgate_event_log_up 0")), "{up}");
        let request = HealthCheckRequest { service: String::new() };
        // The GOAWAY may be quicker.
        if let Ok(health) = soon("health", self.health.check(request)).await {
            assert_eq!(health.into_inner().status(), ServingStatus::NotServing);
        }
        self.upstream.answer("{}");
        assert!(soon("the call's answer", self.call).await.unwrap(), "the call is answered");
        let ended = self.program.ended().await;
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains("the event log closed itself"), "{}", ended.stderr);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_fsync_that_fails_ends_the_program_and_what_was_recorded_is_there_afterwards() {
    use crate::support::lossy_disk::{self, PRELOAD, lossy_disk};
    let directory = tempfile::tempdir().unwrap();
    let disk = directory.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let library = lossy_disk(directory.path());
    let log = format!("sqlite:{}", disk.join("events.db").display());
    let env = [
        (PRELOAD, library.to_str().unwrap()),
        (lossy_disk::DIRECTORY, disk.to_str().unwrap()),
        ("GRIDGATE_EVENT_LOG", log.as_str()),
    ];
    let scene = Scene::with(&env).await;
    assert_eq!(scene.deliver("W:1").await, 200);
    std::fs::write(disk.join("broken"), "").unwrap();
    assert_eq!(scene.deliver("W:2").await, 503);
    scene.ends().await;

    std::fs::remove_file(disk.join("broken")).unwrap();
    let log = rusqlite::Connection::open(disk.join("events.db")).unwrap();
    let there: i64 = log.query_row("SELECT count(*) FROM events WHERE id = 'W:1'", [], |row| row.get(0)).unwrap();
    assert_eq!(there, 1);
}

#[tokio::test]
async fn a_stream_that_lost_what_it_had_ends_the_program() {
    let nats = Nats::shared_single().await;
    let prefix = format!("c{:x}", fastrand::u64(..));
    let url = nats.url();
    let env = [
        ("GRIDGATE_EVENT_LOG", url.as_str()),
        ("GRIDGATE_NATS_PREFIX", prefix.as_str()),
        ("GRIDGATE_NATS_REPLICAS", "1"),
        ("GRIDGATE_EVENT_MAX_SIZE", "64MiB"),
    ];
    let scene = Scene::with(&env).await;
    assert_eq!(scene.deliver("W:1").await, 200);
    let context = nats.jetstream().await;
    let events = format!("{prefix}-events");
    let config = context.get_stream(&events).await.unwrap().cached_info().config.clone();
    context.delete_stream(&events).await.unwrap();
    context.create_stream(config).await.unwrap();
    scene.ends().await;
}
