//! The program from outside: its commands, what it prints, signals, and exit codes.

use crate::support::process::{Ended, Process};
use crate::support::silent_grid::SilentGrid;
use crate::support::soon;
use gridgate::pb::create_customer_request::Details;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::platform_service_client::PlatformServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use gridgate::pb::{
    CreateCustomerRequest, GetPlatformConfigRequest, IndividualInput as NewCustomer, KycEventSource,
    WatchKycStatusRequest,
};
use std::io::Write as _;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

async fn connect(addr: &str) -> Channel {
    soon("connected", Endpoint::from_shared(format!("http://{addr}")).unwrap().connect()).await.unwrap()
}

async fn run(args: &[&str], env: &[(&str, &str)]) -> Ended {
    Process::start(args, env).ended().await
}

struct Waiting {
    program: Process,
    grpc: String,
    upstream: SilentGrid,
    /// Ends with the code of the answer.
    call: JoinHandle<Code>,
}

/// `gridgate serve` in front of an upstream that never answers, with a call that waits for it.
async fn serve_with_a_waiting_call(more: &[&str]) -> Waiting {
    let mut upstream = SilentGrid::start().await;
    let base_url = upstream.base_url();
    let env = [
        ("GRID_CLIENT_ID", "id"),
        ("GRID_CLIENT_SECRET", "secret"),
        ("LIGHTSPARK_GRID_BASE_URL", base_url.as_str()),
        ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_EVENT_LOG", "temporary"),
        ("GRIDGATE_RECONCILE_INTERVAL", "0s"),
    ];
    let mut program = Process::start(&[&["serve"], more].concat(), &env);
    let addresses = program.json_line().await;
    assert_eq!(addresses.keys().collect::<Vec<_>>(), ["admin", "grpc"]);
    let mut client = PlatformServiceClient::new(connect(&addresses["grpc"]).await);
    let call = tokio::spawn(async move {
        client.get_platform_config(GetPlatformConfigRequest {}).await.map_or_else(|status| status.code(), |_| Code::Ok)
    });
    upstream.request().await;
    Waiting { program, grpc: addresses["grpc"].clone(), upstream, call }
}

#[tokio::test]
async fn serve_with_a_sandbox_needs_nothing_and_answers_calls() {
    for signal in ["TERM", "INT"] {
        let mut program = Process::serve_sandbox(&[]);
        let addresses = program.json_line().await;
        assert_eq!(addresses.keys().collect::<Vec<_>>(), ["admin", "grpc", "sandbox", "webhook"]);
        let channel = connect(&addresses["grpc"]).await;
        let request = HealthCheckRequest { service: String::new() };
        let health = soon("health", HealthClient::new(channel.clone()).check(request)).await.unwrap();
        assert_eq!(health.into_inner().status(), ServingStatus::Serving);
        let mut platform = PlatformServiceClient::new(channel);
        soon("answer", platform.get_platform_config(GetPlatformConfigRequest {})).await.unwrap();

        program.signal(signal).await;
        let Ended { status, stdout, stderr } = program.ended().await;
        assert_eq!(status.code(), Some(0), "{stderr}");
        assert_eq!(stdout, "", "one line, and no other");
        for part in [addresses["grpc"].as_str(), "buf curl", "Ctrl-C"] {
            assert!(stderr.contains(part), "{part} is not in {stderr}");
        }
    }
}

#[tokio::test]
async fn a_signal_lets_open_calls_finish() {
    let Waiting { program, upstream, call, .. } = serve_with_a_waiting_call(&[]).await;
    program.signal("TERM").await;
    upstream.answer("{}");
    assert_eq!(soon("the answer", call).await.unwrap(), Code::Ok);
    let ended = program.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn the_grace_period_bounds_the_end() {
    let Waiting { program, upstream: _upstream, call, .. } =
        serve_with_a_waiting_call(&["--shutdown-grace-period=200ms"]).await;
    program.signal("TERM").await;
    assert_eq!(soon("the end of the call", call).await.unwrap(), Code::Unknown);
    let Ended { status, stderr, .. } = program.ended().await;
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("grace period"), "{stderr}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let Waiting { program, mut upstream, call, .. } = serve_with_a_waiting_call(&["--shutdown-grace-period=1h"]).await;
    program.signal("TERM").await;
    assert!(!call.is_finished());
    program.signal("INT").await;
    let Ended { status, stderr, .. } = program.ended().await;
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("second signal"), "{stderr}");
    assert_ne!(soon("the end of the call", call).await.unwrap(), Code::Ok);
    upstream.request_dropped().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let Ended { status, stdout, stderr } = run(
        &["serve", "--sandbox", "--sandbox-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0", "--webhook-addr=127.0.0.1:0"],
        &[("GRIDGATE_GRPC_ADDR", &addr)],
    )
    .await;
    assert_eq!(status.code(), Some(1));
    assert_eq!(stdout, "");
    for part in [
        "cannot listen",
        addr.as_str(),
        "GRIDGATE_GRPC_ADDR",
        "--grpc-addr",
        "in use",
        "another gridgate",
        "0 is any free",
    ] {
        assert!(stderr.contains(part), "{part} is not in {stderr}");
    }
    let Ended { status, stderr, .. } = run(&["sandbox", "--sandbox-addr", &addr], &[]).await;
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("--sandbox-addr") && stderr.contains("another gridgate"), "{stderr}");
}

