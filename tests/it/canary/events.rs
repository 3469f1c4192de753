//! Canaries in everything that Grid tells of its own accord, and in what it answers to those who ask about it.

use std::net::SocketAddr;
use std::path::Path;

use gridgate::pb;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use reqwest::Client;
use serde_json::{Value, json};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use super::plant::{Aviary, birds};
use super::{CANARY, search_files, sightings};
use crate::support::api::Rpc;
use crate::support::control::Control;
use crate::support::fake_grid::{FakeGrid, Reply};
use crate::support::process::{Ended, Process};
use crate::support::samples;
use crate::support::soon;
use crate::support::webhook_sender::WebhookSender;

/// Everything that was told to anybody.
#[derive(Default)]
struct Told(Vec<String>);

impl Told {
    fn add(&mut self, where_from: &str, text: impl AsRef<str>) {
        self.0.push(format!("{where_from}: {}", text.as_ref()));
    }

    fn add_status(&mut self, where_from: &str, status: &Status) {
        let details = String::from_utf8_lossy(status.details()).into_owned();
        self.add(where_from, format!("{status:?} {details}"));
    }

    #[track_caller]
    fn is_quiet(&self) {
        let sighted: Vec<_> = self.0.iter().flat_map(|told| sightings(told)).collect();
        assert_eq!(sighted, Vec::<String>::new());
    }

    #[track_caller]
    fn has(&self, part: &str) {
        assert!(self.0.iter().any(|told| told.contains(part)), "{part} is nowhere: this looks at too little");
    }
}

/// The gridgate that is searched.
struct Searched {
    program: Process,
    grpc: Channel,
    grpc_addr: SocketAddr,
    admin: SocketAddr,
    webhook: SocketAddr,
    told: Told,
}

impl Searched {
    async fn start(directory: &Path, flags: &[&str], env: &[(&str, &str)]) -> (Self, Option<SocketAddr>) {
        let ports = ["--grpc-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0", "--webhook-addr=127.0.0.1:0"];
        let mut program =
            Process::start_in(directory, &[&["serve", "--event-log=sqlite:events.db"], flags, &ports].concat(), env);
        let ready = program.json_line().await;
        let addr = |name: &str| ready[name].parse().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", ready["grpc"])).unwrap();
        let grpc = soon("connected", endpoint.connect()).await.unwrap();
        let (grpc_addr, admin, webhook) = (addr("grpc"), addr("admin"), addr("webhook"));
        let sandbox = ready.get("sandbox").map(|addr| addr.parse().unwrap());
        (Self { program, grpc, grpc_addr, admin, webhook, told: Told::default() }, sandbox)
    }

    /// Watches, lists and asks, as services do.
    async fn ask_as_a_service(&mut self, customers: &[String]) {
        let mut events = KycEventServiceClient::new(self.grpc.clone());
        let request = pb::WatchKycStatusRequest { with_snapshot: true, include_all: true, ..Default::default() };
        let mut stream = soon("a stream", events.watch_kyc_status(request)).await.unwrap().into_inner();
        loop {
            let response = soon("a response", stream.message()).await.unwrap().unwrap();
            self.told.add("watch", format!("{response:?}"));
            if let Some(Event::Synced(_)) = response.event {
                break;
            }
        }
        drop(stream);
        let listed = soon("a list", events.list_kyc_events(pb::ListKycEventsRequest::default())).await.unwrap();
        self.told.add("list", format!("{listed:?}"));
        for customer in customers {
            let request = pb::GetKycStatusRequest {
                customer_id: customer.clone(),
                max_staleness: Some(prost_types::Duration::default()),
                ..Default::default()
            };
            match soon("a status", events.get_kyc_status(request)).await {
                Ok(status) => self.told.add("get", format!("{status:?}")),
                Err(status) => self.told.add_status("get", &status),
            }
        }
    }

