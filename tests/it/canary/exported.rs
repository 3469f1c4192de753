//! What is exported while everything is traced: spans, and the metrics of the same process.

use prost_reflect::Value as Field;
use serde_json::json;

use super::plant::Aviary;
use super::sightings;
use crate::support::api::{RPCS, Rpc, Sends};
use crate::support::gateway::Gateway;
use crate::support::stage::{PDF, in_chunks, success};
use crate::support::upstream::Reply;
use crate::support::{equivalent, samples};
use crate::telemetry::collector::Collector;
use crate::telemetry::scene::Scene;

#[tokio::test]
async fn no_canary_gets_into_spans_or_metrics() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.http);
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let scene = Scene::start(&variables).await;
    let gateway = Gateway::to(scene.address("grpc")).await;
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
    let status = json!({ "id": samples::CUSTOMER, "customerType": "INDIVIDUAL", "kycStatus": "APPROVED",
        "fullName": aviary.hatch(), "email": aviary.hatch(), "address": { "line1": aviary.hatch() } });
    let unreadable = json!({ "id": 7, "fullName": aviary.hatch() });
    for (id, data) in [("Webhook:1", status), ("Webhook:2", unreadable)] {
        let webhook = json!({ "id": id, "type": "CUSTOMER.KYC_APPROVED", "data": data, "note": aviary.hatch() });
        assert_eq!(scene.deliver(&webhook).await, 200);
    }
    let calls = RPCS.len() * 2;
    let taken = collector
        .wait_for("every call and webhook", |taken| {
            let count = |name: &str| taken.spans.iter().filter(|span| span.name.starts_with(name)).count();
            count("gridgate.v1.") >= calls && count("POST /webhooks/grid") == 2
        })
        .await;
    assert_eq!(sightings(&String::from_utf8_lossy(&taken.bytes)), Vec::<String>::new(), "in spans");
    assert_eq!(sightings(&scene.metrics().await), Vec::<String>::new(), "in metrics");
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
