//! What `/metrics` says.

use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use serde_json::json;

use super::scene::{Scene, kyc};
use crate::support::fake_grid::Reply;
use crate::support::nats::Nats;
use crate::support::nats_relay::NatsRelay;
use crate::support::raw_grpc::RawClient;
use crate::support::samples;
use crate::support::soon;

/// A program to which everything has happened that is counted as it happens, so that every metric has a value. Keeps its
/// stream open.
pub struct Busy {
    pub scene: Scene,
    _stream: tonic::Streaming<pb::WatchKycStatusResponse>,
}

pub async fn busy() -> Busy {
    // What is found by comparing would be more than what happens here.
    let scene = Scene::with(&["--reconcile-interval=0s"], &[]).await;
    let mut unknown = samples::answer_of("GetCustomer").unwrap();
    unknown["kycStatus"] = json!("FROZEN");
    unknown["region"] = json!(7);
    let mut created = samples::answer_of("GetCustomer").unwrap();
    created.as_object_mut().unwrap().remove("kycStatus");
    scene.upstream.on("POST", "/customers", Reply::json(201, created));
    scene.upstream.on("GET", "/customers/*", Reply::sequence([Reply::empty(503), Reply::json(200, unknown)]));
    let mut watching = KycEventServiceClient::new(scene.channel().await);
    let stream = soon("the stream", watching.watch_kyc_status(pb::WatchKycStatusRequest::default())).await;
    let mut stream = stream.unwrap().into_inner();
    while !matches!(soon("synced", stream.message()).await.unwrap().unwrap().event, Some(Event::Synced(_))) {}
    let mut client = CustomerServiceClient::new(scene.channel().await);
    let get = pb::GetCustomerRequest { customer_id: samples::CUSTOMER.to_owned() };
    soon("read", client.get_customer(get)).await.unwrap();
    let create = pb::CreateCustomerRequest { customer_type: 1, ..pb::CreateCustomerRequest::default() };
    soon("created", client.create_customer(create)).await.unwrap();
    assert_eq!(scene.deliver(&kyc("Webhook:a1", "Customer:one", "APPROVED")).await, 200);
    assert_eq!(scene.deliver(&kyc("Webhook:a2", "Customer:other", "MELTED")).await, 200);
    assert_eq!(scene.deliver(&json!({ "id": "Webhook:a3", "type": "CUSTOMER.KYC_HOLD", "data": 7 })).await, 200);
    // One of an answer that had a status, and two of webhooks.
    for _ in 0..3 {
        soon("a change", stream.message()).await.unwrap().unwrap();
    }
    let unsigned = reqwest::Client::new().post(scene.door("/webhooks/grid")).body("{}").send();
    assert_eq!(soon("refused", unsigned).await.unwrap().status(), 401);
    Busy { scene, _stream: stream }
}

/// The value of one sample, if it is there.
pub fn sample(metrics: &str, name: &str) -> Option<f64> {
    let found = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.map(|value| value.parse().unwrap())
}

/// The value of one sample.
#[track_caller]
pub fn value(metrics: &str, name: &str) -> f64 {
    sample(metrics, name).unwrap_or_else(|| panic!("no {name} in\n{metrics}"))
}