    /// Looks at what the admin port tells, by itself and by commands.
    async fn ask_as_an_operator(&mut self, retry: &[&str]) {
        let client = Client::new();
        let url = |path: &str| format!("http://{}{path}", self.admin);
        for path in ["/readyz", "/quarantine", "/webhooks", "/metrics", "/nothing"] {
            let answer = soon("an answer", client.get(url(path)).send()).await.unwrap();
            let headers = format!("{:?}", answer.headers());
            self.told.add(path, format!("{headers} {}", answer.text().await.unwrap()));
        }
        for id in retry {
            let request = client.post(url("/quarantine/retry")).json(&json!({ "id": id }));
            let answer = soon("an answer", request.send()).await.unwrap();
            self.told.add("retry", answer.text().await.unwrap());
        }
        let (admin, grpc) = (format!("--admin-addr={}", self.admin), format!("--grpc-addr={}", self.grpc_addr));
        for args in [&["quarantine", "list", &admin][..], &["quarantine", "list", "--json", &admin]] {
            let Ended { status, stdout, stderr } = Process::start(args, &[]).ended().await;
            assert_eq!(status.code(), Some(0), "{stderr}");
            self.told.add("command", stdout + &stderr);
        }
        let mut watch = Process::start(&["watch", "--json", "--all", "--from=earliest", &grpc], &[]);
        let line = watch.line().await;
        self.told.add("watch command", line);
        watch.signal("INT").await;
        let Ended { stdout, stderr, .. } = watch.ended().await;
        self.told.add("watch command", stdout + &stderr);
    }

    /// Ends it, and searches all that it said and left.
    async fn search(self, directory: &Path) -> String {
        // While it runs the newest is in the write-ahead log, and afterwards it is in the database.
        assert!(directory.join("events.db-wal").exists());
        assert!(search_files(directory) >= 3);
        self.program.signal("TERM").await;
        let Ended { status, stdout, stderr } = self.program.ended().await;
        assert_eq!(status.code(), Some(0));
        search_files(directory);
        let database = String::from_utf8_lossy(&std::fs::read(directory.join("events.db")).unwrap()).into_owned();
        assert!(database.contains("Customer:"), "nothing was recorded");
        let in_log = sightings(&stderr);
        assert!(in_log.is_empty(), "{} in the log: {:#?}", in_log.len(), &in_log[..in_log.len().min(20)]);
        assert_eq!(sightings(&stdout), Vec::<String>::new(), "on standard output");
        self.told.is_quiet();
        stderr
    }
}

