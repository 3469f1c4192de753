//! `gridgate doctor`: the real program, against a sandbox that is set up right and in every way wrong.

use std::net::SocketAddr;

use gridgate::config::settings;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::app::{TestApp, free_ports};
use crate::support::certificates::{Authority, Files, Identity};
use crate::support::control::Control;
use crate::support::fake_grid::{FakeGrid, Reply};
use crate::support::process::{Ended, Process};
use crate::support::soon;

/// A sandbox, and where the doctor is told that gridgate is.
struct Patient {
    _sandbox: Process,
    control: Control,
    base_url: String,
    key: String,
    grpc: SocketAddr,
    admin: SocketAddr,
    webhook: SocketAddr,
    _app: Option<TestApp>,
}

/// What the doctor found.
struct Found {
    findings: Vec<Value>,
    ended: Ended,
}

impl Found {
    fn one(&self, check: &str) -> &Value {
        let found: Vec<_> = self.findings.iter().filter(|finding| finding["check"] == check).collect();
        assert_eq!(found.len(), 1, "{check}: {:#?} {}", self.findings, self.ended.stderr);
        found[0]
    }

    /// How every check came out, `ok` left out.
    fn others(&self) -> Vec<String> {
        let word = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
        let line = |finding: &Value| format!("{}: {}", word(finding, "check"), word(finding, "outcome"));
        self.findings.iter().filter(|finding| finding["outcome"] != "ok").map(line).collect()
    }

    #[track_caller]
    fn failed(&self, check: &str, message: &str, hint: &str) {
        let finding = self.one(check);
        assert_eq!(finding["outcome"], "fail", "{finding}");
        assert!(finding["message"].as_str().unwrap().contains(message), "{finding}");
        assert!(finding["hint"].as_str().unwrap().contains(hint), "{finding}");
        assert_eq!(self.ended.status.code(), Some(1));
    }
}

/// An address that nobody listens on.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

impl Patient {
    /// A sandbox with a gridgate in front of it, which its webhooks lead to.
    async fn well() -> Self {
        let mut patient = Self::without_gridgate().await;
        let sources = free_ports().with(&settings::WEBHOOK_PUBLIC_KEYS, &patient.key);
        let app = TestApp::in_front_of(&patient.base_url, sources).await;
        patient.grpc = app.addresses.grpc;
        patient.admin = app.addresses.admin;
        patient.webhook = app.addresses.webhook.unwrap();
        patient.register(&format!("http://{}/webhooks/grid", patient.webhook)).await;
        patient._app = Some(app);
        patient
    }

    /// A sandbox alone, whose webhooks lead nowhere.
    async fn without_gridgate() -> Self {
        let env = [("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET", "secret")];
        let mut sandbox = Process::start(&["sandbox", "--sandbox-addr=127.0.0.1:0"], &env);
        let line = sandbox.json_line().await;
        Self {
            control: Control::of(line["sandbox"].parse().unwrap()),
            base_url: line["base_url"].clone(),
            key: line["webhook_pubkey"].clone(),
            grpc: nobody().await,
            admin: nobody().await,
            webhook: nobody().await,
            _sandbox: sandbox,
            _app: None,
        }
    }

    async fn register(&self, url: &str) {
        self.control.post("/webhooks/endpoint", json!({ "url": url })).await;
    }

    async fn examine(&self) -> Found {
        self.examine_with(&[], &[]).await
    }

    /// With more flags, and with variables that count instead of the right ones.
    async fn examine_with(&self, flags: &[&str], env: &[(&str, &str)]) -> Found {
        let ended = self.run(&[&["--json"], flags].concat(), env).await;
        let findings = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Found { findings, ended }
    }

    async fn run(&self, flags: &[&str], env: &[(&str, &str)]) -> Ended {
        let [grpc, admin, webhook] = [self.grpc, self.admin, self.webhook].map(|addr| addr.to_string());
        let mut all = vec![
            ("GRID_CLIENT_ID", "id"),
            ("GRID_CLIENT_SECRET", "secret"),
            ("GRID_WEBHOOK_PUBKEY", self.key.as_str()),
            ("LIGHTSPARK_GRID_BASE_URL", self.base_url.as_str()),
            ("GRIDGATE_GRPC_ADDR", grpc.as_str()),
            ("GRIDGATE_ADMIN_ADDR", admin.as_str()),
            ("GRIDGATE_WEBHOOK_ADDR", webhook.as_str()),
        ];
        // The last one of a name counts.
        all.extend(env);
        Process::start(&[&["doctor"], flags].concat(), &all).ended().await
    }
}