#[tokio::test]
async fn mistakes_in_the_configuration_are_reported_at_once() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "[grpc]\naddr = \"here\"\n[log]\nformat = \"xml\"").unwrap();
    let path = file.path().to_str().unwrap();
    let env = [("GRIDGATE_ADMIN_ADDR", "there"), ("GRIDGATE_CONFIG", path), ("GRIDGATE_NOTHING", "x")];
    let Ended { status, stdout, stderr } = run(&["serve", "--grpc-max-connections=none"], &env).await;
    assert_eq!(status.code(), Some(2));
    assert_eq!(stdout, "");
    for part in [
        format!("grpc.addr (from {path}:2)").as_str(),
        &format!("log.format (from {path}:4)"),
        "admin.addr (from GRIDGATE_ADMIN_ADDR)",
        "grpc.max_connections (from --grpc-max-connections)",
        "GRIDGATE_NOTHING",
        "GRID_CLIENT_ID",
        "GRID_CLIENT_SECRET",
        "7 mistakes",
    ] {
        assert!(stderr.contains(part), "{part} is not in {stderr}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_a_mistake() {
    for command in ["serve", "sandbox", "healthcheck"] {
        let Ended { status, stderr, .. } = run(&[command, "--config=/no/such/file.toml"], &[]).await;
        assert_eq!(status.code(), Some(2), "{command}: {stderr}");
        assert!(stderr.contains("/no/such/file.toml"), "{command}: {stderr}");
    }
}

#[tokio::test]
async fn a_flag_that_does_not_exist_is_a_mistake() {
    let Ended { status, stderr, .. } = run(&["serve", "--grpc-adr=127.0.0.1:0"], &[]).await;
    assert_eq!(status.code(), Some(2));
    assert!(stderr.contains("--grpc-addr"), "{stderr}");
    for (args, parts) in [
        (&["serve", "--nonsense"][..], &["`gridgate serve --help`", "docs/SETTINGS.md"][..]),
        (&["healthcheck", "--url=http://a"], &["Did you mean --client-url?", "`gridgate healthcheck --help`"]),
        (&["serve", "--log-levle=info"], &["--log-level", "`gridgate serve --help`"]),
        (&["log", "cpoy", "a", "b"], &["'copy'", "`gridgate log --help`"]),
        (&["frobnicate"], &["`gridgate --help`"]),
    ] {
        let Ended { status, stderr, .. } = run(args, &[]).await;
        assert_eq!(status.code(), Some(2));
        for part in parts {
            assert!(stderr.contains(part), "{args:?}: {part} is not in {stderr}");
        }
        assert_eq!(stderr.matches("--help").count(), 1, "help is named once: {stderr}");
    }
}

#[tokio::test]
async fn version_and_help() {
    let version = run(&["--version"], &[]).await;
    assert_eq!(version.stdout, concat!("gridgate ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(version.status.code(), Some(0));
    let help = run(&["serve", "--help"], &[]).await;
    assert_eq!(help.status.code(), Some(0));
    for setting in gridgate::config::settings::OF_SERVE.settings() {
        if let Some(flag) = setting.flag {
            assert!(help.stdout.contains(&format!("--{flag}")), "{flag}");
            assert!(help.stdout.contains(setting.env), "{}", setting.env);
        }
    }
}

#[tokio::test]
async fn the_healthcheck_says_whether_a_server_is_ready() {
    let mut program = Process::serve_sandbox(&[]);
    let addresses = program.json_line().await;
    let env = [("GRIDGATE_GRPC_ADDR", addresses["grpc"].as_str())];
    let healthy = run(&["healthcheck"], &env).await;
    assert_eq!(healthy.status.code(), Some(0), "{}", healthy.stderr);
    assert_eq!(healthy.stdout, format!("healthy: http://{} is SERVING\n", addresses["grpc"]));
    let healthy = run(&["healthcheck", "--service=gridgate.v1.CustomerService"], &env).await;
    assert_eq!(healthy.status.code(), Some(0), "{}", healthy.stderr);
    assert!(healthy.stdout.starts_with("healthy: gridgate.v1.CustomerService of http://"), "{}", healthy.stdout);
    let unknown = run(&["healthcheck", "--service=no.such.Service"], &env).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(unknown.stderr.contains("NOT_FOUND"), "{}", unknown.stderr);

    program.signal("TERM").await;
    program.ended().await;
    let gone = run(&["healthcheck"], &env).await;
    assert_eq!(gone.status.code(), Some(1));
    assert!(gone.stderr.contains("cannot be reached"), "{}", gone.stderr);
}

#[tokio::test]
async fn the_healthcheck_fails_for_a_server_that_drains() {
    let Waiting { program, grpc, upstream: _upstream, .. } =
        serve_with_a_waiting_call(&["--shutdown-drain-delay=1h", "--shutdown-grace-period=2h"]).await;
    program.signal("TERM").await;
    let not_ready = soon("not ready", async {
        loop {
            let checked = run(&["healthcheck", "--grpc-addr", &grpc], &[]).await;
            if checked.status.code() != Some(0) {
                return checked;
            }
        }
    });
    let Ended { status, stderr, .. } = not_ready.await;
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("NOT_SERVING"), "{stderr}");
}

#[tokio::test]
async fn the_healthcheck_does_not_wait_for_ever() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = silent.local_addr().unwrap().to_string();
    let Ended { status, stderr, .. } = run(&["healthcheck", "--grpc-addr", &addr], &[]).await;
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("did not answer"), "{stderr}");
}

