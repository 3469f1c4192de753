//! What is exported while everything is traced and callers are checked: spans, the metrics of the same process, audit lines.

use gridgate::pb;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use prost_reflect::Value as Field;
use serde_json::json;
use tonic::Code;

use super::plant::Aviary;
use super::sightings;
use crate::identity::rig;
use crate::support::api::{RPCS, Repeat, Rpc, Sends};
use crate::support::fake_grid::Reply;
use crate::support::gateway::{Gateway, everything};
use crate::support::raw_grpc::RawClient;
use crate::support::soon;
use crate::support::stage::{PDF, in_chunks, success};
use crate::support::{equivalent, samples};
use crate::telemetry::collector::Collector;
use crate::telemetry::scene::Scene;

#[tokio::test]
async fn no_canary_gets_into_spans_metrics_or_audit_lines() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.http);
    let (directory, token) = (tempfile::tempdir().unwrap(), rig::token());
    let policy = directory.path().join("policy.toml");
    std::fs::write(&policy, everything(&token)).unwrap();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("GRIDGATE_IDENTITY_POLICY_FILE", policy.to_str().unwrap()),
    ];
    let scene = Scene::start(&variables).await;
    let mut stream = watch(&scene, &rig::bearer(&token)).await;
    let gateway = Gateway::to(scene.address("grpc")).await.authorized(rig::bearer(&token));
    let mut aviary = Aviary::default();
    for rpc in RPCS {
        for refused in [false, true] {
            let messages = ask(rpc, &mut aviary);
            let answer = samples::answer_of(rpc.name).map(|answer| aviary.answered(rpc, &answer)).unwrap_or_default();
            let refusal = json!({ "code": "INVALID_INPUT", "message": answer.to_string(), "details": {} });
            let reply = if refused { Reply::json(400, refusal) } else { success(rpc, &answer) };
            scene.upstream.on(rpc.method, rpc.path, reply);
            let _ = gateway.call(rpc, messages).await;
        }
    }
    refuse(&scene, &mut aviary).await;
    let status = json!({ "id": samples::CUSTOMER, "customerType": "INDIVIDUAL", "kycStatus": "REJECTED",
        "fullName": aviary.hatch(), "email": aviary.hatch(), "address": { "line1": aviary.hatch() } });
    let unreadable = json!({ "id": 7, "fullName": aviary.hatch() });
    let other = json!({ "id": "Customer:other", "kycStatus": "APPROVED", "fullName": aviary.hatch() });
    for (id, data) in [("Webhook:1", status), ("Webhook:2", unreadable), ("Webhook:3", other)] {
        let webhook = json!({ "id": id, "type": "CUSTOMER.KYC_APPROVED", "data": data, "note": aviary.hatch() });
        assert_eq!(scene.deliver(&webhook).await, 200);
    }
    loop {
        let told = soon("an event", stream.message()).await.unwrap().unwrap();
        assert_eq!(sightings(&format!("{told:?}")), Vec::<String>::new(), "in a stream");
        if matches!(told.event, Some(Event::StatusChange(change)) if change.customer_id == "Customer:other") {
            break;
        }
    }
    let calls = RPCS.len() * 2;
    let taken = collector
        .wait_for("every call, webhook and delivery", |taken| {
            let count = |name: &str| taken.spans.iter().filter(|span| span.name.starts_with(name)).count();
            count("gridgate.v1.") >= calls && count("POST /webhooks/grid") == 3 && count("deliver") >= 2
        })
        .await;
    assert_eq!(sightings(&String::from_utf8_lossy(&taken.bytes)), Vec::<String>::new(), "in spans");
    assert_eq!(sightings(&scene.metrics().await), Vec::<String>::new(), "in metrics");
    audited(scene).await;
}

/// A stream that has caught up.
async fn watch(scene: &Scene, authorization: &str) -> tonic::Streaming<pb::WatchKycStatusResponse> {
    let mut request = tonic::Request::new(pb::WatchKycStatusRequest::default());
    request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    let mut client = KycEventServiceClient::new(scene.channel().await);
    let mut stream = soon("a stream", client.watch_kyc_status(request)).await.unwrap().into_inner();
    while !matches!(soon("synced", stream.message()).await.unwrap().unwrap().event, Some(Event::Synced(_))) {}
    stream
}

/// Calls of someone who may not make them, with canaries in all that says who that is.
async fn refuse(scene: &Scene, aviary: &mut Aviary) {
    let create = "/gridgate.v1.CustomerService/CreateCustomer";
    let name = aviary.hatch().replace(|c: char| !c.is_ascii_alphanumeric(), "");
    let mut client = RawClient::connect(scene.address("grpc")).await;
    for (header, value) in [
        ("authorization", format!("Bearer gridgate_{name}")),
        ("authorization", format!("Basic {name}")),
        ("x-forwarded-client-cert", format!("Hash={name};URI=spiffe://example.org/{name}")),
        ("l5d-client-id", format!("{name}.example")),
        ("traceparent", format!("00-{name}")),
    ] {
        let answer = client.call(create, &[(header, &value)]).await;
        assert_eq!(answer.code(), Code::Unauthenticated, "{header}");
        assert_eq!(sightings(&format!("{:?}", answer.trailers)), Vec::<String>::new(), "{header}");
    }
}

/// Looks through the log, in which each call that changes something has its line.
async fn audited(scene: Scene) {
    scene.program.signal("TERM").await;
    let Scene { program, upstream: _upstream, .. } = scene;
    let ended = program.ended().await;
    assert_eq!(sightings(&ended.stderr), Vec::<String>::new(), "in the log");
    let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains(" audit: ")).collect();
    for rpc in RPCS.iter().filter(|rpc| rpc.repeat != Repeat::Read) {
        let of_rpc =
            lines.iter().filter(|line| line.contains("\"allowed\"") && line.contains(&format!("/{}\"", rpc.name)));
        assert_eq!(of_rpc.count(), 2, "{}: {lines:#?}", rpc.name);
    }
    assert!(lines.iter().any(|line| line.contains("\"denied\"")), "{lines:#?}");
}

/// A request with canaries, as messages.
fn ask(rpc: &Rpc, aviary: &mut Aviary) -> Vec<prost_reflect::DynamicMessage> {
    let sent = aviary.sent(rpc, &samples::sent_by(rpc.name));
    let mut message = equivalent::request(rpc, rpc.id.map_or("", samples::id_for), &sent).message;
    let bird = aviary.hatch();
    match rpc.sends {
        Sends::Document => {
            let metadata = message.get_field_by_name_mut("metadata").unwrap().as_message_mut().unwrap();
            metadata.set_field_by_name("file_name", Field::String(format!("{bird}.pdf")));
            in_chunks(message, &[PDF, bird.as_bytes()].concat(), 40)
        }
        Sends::Csv => in_chunks(message, format!("umaAddress,fullName\n${bird},{bird}\n").as_bytes(), 40),
        Sends::Nothing | Sends::Query | Sends::Json(_) => vec![message],
    }
}