const CHECKS: [&str; 7] =
    ["credentials", "clock", "webhook key", "webhook endpoint", "gRPC port", "admin port", "test webhook"];

#[tokio::test]
async fn where_all_is_well_it_says_so() {
    let patient = Patient::well().await;
    let found = patient.examine().await;
    assert_eq!(found.others(), Vec::<String>::new(), "{:#?}", found.findings);
    assert_eq!(found.findings.iter().map(|finding| finding["check"].as_str().unwrap()).collect::<Vec<_>>(), CHECKS);
    assert_eq!((found.ended.status.code(), found.ended.stderr.as_str()), (Some(0), ""));

    let told = patient.run(&[], &[]).await;
    assert_eq!(told.status.code(), Some(0));
    let lines: Vec<_> = told.stdout.lines().collect();
    assert_eq!(lines.len(), CHECKS.len(), "{}", told.stdout);
    assert!(
        lines.iter().zip(CHECKS).all(|(line, check)| line.starts_with("ok ") && line.contains(check)),
        "{lines:#?}"
    );
}

#[tokio::test]
async fn where_no_gridgate_runs_it_takes_the_test_webhook_itself() {
    let patient = Patient::without_gridgate().await;
    patient.register(&format!("http://{}/webhooks/grid", patient.webhook)).await;
    let found = patient.examine().await;
    assert_eq!(found.others(), ["gRPC port: skipped", "admin port: skipped"], "{:#?}", found.findings);
    assert_eq!(found.ended.status.code(), Some(0));
}

#[tokio::test]
async fn wrong_credentials_are_named() {
    let patient = Patient::well().await;
    let found = patient.examine_with(&[], &[("GRID_CLIENT_SECRET", "stale")]).await;
    found.failed("credentials", "401", "GRID_CLIENT_SECRET");
    assert_eq!(found.one("clock")["outcome"], "ok", "a refusal says the time as well");
    assert_eq!(found.one("webhook endpoint")["outcome"], "skipped");
    assert_eq!(found.one("test webhook")["outcome"], "skipped");
    assert!(!found.ended.stdout.contains("stale"));
}

#[tokio::test]
async fn a_grid_that_is_not_there_is_named() {
    let patient = Patient::well().await;
    let nobody = format!("http://{}/grid/2025-10-13", nobody().await);
    let found = patient.examine_with(&[], &[("LIGHTSPARK_GRID_BASE_URL", &nobody)]).await;
    found.failed("credentials", "does not answer", "LIGHTSPARK_GRID_BASE_URL");
    assert_eq!(found.one("clock")["outcome"], "skipped");
    let wrong_path = patient.base_url.replace("2025-10-13", "2020-01-01");
    let found = patient.examine_with(&[], &[("LIGHTSPARK_GRID_BASE_URL", &wrong_path)]).await;
    found.failed("credentials", "404", "version");
}

#[tokio::test]
async fn what_is_no_grid_is_told_from_one() {
    let patient = Patient::well().await;
    let upstream = FakeGrid::start().await;
    upstream.on("GET", "/config", Reply::bytes(200, "text/html", "<h1>It works!</h1>"));
    let found = patient.examine_with(&[], &[("LIGHTSPARK_GRID_BASE_URL", &upstream.base_url())]).await;
    found.failed("credentials", "without Grid's JSON", "LIGHTSPARK_GRID_BASE_URL");
    upstream.on("GET", "/config", Reply::json(200, json!({})));
    let found = patient.examine_with(&[], &[("LIGHTSPARK_GRID_BASE_URL", &upstream.base_url())]).await;
    found.failed("credentials", "without Grid's JSON", "LIGHTSPARK_GRID_BASE_URL");
}

