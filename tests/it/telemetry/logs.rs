//! Log lines: which are written can be changed while the program runs, and those of a traced call say its trace.

use serde_json::Value;

use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;

use super::collector::{Collector, hex};
use super::scene::Scene;
use crate::support::fake_grid::{FakeGrid, Reply};
use crate::support::process::Process;
use crate::support::samples;
use crate::support::soon;

async fn put(scene: &Scene, levels: &str) -> (u16, String) {
    let request = reqwest::Client::new().put(scene.admin("/log-level")).body(levels.to_owned());
    let answer = soon("an answer", request.send()).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn read_a_customer(scene: &Scene) {
    let mut client = CustomerServiceClient::new(scene.channel().await);
    let get = pb::GetCustomerRequest { customer_id: samples::CUSTOMER.to_owned() };
    soon("read", client.get_customer(get)).await.unwrap();
}

#[tokio::test]
async fn levels_can_be_changed_and_lines_say_their_trace() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.http);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("GRIDGATE_LOG_FORMAT", "json"),
    ];
    let scene = Scene::with(&["--reconcile-interval=0s"], &variables).await;
    scene.upstream.on("GET", "/customers/*", Reply::json(200, samples::answer_of("GetCustomer").unwrap()));
    let current = soon("levels", reqwest::get(scene.admin("/log-level"))).await.unwrap().text().await.unwrap();
    assert_eq!(current, "info\n");
    read_a_customer(&scene).await;
    assert_eq!(put(&scene, "info,gridgate::grid=debug\n").await.0, 200);
    read_a_customer(&scene).await;
    for wrong in ["", "loud", "info,,", &"a=info,".repeat(2000)] {
        let (status, text) = put(&scene, wrong).await;
        assert_eq!(status, 400, "{wrong:.40} {text}");
    }
    // What may change something is for tools on this machine, as everything else of the kind on the admin port is.
    for (name, value) in [("origin", "https://evil.example"), ("host", "evil.example")] {
        let request = reqwest::Client::new().put(scene.admin("/log-level")).header(name, value).body("trace");
        assert_eq!(soon("an answer", request.send()).await.unwrap().status(), 403, "{name}");
    }
    // Audit lines cannot be silenced by whoever would be in them.
    assert_eq!(put(&scene, "off").await, (200, "audit=info,off\n".to_owned()));
    assert_eq!(put(&scene, "audit=off").await, (200, "audit=info\n".to_owned()));
    read_a_customer(&scene).await;
    let calls = "gridgate.v1.CustomerService/GetCustomer";
    let taken = collector.wait_for("three calls", |taken| taken.named(calls).len() == 3).await;
    scene.program.signal("TERM").await;
    let Scene { program, upstream: _upstream, .. } = scene;
    let ended = program.ended().await;
    let lines: Vec<Value> = ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "grid request").collect();
    assert_eq!(requests.len(), 1, "only the second call was logged in detail: {requests:#?}");
    let trace_ids: Vec<_> = taken.named(calls).iter().map(|span| hex(&span.trace_id)).collect();
    assert!(trace_ids.iter().any(|id| requests[0]["trace_id"] == id.as_str()), "{requests:#?} {trace_ids:?}");
    assert_eq!(requests[0]["span_id"].as_str().unwrap().len(), 16);
    assert_eq!((&requests[0]["rpc.method"], &requests[0]["operation"]), (&calls.into(), &"GetCustomer".into()));
    let changes: Vec<_> = lines.iter().filter(|line| line["message"] == "the log levels are changed").collect();
    assert_eq!(changes.len(), 2, "what turns all off is the last that is told");
    assert_eq!(
        (&changes[1]["before"], &changes[1]["now"]),
        (&"gridgate::grid=debug,info".into(), &"audit=info,off".into())
    );
    assert!(!ended.stderr.contains("\"stopped\""), "it was off");
}

#[tokio::test]
async fn credentials_that_grid_refuses_are_named_once() {
    let scene = Scene::with(&["--reconcile-interval=1s"], &[("GRIDGATE_LOG_FORMAT", "json")]).await;
    scene.upstream.on("GET", "/customers", Reply::error(401, "UNAUTHORIZED", "no"));
    let before = scene.upstream.requests_to("GET", "/customers").len();
    soon("three refusals", scene.upstream.wait_for_requests(before + 3)).await;
    scene.program.signal("TERM").await;
    let Scene { program, upstream: _upstream, .. } = scene;
    let ended = program.ended().await;
    let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains("GRID_CLIENT_SECRET")).collect();
    assert!(matches!(lines[..], [line] if line.contains("\"WARN\"") && line.contains("401")), "{lines:#?}");
}

#[tokio::test]
async fn waiting_for_grid_says_each_reason_once() {
    let upstream = FakeGrid::start().await;
    let refused = || Reply::error(401, "UNAUTHORIZED", "no");
    let answers = [refused(), refused(), Reply::json(200, samples::answer_of("GetPlatformConfig").unwrap())];
    upstream.on("GET", "/config", Reply::sequence(answers));
    let base_url = upstream.base_url();
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["serve", "--grpc-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0", "--reconcile-interval=0s"];
    let variables = [
        ("GRID_CLIENT_ID", "id"),
        ("GRID_CLIENT_SECRET", "secret"),
        ("LIGHTSPARK_GRID_BASE_URL", base_url.as_str()),
        ("GRIDGATE_READY_NEEDS_GRID", "true"),
    ];
    let mut program = Process::start_in(directory.path(), &arguments, &variables);
    program.json_line().await;
    assert_eq!(upstream.requests_to("GET", "/config").len(), 3);
    program.signal("TERM").await;
    let ended = program.ended().await;
    let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains("not ready:")).collect();
    assert!(matches!(lines[..], [line] if line.contains("GRID_CLIENT_SECRET")), "{lines:#?}");
}