#[tokio::test]
async fn they_answer_an_operator_s_questions() {
    let Busy { scene, _stream } = busy().await;
    let metrics = scene.metrics().await;
    let value = |sample: &str| value(&metrics, sample);
    let now = jiff::Timestamp::now().as_second();
    // How old is the newest event, how many are unresolved and in quarantine, and where does the log stand?
    let newest = value("gridgate_event_newest_timestamp_seconds");
    #[allow(clippy::cast_precision_loss)]
    let age = now as f64 - newest;
    assert!((-2.0..60.0).contains(&age), "{age}");
    assert_eq!(value("gridgate_event_newest_position"), 3.0);
    assert_eq!(value("gridgate_event_oldest_position"), 0.0);
    assert_eq!(value("gridgate_event_unresolved"), 0.0);
    assert_eq!(value("gridgate_event_quarantined"), 1.0);
    assert_eq!(value("gridgate_event_log_up"), 1.0);
    assert!(value("gridgate_event_log_size_bytes") > 1000.0);
    // Who watches, and how far behind is the slowest?
    assert_eq!(value("gridgate_watch_streams"), 1.0);
    assert_eq!(value("gridgate_watch_slowest_behind_events"), 0.0);
    assert_eq!(value(r#"gridgate_watch_delivered_total{phase="live"}"#), 3.0);
    assert_eq!(value("gridgate_watch_delivery_delay_seconds_count"), 3.0);
    // What does Grid's side look like?
    let base_url: reqwest::Url = scene.upstream.base_url().parse().unwrap();
    let server = format!(r#"server_address="127.0.0.1",server_port="{}""#, base_url.port().unwrap());
    let ok =
        r#"grid_operation="CreateCustomer",http_request_method="POST",http_response_status_code="201",error_type="""#;
    assert_eq!(value(&format!("http_client_request_duration_seconds_count{{{ok},{server}}}")), 1.0);
    let lost =
        r#"grid_operation="GetCustomer",http_request_method="GET",http_response_status_code="503",error_type="5xx""#;
    assert_eq!(value(&format!("http_client_request_duration_seconds_count{{{lost},{server}}}")), 1.0);
    assert_eq!(value(r#"gridgate_grid_repetitions_total{grid_operation="GetCustomer"}"#), 1.0);
    assert_eq!(value(r#"gridgate_grid_breaker_state{state="closed"}"#), 1.0);
    assert!(value(r#"gridgate_grid_unknown_words_total{vocabulary="KycStatus"}"#) >= 2.0);
    assert!(value(r#"gridgate_grid_unreadable_total{grid_operation="GetCustomer",part="field"}"#) >= 1.0);
    // How many webhooks were refused, and why?
    assert_eq!(value(r#"gridgate_webhook_requests_total{outcome="signature_missing"}"#), 1.0);
    assert_eq!(value(r#"gridgate_webhook_requests_total{outcome="recorded"}"#), 2.0);
    let refused = r#"{http_request_method="POST",url_scheme="http",http_route="/webhooks/grid",http_response_status_code="401",error_type=""}"#;
    assert_eq!(value(&format!("http_server_request_duration_seconds_count{refused}")), 1.0);
    assert_eq!(value(r#"gridgate_event_record_duration_seconds_count{source="webhook",outcome="change"}"#), 2.0);
    // How are calls doing?
    let created = r#"{rpc_system_name="grpc",rpc_method="gridgate.v1.CustomerService/CreateCustomer",rpc_response_status_code="OK",error_type=""}"#;
    assert_eq!(value(&format!("rpc_server_call_duration_seconds_count{created}")), 1.0);
    assert_eq!(value(r#"gridgate_rpc_open_calls{rpc_method="gridgate.v1.KycEventService/WatchKycStatus"}"#), 1.0);
    assert_eq!(value(r#"gridgate_rpc_open_calls{rpc_method="gridgate.v1.CustomerService/GetCustomer"}"#), 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_takes_too_long_takes_no_other_along() {
    let nats = Nats::shared_single().await;
    let relay = NatsRelay::to(&nats.servers()[0]).await;
    let prefix = format!("t{:x}", fastrand::u64(..));
    let variables = [
        ("GRIDGATE_EVENT_LOG", relay.server.as_str()),
        ("GRIDGATE_EVENT_MAX_SIZE", "64MiB"),
        ("GRIDGATE_NATS_PREFIX", prefix.as_str()),
        ("GRIDGATE_NATS_REPLICAS", "1"),
    ];
    let scene = Scene::with(&["--reconcile-interval=0s"], &variables).await;
    assert_eq!(scene.deliver(&kyc("Webhook:a1", "Customer:one", "APPROVED")).await, 200);
    assert_eq!(scene.deliver(&json!({ "id": "Webhook:a2", "type": "CUSTOMER.KYC_HOLD", "data": 7 })).await, 200);
    assert_eq!(value(&scene.metrics().await, "gridgate_event_quarantined"), 1.0);
    for (slow, up) in [("quarantine", 1.0), ("state", 0.0)] {
        relay.hold(&format!("{prefix}-{slow}"));
        // What was read a moment ago is good enough at first.
        let metrics = async {
            loop {
                let metrics = scene.metrics().await;
                if metrics.contains("\ngridgate_event_quarantined ") == (slow != "quarantine") {
                    return metrics;
                }
            }
        };
        let metrics = soon("they are read again", metrics).await;
        relay.release();
        assert_eq!(value(&metrics, "gridgate_event_log_up"), up, "without {slow}");
        assert_eq!(value(&metrics, "gridgate_event_unresolved"), 0.0);
        assert_eq!(value(&metrics, "gridgate_event_oldest_position"), 0.0);
    }
}

#[tokio::test]
async fn nobody_can_make_labels_up() {
    // Nothing else is asked of Grid meanwhile, which would have lines of its own.
    let scene = Scene::with(&["--reconcile-interval=0s"], &[]).await;
    let grpc = scene.address("grpc");
    let before = scene.metrics().await;
    for n in 0..20 {
        RawClient::connect(grpc).await.call(&format!("/made.up.Service{n}/Method{n}"), &[]).await;
        let method = reqwest::Method::from_bytes(format!("MADEUP{n}").as_bytes()).unwrap();
        let request = reqwest::Client::new().request(method, scene.door(&format!("/made/up/{n}")));
        assert!(soon("an answer", request.send()).await.is_ok());
    }
    let after = scene.metrics().await;
    assert!(!after.to_lowercase().contains("made"), "{after}");
    let other = r#"{rpc_system_name="grpc",rpc_method="_OTHER",rpc_response_status_code="UNIMPLEMENTED",error_type="UNIMPLEMENTED"}"#;
    assert_eq!(value(&after, &format!("rpc_server_call_duration_seconds_count{other}")), 20.0);
    let made_up = r#"{http_request_method="_OTHER",url_scheme="http",http_route="",http_response_status_code="404",error_type=""}"#;
    assert_eq!(value(&after, &format!("http_server_request_duration_seconds_count{made_up}")), 20.0);
    // One more method and status each: two histograms of 19 lines, and a gauge.
    let grown = after.lines().count() - before.lines().count();
    assert!(grown < 60, "{grown} lines more");
}

#[tokio::test]
async fn a_stream_that_waits_is_one_that_is_open_and_one_that_is_given_up_is_cancelled() {
    let Busy { scene, _stream } = busy().await;
    drop(_stream);
    let ended = r#"rpc_server_call_duration_seconds_count{rpc_system_name="grpc",rpc_method="gridgate.v1.KycEventService/WatchKycStatus",rpc_response_status_code="CANCELLED",error_type=""} 1"#;
    soon("the stream's end", async {
        while !scene.metrics().await.contains(ended) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(value(&scene.metrics().await, "gridgate_watch_streams"), 0.0);
}

#[tokio::test]
async fn openmetrics_is_spoken_to_who_asks_for_it() {
    let scene = Scene::start(&[]).await;
    let request = reqwest::Client::new()
        .get(scene.admin("/metrics"))
        .header("accept", "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5");
    let answer = soon("metrics", request.send()).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert!(text.contains("# TYPE gridgate_webhook_requests counter\n") && text.ends_with("# EOF\n"), "{text}");
}