#[tokio::test]
async fn an_endpoint_that_is_registered_elsewhere_is_named() {
    let patient = Patient::well().await;
    patient.control.post("/webhooks/endpoint", json!({ "url": null })).await;
    let found = patient.examine().await;
    found.failed("webhook endpoint", "none is registered", "register");
    assert_eq!(found.one("test webhook")["outcome"], "skipped");

    // Somebody else's, who takes whatever comes.
    let other = FakeGrid::start().await;
    other.on("POST", "/elsewhere", Reply::empty(200));
    let url = format!("{}/elsewhere", other.base_url());
    patient.register(&url).await;
    let found = patient.examine().await;
    found.failed("webhook endpoint", &url, "--webhook-url");
    found.failed(
        "test webhook",
        "answered 200, but nothing arrived here",
        "another replica of gridgate or another service answers there",
    );
    let expected = format!("--webhook-url={url}");
    let found = patient.examine_with(&[&expected], &[]).await;
    assert_eq!(found.one("webhook endpoint")["outcome"], "ok");

    patient.register(&format!("http://{}/webhooks/grid", nobody().await)).await;
    let found = patient.examine().await;
    found.failed("webhook endpoint", "receives webhooks at", "GRIDGATE_WEBHOOK_ADDR");
    found.failed("test webhook", "could not deliver", "can reach");
    let found = patient.examine_with(&["--no-test-webhook"], &[]).await;
    assert_eq!(found.one("test webhook")["outcome"], "skipped");
}

#[tokio::test]
async fn a_key_that_is_not_grid_s_is_found_out() {
    let other = Patient::without_gridgate().await;
    // Nothing runs: the doctor itself has the wrong key.
    let patient = Patient::without_gridgate().await;
    patient.register(&format!("http://{}/webhooks/grid", patient.webhook)).await;
    let found = patient.examine_with(&[], &[("GRID_WEBHOOK_PUBKEY", &other.key)]).await;
    found.failed("test webhook", "none of the keys", "GRID_WEBHOOK_PUBKEY");
    // Beside the right one it does no harm.
    let both = format!("{}{}", other.key, patient.key);
    let found = patient.examine_with(&[], &[("GRID_WEBHOOK_PUBKEY", &both)]).await;
    assert_eq!(found.one("test webhook")["outcome"], "ok");
    assert!(found.one("webhook key")["message"].as_str().unwrap().starts_with("2 P-256 keys"));

    // The gridgate that runs has the wrong key.
    let sources = free_ports().with(&settings::WEBHOOK_PUBLIC_KEYS, &other.key);
    let app = TestApp::in_front_of(&patient.base_url, sources).await;
    let (grpc, admin) = (app.addresses.grpc.to_string(), app.addresses.admin.to_string());
    patient.register(&format!("http://{}/webhooks/grid", app.addresses.webhook.unwrap())).await;
    let found = patient.examine_with(&[], &[("GRIDGATE_GRPC_ADDR", &grpc), ("GRIDGATE_ADMIN_ADDR", &admin)]).await;
    found.failed("test webhook", "none of the keys", "GRID_WEBHOOK_PUBKEY");
}

#[tokio::test]
async fn a_key_that_is_none_is_named_and_none_at_all_is_a_warning() {
    let patient = Patient::without_gridgate().await;
    patient.register(&format!("http://{}/webhooks/grid", patient.webhook)).await;
    let found = patient.examine_with(&[], &[("GRID_WEBHOOK_PUBKEY", "MFkwEwYHKoZIzj0CAQ")]).await;
    found.failed("webhook key", "-----BEGIN PUBLIC KEY-----", "dashboard");
    assert_eq!(found.one("test webhook")["outcome"], "skipped");
    let found = patient.examine_with(&[], &[("GRID_WEBHOOK_PUBKEY", "")]).await;
    assert_eq!(found.one("webhook key")["outcome"], "warn");
    assert_eq!(found.ended.status.code(), Some(0), "{:#?}", found.findings);
}

#[tokio::test]
async fn clocks_that_differ_are_told() {
    let patient = Patient::without_gridgate().await;
    patient.control.post("/clock", json!({ "advanceSeconds": 60 })).await;
    let found = patient.examine_with(&["--no-test-webhook"], &[]).await;
    assert_eq!(found.one("clock")["outcome"], "warn");
    assert!(found.one("clock")["message"].as_str().unwrap().contains("s behind Grid"), "{}", found.one("clock"));
    patient.control.post("/clock", json!({ "advanceSeconds": 600 })).await;
    patient.examine_with(&["--no-test-webhook"], &[]).await.failed("clock", "behind Grid", "NTP");
}