/// Bodies of webhooks with canaries wherever there is room for personal data.
fn bodies(aviary: &mut Aviary) -> Vec<Vec<u8>> {
    let of = |rpc: &str| {
        samples::answered().into_iter().filter(|(name, _)| *name == rpc).map(|(_, sample)| sample).collect::<Vec<_>>()
    };
    let mut planted: Vec<(&str, Value)> = Vec::new();
    for sample in of("GetCustomer") {
        for webhook_type in [
            "CUSTOMER.KYC_APPROVED",
            "CUSTOMER.KYB_REJECTED",
            "CUSTOMER.KYC_SOMETHING_NEW",
            "CUSTOMER.NEW",
            "VERIFICATION.APPROVED",
        ] {
            planted.push((webhook_type, aviary.answered(Rpc::named("GetCustomer"), &sample)));
        }
    }
    for sample in of("GetVerification") {
        for webhook_type in ["VERIFICATION.RESOLVE_ERRORS", "VERIFICATION.NEW", "CUSTOMER.KYC_PENDING"] {
            planted.push((webhook_type, aviary.answered(Rpc::named("GetVerification"), &sample)));
        }
    }
    for sample in of("GetImportJob") {
        planted.push(("BULK_UPLOAD.COMPLETED", aviary.answered(Rpc::named("GetImportJob"), &sample)));
    }
    let whole = planted.iter().find(|(_, data)| birds(data).len() > 5).unwrap().1.clone();
    for webhook_type in ["INCOMING_PAYMENT.PENDING", "OUTGOING_PAYMENT.COMPLETED", "CARD.NEW", "TEST"] {
        planted.push((webhook_type, whole.clone()));
    }
    // Of a shape that nobody expects.
    for (field, strange) in [
        ("kycStatus", json!({ "of": aviary.hatch() })),
        ("kycStatus", json!(format!("Zoë {}", aviary.hatch()))),
        ("id", json!([aviary.hatch()])),
        ("id", json!(format!("{}\n", aviary.hatch()))),
        ("isDeleted", json!(aviary.hatch())),
        ("updatedAt", json!(aviary.hatch())),
        ("customerType", json!({ "of": aviary.hatch() })),
    ] {
        let mut data = whole.clone();
        data[field] = strange;
        // Names of fields that are data: an address book, a map by name.
        let bird = aviary.hatch();
        data[format!("{bird}@{bird}.example")] = json!({ format!("Zoë {bird}"): bird, format!("+1 {bird}"): [bird] });
        planted.push(("CUSTOMER.KYC_APPROVED", data.clone()));
        planted.push(("CUSTOMER.NEW", data.clone()));
        planted.push(("VERIFICATION.APPROVED", data));
    }
    for data in [json!(aviary.hatch()), json!([aviary.hatch(), { "of": aviary.hatch() }]), Value::Null, json!(7)] {
        planted.push(("CUSTOMER.KYC_APPROVED", data.clone()));
        planted.push(("VERIFICATION.APPROVED", data));
    }
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    for (number, (webhook_type, data)) in planted.into_iter().enumerate() {
        let id = format!("Webhook:{number:03}");
        let webhook = json!({ "id": id, "type": webhook_type, "timestamp": "2025-08-15T14:32:00Z", "data": data });
        bodies.push(webhook.to_string().into_bytes());
    }
    // No webhooks at all.
    let bird = aviary.hatch();
    bodies.push(
        format!(r#"{{"id": "Webhook:cut", "type": "CUSTOMER.KYC_APPROVED", "data": {{"fullName": "{bird}"#).into(),
    );
    bodies.push(format!(r#"{{"id": {{"of": "{bird}"}}, "type": "{bird}"}}"#).into());
    bodies.push(format!(r#"{{"id": "Webhook:x", "type": ["{bird}"], "data": "{bird}"}}"#).into());
    bodies.push(format!(r#"{{"id": "Webhook:x", "id": "{bird} {bird}", "type": "TEST"}}"#).into());
    bodies.push([bird.as_bytes(), &[0xff, 0xfe]].concat());
    bodies.push(format!("{}{bird}", "[".repeat(5_000)).into());
    bodies
}

#[tokio::test]
async fn no_canary_of_a_webhook_gets_into_anything_that_is_written() {
    let (grid, relay, signer, mut aviary) =
        (FakeGrid::start().await, FakeGrid::start().await, WebhookSender::new(), Aviary::default());
    let customers: Vec<_> = ["Customer:1", "Customer:2"].map(str::to_owned).into();
    let mut customer = aviary.answered(Rpc::named("GetCustomer"), &samples::individual());
    customer["id"] = json!(customers[0]);
    let page = json!({ "data": [customer, { "id": format!("{} {CANARY}", aviary.hatch()) }], "hasMore": false });
    grid.on("GET", "/customers", Reply::json(200, page));
    grid.on("GET", "/customers/*", Reply::json(200, customer.clone()));
    let bird = aviary.hatch();
    let garbage = format!("HTTP/1.1 200 {bird}\r\nx-{CANARY}: {bird}\r\nno header: {bird}\r\n\r\n{bird}");
    relay.on(
        "POST",
        "/hook",
        Reply::sequence([
            Reply::json(500, json!({ "message": bird })),
            Reply::close(),
            Reply::raw(garbage.clone()),
            Reply::empty(302).header("location", format!("/{CANARY}")),
            Reply::hang(),
            Reply::close(),
        ]),
    );
    let directory = tempfile::tempdir().unwrap();
    let (base_url, key, relay_url) = (grid.base_url(), signer.public_key(), format!("{}/hook", relay.base_url()));
    let (mut searched, _) = Searched::start(
        directory.path(),
        &["--log-level=trace", "--reconcile-interval=200ms", "--webhook-relay-url", &relay_url],
        &[
            ("GRID_CLIENT_ID", "id"),
            ("GRID_CLIENT_SECRET", "secret"),
            ("GRID_WEBHOOK_PUBKEY", &key),
            ("LIGHTSPARK_GRID_BASE_URL", &base_url),
        ],
    )
    .await;

    let door = searched.webhook;
    let mut became = std::collections::BTreeMap::<u16, usize>::new();
    let all = bodies(&mut aviary);
    for body in &all {
        let response = soon("an answer", signer.webhook(body).send(door)).await;
        let (status, text) = (response.status, String::from_utf8_lossy(&response.body).into_owned());
        *became.entry(status).or_default() += 1;
        // What the relay answers is passed on as it came: Grid hears its own platform's words.
        if !text.contains(&bird) {
            searched.told.add("door", text);
        }
    }
    for status in [200, 400, 503] {
        assert!(became.contains_key(&status), "{became:?}");
    }
    // From whoever comes along.
    for (name, value) in
        [("x-grid-signature", CANARY), ("x-grid-signature", r#"{"v": "canary", "s": "canary"}"#), ("x-canary", CANARY)]
    {
        let request = Client::new().post(format!("http://{door}/webhooks/grid?{CANARY}={CANARY}"));
        let answer = soon("an answer", request.header(name, value).body(all[0].clone()).send()).await.unwrap();
        assert_eq!(answer.status(), 401);
        searched.told.add("door", answer.text().await.unwrap());
    }
    let lost = soon("an answer", Client::new().get(format!("http://{door}/{CANARY}")).send()).await.unwrap();
    searched.told.add("door", lost.text().await.unwrap());

    // The resolver and the reconciler ask about them, and get canaries.
    grid.wait_for_requests(grid.received() + 2).await;
    searched.ask_as_a_service(&customers).await;
    let stays = ["Webhook:000", "Webhook:040", "Webhook:cut"];
    searched.ask_as_an_operator(&stays).await;
    // Grid fails in words of its own.
    let echo = json!({ "code": "INVALID_INPUT", "message": bird, "details": { "errors": [{ "field": bird, "message": bird }] } });
    for reply in [
        Reply::json(400, echo.clone()),
        Reply::json(404, echo.clone()),
        Reply::bytes(200, "text/html", format!("<h1>{bird}</h1>")),
        Reply::json(200, json!({ "id": { "of": bird }, "kycStatus": [bird] })),
        Reply::raw(garbage),
    ] {
        grid.on("GET", "/customers", reply.clone());
        grid.on("GET", "/customers/*", reply);
        searched.ask_as_a_service(&customers).await;
        let left = quarantined(searched.admin).await;
        let left: Vec<_> = left.iter().map(String::as_str).collect();
        searched.ask_as_an_operator(&left[..left.len().min(2)]).await;
    }
    for part in ["Customer:", "KYC_STATUS", "field_names", "\"outcomes\"", "customer_unknown", "grid_refused"] {
        searched.told.has(part);
    }
    let log = searched.search(directory.path()).await;
    for part in [
        "TRACE",
        "put into quarantine",
        "the relay failed",
        "correctly signed body is not a webhook",
        "webhook signature rejected",
    ] {
        assert!(log.contains(part), "{part} is not in the log: this looks at too little");
    }
}

/// The webhooks in quarantine whose customers are known.
async fn quarantined(admin: SocketAddr) -> Vec<String> {
    let answer = soon("an answer", reqwest::get(format!("http://{admin}/quarantine"))).await.unwrap();
    let listed: Value = answer.json().await.unwrap();
    let rows = listed["webhooks"].as_array().unwrap().iter().filter(|row| row["customer_id"].is_string());
    rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn no_canary_gets_out_of_a_gridgate_with_its_own_sandbox() {
    let directory = tempfile::tempdir().unwrap();
    let flags = [
        "--sandbox",
        "--sandbox-addr=127.0.0.1:0",
        "--sandbox-approve-at-creation",
        "--log-level=debug",
        "--reconcile-interval=200ms",
    ];
    let (mut searched, sandbox) = Searched::start(directory.path(), &flags, &[]).await;
    let control = Control::of(sandbox.unwrap());
    let bird = |text: &str| Some(format!("{CANARY} {text}"));
    let mut customers = pb::customer_service_client::CustomerServiceClient::new(searched.grpc.clone());
    let mut ids = Vec::new();
    for name in ["Jane", "Joe 001", "Rita 002"] {
        let request = pb::CreateCustomerRequest {
            email: Some(format!("{CANARY}.{}@{CANARY}.example", name.len())),
            address: Some(pb::Address {
                line1: bird("Street 1"),
                city: bird("City"),
                state: Some("WA".to_owned()),
                postal_code: Some("98101".to_owned()),
                country: Some("US".to_owned()),
                ..Default::default()
            }),
            details: Some(pb::create_customer_request::Details::Individual(pb::IndividualInput {
                full_name: bird(name),
                birth_date: Some("1990-01-15".to_owned()),
                nationality: Some("US".to_owned()),
                ..Default::default()
            })),
            ..Default::default()
        };
        let created = soon("a customer", customers.create_customer(request)).await.unwrap().into_inner();
        ids.push(created.customer.unwrap().id);
    }
    control.decide(&ids[1], "APPROVED").await;
    control.decide(&ids[1], "HOLD").await;
    for (id, data) in [
        ("Webhook:a", json!({ "id": ids[0], "kycStatus": { "of": CANARY }, "fullName": CANARY })),
        ("Webhook:b", json!({ "fullName": CANARY, format!("{CANARY} Street"): CANARY })),
    ] {
        control.post("/webhooks/send", json!({ "id": id, "type": "CUSTOMER.KYC_APPROVED", "data": data })).await;
        assert_eq!(control.ended(id).await["lastStatus"], 200);
    }
    control.ended_as(|webhook| webhook["type"] == "CUSTOMER.KYC_REJECTED").await;
    searched.ask_as_a_service(&ids).await;
    searched.ask_as_an_operator(&["Webhook:a", "Webhook:b"]).await;
    searched.told.has("Webhook:b");
    searched.search(directory.path()).await;
}