#[tokio::test]
async fn the_sandbox_runs_alone_and_says_how_to_call_it() {
    let mut program = Process::start(&["sandbox", "--sandbox-addr=127.0.0.1:0"], &[]);
    let line = program.json_line().await;
    assert_eq!(line["base_url"], format!("http://{}/grid/2025-10-13", line["sandbox"]));
    let client = reqwest::Client::new();
    let ask = |secret: &str| {
        let request = client.get(format!("{}/config", line["base_url"]));
        soon("answer", request.basic_auth(&line["client_id"], Some(secret)).send())
    };
    assert_eq!(ask(&line["client_secret"]).await.unwrap().status(), 200);
    assert_eq!(ask("wrong").await.unwrap().status(), 401);
    program.signal("TERM").await;
    let ended = program.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

/// Passes connections on to an address that is told later, so that who connects can be told of this one before.
async fn forwarder() -> (SocketAddr, watch::Sender<Option<SocketAddr>>, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (tell, mut told) = watch::channel(None);
    let running = tokio::spawn(async move {
        let to = told.wait_for(Option::is_some).await.unwrap().unwrap();
        loop {
            let (mut inward, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut outward = TcpStream::connect(to).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut inward, &mut outward).await;
            });
        }
    });
    (addr, tell, AbortOnDropHandle::new(running))
}

#[tokio::test]
async fn gridgate_and_a_sandbox_beside_it_work_together() {
    let directory = tempfile::tempdir().unwrap();
    let (webhook_addr, tell, _forwarding) = forwarder().await;
    let endpoint = format!("http://{webhook_addr}/webhooks/grid");
    let env = [("GRID_CLIENT_ID", "me"), ("GRID_CLIENT_SECRET", "hush")];
    let more = [
        "--sandbox-addr=127.0.0.1:0",
        "--sandbox-webhook-endpoint",
        &endpoint,
        "--sandbox-webhook-duplicates=2",
        "--sandbox-approve-at-creation",
        "--sandbox-answer-delay=1ms",
    ];
    let mut sandbox = Process::start(&[&["sandbox"], &more[..]].concat(), &env);
    let line = sandbox.json_line().await;
    assert_eq!((line["client_id"].as_str(), line["client_secret"].as_str()), ("me", "hush"));
    let env = [
        env[0],
        env[1],
        ("LIGHTSPARK_GRID_BASE_URL", line["base_url"].as_str()),
        ("GRID_WEBHOOK_PUBKEY", line["webhook_pubkey"].as_str()),
        ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_WEBHOOK_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_RECONCILE_INTERVAL", "0s"),
    ];
    let mut program = Process::start_in(directory.path(), &["serve", "--log-format=json"], &env);
    let addresses = program.json_line().await;
    tell.send(Some(addresses["webhook"].parse().unwrap())).unwrap();
    let channel = connect(&addresses["grpc"]).await;
    // Also what was not applied: Grid's answer to the call says the same as its webhook, and may come first.
    let from_now = WatchKycStatusRequest { include_all: true, ..WatchKycStatusRequest::default() };
    let stream = soon("a stream", KycEventServiceClient::new(channel.clone()).watch_kyc_status(from_now)).await;
    let mut stream = stream.unwrap().into_inner();

    let customer = NewCustomer { full_name: Some("Jane Doe".to_owned()), ..NewCustomer::default() };
    let request =
        CreateCustomerRequest { details: Some(Details::Individual(customer)), ..CreateCustomerRequest::default() };
    soon("answer", CustomerServiceClient::new(channel).create_customer(request)).await.unwrap();
    let change = loop {
        let response = soon("an event", stream.message()).await.unwrap().unwrap();
        if let Some(Event::StatusChange(change)) = response.event
            && change.record.as_ref().is_some_and(|record| record.source() == KycEventSource::Webhook)
        {
            break change;
        }
    };
    assert_eq!(change.status_raw, "APPROVED");
    drop(stream);

    program.signal("TERM").await;
    let ended = program.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    // Every line of a JSON log is JSON, and none has the secret.
    for line in ended.stderr.lines() {
        let _: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(!ended.stderr.contains("hush"));
}