#[tokio::test]
async fn a_grid_that_sends_no_test_webhooks_is_told_from_one_that_is_not_allowed_to() {
    let patient = Patient::well().await;
    for (path, status, says) in [("/webhooks/test", 403, "403"), ("/webhooks/test", 404, "its older path")] {
        let refused = json!({ "faults": [{ "path": path, "status": status }] });
        patient.control.post("/faults", refused).await;
        let found = patient.examine().await;
        assert_eq!(found.others(), ["test webhook: skipped"], "{:#?}", found.findings);
        let message = found.one("test webhook")["message"].as_str().unwrap();
        assert!(message.contains(says) && !message.contains("sandbox only"), "{message}");
        assert_eq!(found.ended.status.code(), Some(0));
    }
}

/// Grid of before June 2026 had the test webhook at another path.
#[tokio::test]
async fn the_test_webhook_of_an_older_grid_is_asked_for_too() {
    let patient = Patient::without_gridgate().await;
    let older = FakeGrid::start().await;
    let config =
        json!({ "id": "PlatformConfig:1", "webhookEndpoint": format!("http://{}/webhooks/grid", patient.webhook) });
    older.on("GET", "/config", Reply::json(200, config));
    older.on("POST", "/webhooks/test", Reply::json(404, json!({})));
    older.on(
        "POST",
        "/sandbox/webhooks/test",
        Reply::json(200, json!({ "url": "the old way", "response_status": 404 })),
    );
    let found = patient.examine_with(&[], &[("LIGHTSPARK_GRID_BASE_URL", &older.base_url())]).await;
    found.failed("test webhook", "the old way answered 404, but nothing arrived here", "GRIDGATE_WEBHOOK_PATH");
}

#[tokio::test]
async fn a_test_webhook_that_calls_its_id_otherwise_arrives() {
    let patient = Patient::well().await;
    patient.control.post("/webhooks/mischief", json!({ "oldTest": true })).await;
    assert_eq!(patient.examine().await.one("test webhook")["outcome"], "ok");
    let patient = Patient::without_gridgate().await;
    patient.register(&format!("http://{}/webhooks/grid", patient.webhook)).await;
    patient.control.post("/webhooks/mischief", json!({ "oldTest": true })).await;
    assert_eq!(patient.examine().await.one("test webhook")["outcome"], "ok");
}

#[tokio::test]
async fn half_a_gridgate_is_told_from_none() {
    let mut patient = Patient::well().await;
    let admin = std::mem::replace(&mut patient.admin, nobody().await);
    let found = patient.examine_with(&["--no-test-webhook"], &[]).await;
    assert_eq!(found.one("gRPC port")["outcome"], "ok");
    found.failed("admin port", "cannot be reached", "GRIDGATE_ADMIN_ADDR");
    // Nobody says what arrives, and another one listens there.
    let found = patient.examine().await;
    found.failed("test webhook", "the doctor cannot listen on", "GRIDGATE_ADMIN_ADDR");
    patient.admin = admin;
    patient.grpc = nobody().await;
    let found = patient.examine_with(&["--no-test-webhook"], &[]).await;
    found.failed("gRPC port", "cannot be reached", "GRIDGATE_GRPC_ADDR");
}

#[tokio::test]
async fn a_gridgate_that_speaks_tls_is_spoken_to_in_tls() {
    let mut patient = Patient::without_gridgate().await;
    let (files, authority) = (Files::new(), Authority::new("servers"));
    let Identity { certificate, key, .. } = authority.server("localhost");
    let certificate = files.write("server.pem", &certificate);
    let (key, ca) = (files.write("server.key", &key), files.write("ca.pem", &authority.pem()));
    let sources = free_ports()
        .with(&settings::GRPC_TLS_CERTIFICATE, &certificate)
        .with(&settings::GRPC_TLS_KEY, &key)
        .with(&settings::ADMIN_TLS_CERTIFICATE, &certificate)
        .with(&settings::ADMIN_TLS_KEY, &key)
        .with(&settings::WEBHOOK_PUBLIC_KEYS, &patient.key);
    let app = TestApp::in_front_of(&patient.base_url, sources).await;
    (patient.grpc, patient.admin) = (app.addresses.grpc, app.addresses.admin);
    let env = [
        ("GRIDGATE_GRPC_TLS_CERTIFICATE", certificate.as_str()),
        ("GRIDGATE_GRPC_TLS_KEY", &key),
        ("GRIDGATE_ADMIN_TLS_CERTIFICATE", &certificate),
        ("GRIDGATE_ADMIN_TLS_KEY", &key),
    ];
    let trusting = [&env[..], &[("GRIDGATE_CLIENT_TLS_CA", ca.as_str())]].concat();
    let found = patient.examine_with(&["--no-test-webhook"], &trusting).await;
    for check in ["gRPC port", "admin port"] {
        assert_eq!(found.one(check)["outcome"], "ok", "{}", found.one(check));
    }
    let found = patient.examine_with(&["--no-test-webhook"], &env).await;
    for check in ["gRPC port", "admin port"] {
        found.failed(check, "UnknownIssuer", "GRIDGATE_CLIENT_TLS_CA");
    }
}

