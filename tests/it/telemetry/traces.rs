//! Whole traces, at a collector: of a call that is repeated, and of a webhook that three streams hear of.

use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::json;
use tonic::{Code, Request};

use super::collector::{Collector, Span, Taken, attribute, hex, of_resource};
use super::metrics::value;
use super::scene::{Scene, kyc};
use crate::identity::rig;
use crate::support::fake_grid::Reply;
use crate::support::nats::Nats;
use crate::support::samples;
use crate::support::soon;

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID: &str = "b7ad6b7169203331";
const GET: &str = "gridgate.v1.CustomerService/GetCustomer";
const CREATE: &str = "gridgate.v1.CustomerService/CreateCustomer";

fn over_http(collector: &Collector) -> Vec<(&'static str, String)> {
    vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.http)),
        ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
    ]
}

async fn scene(variables: &[(&'static str, String)]) -> Scene {
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Scene::start(&variables).await
}

/// A request of a trace that began elsewhere.
fn traced<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let parent = format!("00-{TRACE_ID}-{PARENT_ID}-01");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    request.metadata_mut().insert("tracestate", "vendor=secret".parse().unwrap());
    request
}

/// The one record that is meant.
#[track_caller]
fn recorded(taken: &Taken, is_meant: impl Fn(&Span) -> bool) -> &Span {
    let all = taken.named("record");
    let mut meant = all.iter().filter(|span| is_meant(span));
    let (Some(record), None) = (meant.next(), meant.next()) else { panic!("{all:#?}") };
    record
}

fn is_change(record: &Span) -> bool {
    attribute(record, "gridgate.event.outcome").as_deref() == Some("change")
}

/// Nothing says that it belongs to a span which nobody sent, apart from what began elsewhere.
#[track_caller]
fn is_whole(taken: &Taken) {
    for span in &taken.spans {
        let parent = &span.parent_span_id;
        let known =
            parent.is_empty() || hex(parent) == PARENT_ID || taken.spans.iter().any(|span| span.span_id == *parent);
        assert!(known, "the parent of {span:#?} is missing");
    }
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

#[tokio::test]
async fn the_trace_of_a_call_is_whole() {
    let collector = Collector::start().await;
    let mut variables = over_http(&collector);
    variables.push(("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test".to_owned()));
    variables.push(("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=seven".to_owned()));
    let scene = scene(&variables).await;
    let customer = samples::answer_of("GetCustomer").unwrap();
    scene.upstream.on("POST", "/customers", Reply::json(201, customer.clone()));
    let lost_first = Reply::sequence([Reply::empty(503), Reply::json(200, customer)]);
    scene.upstream.on("GET", "/customers/*", lost_first);
    let mut client = CustomerServiceClient::new(scene.channel().await);
    let create = pb::CreateCustomerRequest {
        customer_type: pb::CustomerType::Individual.into(),
        platform_customer_id: Some("p-1".to_owned()),
        ..pb::CreateCustomerRequest::default()
    };
    soon("created", client.create_customer(traced(create))).await.unwrap();
    let get = pb::GetCustomerRequest { customer_id: samples::CUSTOMER.to_owned() };
    soon("read", client.get_customer(traced(get))).await.unwrap();

    let all = |taken: &Taken| {
        let calls = taken.named(GET).len() + taken.named(CREATE).len();
        (calls, taken.named("record").len(), taken.named("witness").len()) == (2, 2, 2)
    };
    let taken = collector.wait_for("both calls, and what they told", all).await;
    is_whole(&taken);
    // The call to create: a child of the caller's span, with one request to Grid below it.
    let call = taken.one(CREATE);
    assert_eq!((hex(&call.trace_id), hex(&call.parent_span_id)), (TRACE_ID.to_owned(), PARENT_ID.to_owned()));
    assert_eq!(call.kind(), SpanKind::Server);
    assert_eq!(attribute(call, "rpc.system.name").as_deref(), Some("grpc"));
    assert_eq!(attribute(call, "rpc.method").as_deref(), Some(CREATE));
    assert_eq!(attribute(call, "rpc.response.status_code").as_deref(), Some("OK"));
    // What Grid's answer said of a status is recorded in the same trace.
    let record = recorded(&taken, |record| record.trace_id == call.trace_id && is_change(record));
    let witness = taken.spans.iter().find(|span| span.span_id == record.parent_span_id).unwrap();
    assert_eq!((witness.name.as_str(), &witness.parent_span_id), ("witness", &call.span_id));
    let request = taken.one("POST /customers");
    assert_eq!((&request.trace_id, &request.parent_span_id), (&call.trace_id, &call.span_id));
    assert_eq!(request.kind(), SpanKind::Client);
    assert_eq!(attribute(request, "http.response.status_code").as_deref(), Some("201"));
    assert_eq!(attribute(request, "url.template").as_deref(), Some("/customers"));
    // The call to read: both tries are there, each with its own span, and Grid was told which.
    let call = taken.one(GET);
    let tries = taken.named("GET /customers/{id}");
    assert_eq!(tries.len(), 2, "{tries:#?}");
    assert!(tries.iter().all(|request| request.parent_span_id == call.span_id && request.trace_id == call.trace_id));
    assert_eq!(attribute(tries[0], "http.response.status_code").as_deref(), Some("503"));
    assert!(is_error(tries[0]) && !is_error(tries[1]) && !is_error(call));
    assert_eq!(attribute(tries[1], "http.request.resend_count").as_deref(), Some("1"));
    let mut received = scene.upstream.requests_to("POST", "/customers");
    received.extend(scene.upstream.requests_to("GET", "/customers/*"));
    let told: Vec<_> = received.iter().filter_map(|request| request.header("traceparent")).collect();
    let expected: Vec<_> =
        [request, tries[0], tries[1]].iter().map(|span| format!("00-{TRACE_ID}-{}-01", hex(&span.span_id))).collect();
    assert_eq!(told, expected);
    assert!(received.iter().all(|request| request.header("tracestate").is_none()), "not Grid's business");

    let resource = &taken.resources[0];
    assert_eq!(of_resource(resource, "service.name").as_deref(), Some("gridgate"));
    assert_eq!(of_resource(resource, "deployment.environment.name").as_deref(), Some("test"));
    assert_eq!(taken.headers[0]["x-tenant"], "seven");
    holds_nothing_personal(&taken);
}

#[tokio::test]
async fn the_trace_of_a_webhook_is_linked_to_its_deliveries() {
    let collector = Collector::start().await;
    let scene = scene(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.grpc)),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
        ("OTEL_SERVICE_NAME", "onboarding".to_owned()),
    ])
    .await;
    let mut watchers = Vec::new();
    for _ in 0..3 {
        let mut client = KycEventServiceClient::new(scene.channel().await);
        let answer = soon("the stream begins", client.watch_kyc_status(pb::WatchKycStatusRequest::default())).await;
        let mut stream = answer.unwrap().into_inner();
        while !matches!(soon("synced", stream.message()).await.unwrap().unwrap().event, Some(Event::Synced(_))) {}
        watchers.push(stream);
    }
    let webhook = kyc("Webhook:0197aaaa-0000-7000-8000-0000000000a1", samples::CUSTOMER, "APPROVED");
    assert_eq!(scene.deliver(&webhook).await, 200);
    for stream in &mut watchers {
        let change = soon("the change", stream.message()).await.unwrap().unwrap();
        assert!(matches!(change.event, Some(Event::StatusChange(_))), "{change:?}");
    }
    assert_eq!(scene.deliver(&webhook).await, 409);

    let enough = |taken: &Taken| taken.named("deliver").len() == 3 && taken.named("POST /webhooks/grid").len() == 2;
    let taken = collector.wait_for("three deliveries, and a copy", enough).await;
    let webhooks = taken.named("POST /webhooks/grid");
    let (first, copy) = match attribute(webhooks[0], "gridgate.webhook.outcome").as_deref() {
        Some("recorded") => (webhooks[0], webhooks[1]),
        _ => (webhooks[1], webhooks[0]),
    };
    // Whoever can reach the door does not choose what is traced.
    assert!(first.parent_span_id.is_empty());
    assert_eq!(first.kind(), SpanKind::Server);
    assert_eq!(attribute(first, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(attribute(first, "gridgate.webhook.id").as_deref(), webhook["id"].as_str());
    assert_eq!(attribute(copy, "gridgate.webhook.outcome").as_deref(), Some("duplicate"));
    let record = recorded(&taken, |record| record.parent_span_id == first.span_id);
    assert_eq!(record.trace_id, first.trace_id);
    assert!(is_change(record), "{record:#?}");
    let mut streams = Vec::new();
    for delivery in taken.named("deliver") {
        assert_ne!(delivery.trace_id, first.trace_id, "a trace of its own");
        let [of_record, of_stream] = &delivery.links[..] else { panic!("{delivery:#?}") };
        assert_eq!((&of_record.trace_id, &of_record.span_id), (&record.trace_id, &record.span_id));
        assert_eq!(attribute(delivery, "gridgate.event.id").as_deref(), webhook["id"].as_str());
        streams.push(of_stream.span_id.clone());
    }
    // The streams end with the program, and their spans are sent before it does.
    scene.program.signal("TERM").await;
    let Scene { program, upstream: _upstream, .. } = scene;
    let ended = program.ended().await;
    assert!(ended.status.success(), "{}", ended.stderr);
    let taken = collector.taken();
    let mut calls: Vec<_> =
        taken.named("gridgate.v1.KycEventService/WatchKycStatus").iter().map(|span| span.span_id.clone()).collect();
    calls.sort();
    streams.sort();
    assert_eq!(calls, streams, "each delivery is linked to its stream");
    is_whole(&taken);
    assert_eq!(of_resource(&taken.resources[0], "service.name").as_deref(), Some("onboarding"));
    holds_nothing_personal(&taken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trace_of_a_webhook_is_linked_to_its_deliveries_at_other_replicas() {
    let collector = Collector::start().await;
    let nats = Nats::shared_single().await;
    let mut variables = over_http(&collector);
    variables.push(("GRIDGATE_EVENT_LOG", nats.url()));
    variables.push(("GRIDGATE_EVENT_MAX_SIZE", "64MiB".to_owned()));
    variables.push(("GRIDGATE_NATS_PREFIX", format!("t{:x}", fastrand::u64(..))));
    variables.push(("GRIDGATE_NATS_REPLICAS", "1".to_owned()));
    let (told, watched) = (scene(&variables).await, scene(&variables).await);
    let mut client = KycEventServiceClient::new(watched.channel().await);
    let answer = soon("the stream begins", client.watch_kyc_status(pb::WatchKycStatusRequest::default())).await;
    let mut stream = answer.unwrap().into_inner();
    while !matches!(soon("synced", stream.message()).await.unwrap().unwrap().event, Some(Event::Synced(_))) {}
    let webhook = kyc("Webhook:0197aaaa-0000-7000-8000-0000000000a1", samples::CUSTOMER, "APPROVED");
    assert_eq!(told.deliver(&webhook).await, 200);
    let change = soon("the change", stream.message()).await.unwrap().unwrap();
    assert!(matches!(change.event, Some(Event::StatusChange(_))), "{change:?}");

    let all =
        |taken: &Taken| ["deliver", "record", "POST /webhooks/grid"].iter().all(|name| taken.named(name).len() == 1);
    let taken = collector.wait_for("the webhook and its delivery", all).await;
    let record = recorded(&taken, is_change);
    assert_eq!(record.parent_span_id, taken.one("POST /webhooks/grid").span_id);
    let delivery = taken.one("deliver");
    assert_ne!(delivery.trace_id, record.trace_id, "a trace of its own");
    let [of_record, of_stream] = &delivery.links[..] else { panic!("{delivery:#?}") };
    assert_eq!((&of_record.trace_id, &of_record.span_id), (&record.trace_id, &record.span_id));
    for scene in [told, watched] {
        scene.program.signal("TERM").await;
        let Scene { program, upstream: _upstream, .. } = scene;
        assert!(program.ended().await.status.success());
    }
    let taken = collector.taken();
    assert_eq!(taken.one("gridgate.v1.KycEventService/WatchKycStatus").span_id, of_stream.span_id);
    is_whole(&taken);
    holds_nothing_personal(&taken);
}

#[tokio::test]
async fn a_call_that_is_not_sampled_is_not_sent_and_its_context_is_handed_on() {
    let collector = Collector::start().await;
    let scene = scene(&over_http(&collector)).await;
    scene.upstream.on("GET", "/customers/*", Reply::json(200, samples::answer_of("GetCustomer").unwrap()));
    let mut client = CustomerServiceClient::new(scene.channel().await);
    let get = pb::GetCustomerRequest { customer_id: samples::CUSTOMER.to_owned() };
    let mut request = Request::new(get.clone());
    request.metadata_mut().insert("traceparent", format!("00-{TRACE_ID}-{PARENT_ID}-00").parse().unwrap());
    soon("read", client.get_customer(request)).await.unwrap();
    soon("read", client.get_customer(get)).await.unwrap();
    let taken = collector.wait_for("the sampled one", |taken| taken.named(GET).len() == 1).await;
    assert_ne!(hex(&taken.one(GET).trace_id), TRACE_ID);
    let received = scene.upstream.requests_to("GET", "/customers/*");
    let told = received[0].header("traceparent").unwrap();
    assert!(told.starts_with(&format!("00-{TRACE_ID}-")) && told.ends_with("-00"), "{told}");
}

#[tokio::test]
async fn who_is_not_let_in_makes_no_spans() {
    let collector = Collector::start().await;
    let (directory, token) = (tempfile::tempdir().unwrap(), rig::token());
    let policy = directory.path().join("policy.toml");
    std::fs::write(&policy, rig::caller("reader", &token, "methods = [\"gridgate.v1.*/Get*\"]")).unwrap();
    let mut variables = over_http(&collector);
    variables.push(("GRIDGATE_IDENTITY_POLICY_FILE", policy.to_str().unwrap().to_owned()));
    let scene = scene(&variables).await;
    scene.upstream.on("GET", "/customers/*", Reply::json(200, samples::answer_of("GetCustomer").unwrap()));
    let mut client = CustomerServiceClient::new(scene.channel().await);
    // Neither a stranger nor a caller that may not do this, although both say that their trace is sampled.
    let get = pb::GetCustomerRequest { customer_id: samples::CUSTOMER.to_owned() };
    let refused = soon("refused", client.get_customer(traced(get.clone()))).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut create = traced(pb::CreateCustomerRequest::default());
    create.metadata_mut().insert("authorization", rig::bearer(&token).parse().unwrap());
    let refused = soon("refused", client.create_customer(create)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mut get = traced(get);
    get.metadata_mut().insert("authorization", rig::bearer(&token).parse().unwrap());
    soon("read", client.get_customer(get)).await.unwrap();
    let taken = collector.wait_for("the call that was let in", |taken| !taken.named(GET).is_empty()).await;
    assert_eq!(hex(&taken.one(GET).trace_id), TRACE_ID);
    assert!(taken.named(CREATE).is_empty());
    // They are counted all the same.
    let of_refused = format!(
        r#"rpc_server_call_duration_seconds_count{{rpc_system_name="grpc",rpc_method="{CREATE}",rpc_response_status_code="PERMISSION_DENIED",error_type=""}}"#
    );
    assert_eq!(value(&scene.metrics().await, &of_refused), 1.0);
}

#[tokio::test]
async fn without_a_collector_the_context_is_handed_on_as_it_came() {
    let scene = scene(&[("GRIDGATE_LOG_FORMAT", "json".to_owned()), ("GRIDGATE_LOG_LEVEL", "debug".to_owned())]).await;
    scene.upstream.on("GET", "/customers/*", Reply::error(404, "CUSTOMER_NOT_FOUND", "none"));
    let mut client = CustomerServiceClient::new(scene.channel().await);
    let get = pb::GetCustomerRequest { customer_id: samples::CUSTOMER.to_owned() };
    let status = soon("refused", client.get_customer(traced(get))).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let told = scene.upstream.requests_to("GET", "/customers/*")[0].header("traceparent").map(str::to_owned);
    assert_eq!(told, Some(format!("00-{TRACE_ID}-{PARENT_ID}-01")));
    scene.program.signal("TERM").await;
    let Scene { program, upstream: _upstream, .. } = scene;
    let ended = program.ended().await;
    let line = ended.stderr.lines().find(|line| line.contains("grid request") && line.contains("GetCustomer")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["trace_id"], json!(TRACE_ID), "{line}");
}

#[tokio::test]
async fn a_collector_that_is_gone_holds_nothing_up() {
    let refusing = crate::support::fake_grid::Refusing::start();
    let misspelt = ("OTEL_TRACES_SAMPLER", "allways_on".to_owned());
    let scene = scene(&[("OTEL_EXPORTER_OTLP_ENDPOINT", refusing.base_url()), misspelt]).await;
    scene.upstream.on("GET", "/customers/*", Reply::json(200, samples::answer_of("GetCustomer").unwrap()));
    let mut client = CustomerServiceClient::new(scene.channel().await);
    let get = pb::GetCustomerRequest { customer_id: samples::CUSTOMER.to_owned() };
    soon("read", client.get_customer(get)).await.unwrap();
    scene.program.signal("TERM").await;
    let Scene { program, upstream: _upstream, .. } = scene;
    let ended = program.ended().await;
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.stderr.contains("BatchSpanProcessor.ExportError"), "{}", ended.stderr);
    assert!(ended.stderr.contains("OTEL_TRACES_SAMPLER must be one of"), "{}", ended.stderr);
}

/// What the samples and webhooks say of people is not in any span.
fn holds_nothing_personal(taken: &Taken) {
    let text = String::from_utf8_lossy(&taken.bytes);
    for word in ["Jane Doe", "1990-01-15", "Grid-Wallet", "Basic "] {
        assert!(!text.contains(word), "{word} is in a span");
    }
}