#[tokio::test]
async fn in_place_of_a_gridgate_that_takes_webhooks_by_tls_it_takes_none() {
    let patient = Patient::without_gridgate().await;
    patient.register(&format!("http://{}/webhooks/grid", patient.webhook)).await;
    let (files, authority) = (Files::new(), Authority::new("servers"));
    let Identity { certificate, key, .. } = authority.server("localhost");
    let (certificate, key) = (files.write("server.pem", &certificate), files.write("server.key", &key));
    let env = [("GRIDGATE_WEBHOOK_TLS_CERTIFICATE", certificate.as_str()), ("GRIDGATE_WEBHOOK_TLS_KEY", key.as_str())];
    let found = patient.examine_with(&[], &env).await;
    assert_eq!(found.one("test webhook")["outcome"], "skipped");
    assert!(found.one("test webhook")["message"].as_str().unwrap().contains("TLS"), "{}", found.one("test webhook"));
}

#[tokio::test]
async fn mistakes_in_the_settings_are_reported_as_by_serve() {
    let ended = soon("the end", Process::start(&["doctor"], &[]).ended()).await;
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("GRID_CLIENT_ID"), "{}", ended.stderr);
}

impl Patient {
    /// The platform's configuration, without when it was changed.
    async fn config(&self) -> Value {
        let request = reqwest::Client::new().get(format!("{}/config", self.base_url)).basic_auth("id", Some("secret"));
        let mut config: Value = soon("the configuration", request.send()).await.unwrap().json().await.unwrap();
        config["updatedAt"].take();
        config
    }
}

#[tokio::test]
async fn an_endpoint_is_registered_where_there_is_none() {
    let patient = Patient::without_gridgate().await;
    let mut expected = patient.config().await;
    let url = format!("http://{}/webhooks/grid", patient.webhook);
    let found = patient.examine_with(&["--register", &url], &[]).await;
    let endpoint = found.one("webhook endpoint");
    assert_eq!((&endpoint["outcome"], endpoint["hint"].as_str()), (&json!("ok"), None), "{endpoint}");
    assert!(endpoint["message"].as_str().unwrap().contains("none was before"), "{endpoint}");
    assert_eq!(found.one("test webhook")["outcome"], "ok", "it is tried at once");
    assert_eq!(found.ended.status.code(), Some(0));
    expected["webhookEndpoint"] = json!(url);
    assert_eq!(patient.config().await, expected, "the rest is as it was");
    assert!(found.ended.stderr.contains("webhook_endpoint"), "the log says so too: {}", found.ended.stderr);

    let again = patient.examine_with(&["--register", &url], &[]).await;
    assert!(again.one("webhook endpoint")["message"].as_str().unwrap().contains("nothing was changed"));
    assert_eq!(again.ended.status.code(), Some(0));
}

#[tokio::test]
async fn another_endpoint_gives_way_only_when_that_is_said() {
    let patient = Patient::without_gridgate().await;
    let other = "https://other.example/hooks?key=secret";
    patient.register(other).await;
    let before = patient.config().await;
    let url = format!("http://{}/webhooks/grid", patient.webhook);
    let found = patient.examine_with(&["--register", &url, "--no-test-webhook"], &[]).await;
    found.failed("webhook endpoint", "https://other.example/hooks?… is registered", "--replace");
    assert!(found.one("webhook endpoint")["message"].as_str().unwrap().contains(&url));
    assert_eq!(patient.config().await, before);

    let found = patient.examine_with(&["--register", &url, "--replace"], &[]).await;
    let message = found.one("webhook endpoint")["message"].as_str().unwrap();
    assert!(message.contains("is now registered, in place of https://other.example/hooks?…"), "{message}");
    assert_eq!(found.one("test webhook")["outcome"], "ok");
    assert_eq!(patient.config().await["webhookEndpoint"], url);
    let Ended { stdout, stderr, .. } = &found.ended;
    assert!(stderr.contains("audit") && stderr.contains("before_host=\"other.example\""), "{stderr}");
    assert!(!format!("{stdout}{stderr}").contains("secret"), "a query can hold a secret");
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_read_gives_way_only_when_that_is_said() {
    let patient = Patient::without_gridgate().await;
    let upstream = FakeGrid::start().await;
    let base_url = upstream.base_url();
    let env = [("LIGHTSPARK_GRID_BASE_URL", base_url.as_str()), ("GRIDGATE_LOG_LEVEL", "error")];
    let url = "https://hooks.example.com/webhooks/grid";
    upstream.on("PATCH", "/config", Reply::json(200, json!({ "id": "P", "webhookEndpoint": url })));
    for registered in [json!({ "url": "https://other.example/" }), json!(["https://other.example/"]), json!(7)] {
        upstream.on("GET", "/config", Reply::json(200, json!({ "id": "P", "webhookEndpoint": registered })));
        let found = patient.examine_with(&["--register", url, "--no-test-webhook"], &env).await;
        found.failed("webhook endpoint", "something that is not a URL is registered", "--replace");
        assert!(upstream.take_requests().iter().all(|request| request.method == "GET"), "{registered}");
    }
    let found = patient.examine_with(&["--register", url, "--replace", "--no-test-webhook"], &env).await;
    assert_eq!(found.one("webhook endpoint")["outcome"], "ok", "{}", found.one("webhook endpoint"));
    let stderr = &found.ended.stderr;
    assert!(stderr.contains("audit") && stderr.contains("registered"), "whatever the log level is: {stderr}");
    assert_eq!(upstream.take_requests().iter().filter(|request| request.method == "PATCH").count(), 1);

    // Text that serve reads as well.
    let flawed = format!("\u{feff}{{\"id\":\"P\",\"webhookEndpoint\":\"{url}\",\"brand\":\"\\ud83d\"}}");
    upstream.on("GET", "/config", Reply::bytes(200, "application/json", flawed));
    let found = patient.examine_with(&["--register", url, "--no-test-webhook"], &env).await;
    assert!(found.one("webhook endpoint")["message"].as_str().unwrap().contains("already registered"));
}

#[tokio::test]
async fn why_an_endpoint_is_not_registered_is_explained() {
    let patient = Patient::without_gridgate().await;
    let url = "https://hooks.example.com/webhooks/grid";
    let flags = ["--register", url, "--no-test-webhook"];
    for (status, hint) in [
        (400, "Grid can reach"),
        (403, "API token"),
        (404, "dashboard"),
        (409, "current state"),
        (501, "does not offer this"),
        (503, "try again later"),
    ] {
        let refused = json!({ "faults": [{ "method": "PATCH", "path": "/config", "status": status }] });
        patient.control.post("/faults", refused).await;
        let found = patient.examine_with(&flags, &[]).await;
        found.failed("webhook endpoint", &format!("Grid answers {status}"), hint);
        assert_eq!(patient.config().await["webhookEndpoint"], Value::Null, "{status}");
    }
    // The answer is lost, and Grid did it.
    let lost = json!({ "faults": [{ "method": "PATCH", "path": "/config", "hangUp": "after" }] });
    patient.control.post("/faults", lost).await;
    let found = patient.examine_with(&flags, &[]).await;
    assert_eq!(found.one("webhook endpoint")["outcome"], "ok", "{}", found.one("webhook endpoint"));
    let found = patient.examine_with(&flags, &[("GRID_CLIENT_SECRET", "stale")]).await;
    found.failed("webhook endpoint", "was not registered", "credentials");
}

#[tokio::test]
async fn what_can_be_no_endpoint_is_a_mistake_of_the_command_line() {
    for (flags, why) in [
        (&["--register", "http://hooks.example.com/webhooks/grid"][..], "must be https"),
        (&["--register", "https://user:secret@hooks.example.com/"], "user or a password"),
        (&["--register", "hooks.example.com"], "absolute URL"),
        (&["--replace"], "--register"),
        (&["--register", "https://a.example/", "--webhook-url", "https://a.example/"], "cannot be used with"),
    ] {
        let ended = soon("the end", Process::start(&[&["doctor"], flags].concat(), &[]).ended()).await;
        assert_eq!(ended.status.code(), Some(2), "{flags:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(why), "{flags:?}: {}", ended.stderr);
    }
}
