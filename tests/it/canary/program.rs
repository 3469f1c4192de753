//! The real program, logging everything there is to log, with all that can become of a call.

use std::time::Duration;

use base64::Engine as _;
use futures_util::future::join_all;
use gridgate::identity::NewToken;
use prost::Message as _;
use prost_reflect::{DynamicMessage, Value as Field};
use serde_json::{Value, json};

use super::plant::{Aviary, birds};
use super::{CANARY, search_files, sightings};
use crate::support::api::{RPCS, Rpc, Sends};
use crate::support::details::Details;
use crate::support::fake_grid::{FakeGrid, Reply};
use crate::support::gateway::{DEADLINE, Gateway, everything};
use crate::support::process::{Ended, Process};
use crate::support::stage::{PDF, in_chunks, success};
use crate::support::{equivalent, samples};

const SECRET: &str = "canary-secret";

/// How long calls may take that fail, repetitions included.
const SHORT: Duration = Duration::from_millis(400);

/// RPCs that one program plays.
const AT_ONCE: usize = 5;

/// One program in front of one Grid. A program for all would have its circuit breaker open most of the time.
struct Scene {
    upstream: FakeGrid,
    gateway: Gateway,
    aviary: Aviary,
    /// Canaries in statuses.
    sighted: Vec<String>,
}

#[tokio::test]
async fn no_canary_gets_into_anything_that_is_written() {
    join_all(RPCS.chunks(AT_ONCE).map(play)).await;
}

async fn play(rpcs: &'static [Rpc]) {
    let upstream = FakeGrid::start().await;
    let directory = tempfile::tempdir().unwrap();
    let base_url = upstream.base_url();
    let (policies, token) = (tempfile::tempdir().unwrap(), NewToken::generate().unwrap());
    let policy = policies.path().join("policy.toml");
    std::fs::write(&policy, everything(&token)).unwrap();
    let mut program = Process::start_in(
        directory.path(),
        &[
            "serve",
            "--grpc-addr=127.0.0.1:0",
            "--admin-addr=127.0.0.1:0",
            "--reconcile-interval=0s",
            "--log-level=trace",
        ],
        &[
            ("GRID_CLIENT_ID", "id"),
            ("GRID_CLIENT_SECRET", SECRET),
            ("LIGHTSPARK_GRID_BASE_URL", &base_url),
            ("GRIDGATE_IDENTITY_POLICY_FILE", policy.to_str().unwrap()),
        ],
    );
    let ready = program.json_line().await;
    let gateway = Gateway::to(ready["grpc"].parse().unwrap()).await;
    let gateway = gateway.authorized(format!("Bearer {}", token.expose()));
    let mut scene = Scene { upstream, gateway, aviary: Aviary::default(), sighted: Vec::new() };
    for rpc in rpcs {
        scene.play(rpc).await;
    }
    let metrics = reqwest::get(format!("http://{}/metrics", ready["admin"])).await.unwrap().text().await.unwrap();
    program.signal("TERM").await;
    let Ended { stdout, stderr, .. } = program.ended().await;

    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("id:{SECRET}"));
    assert!(!stderr.contains(&credentials), "credentials are in the log");
    assert!(!stderr.contains(token.expose()), "the token is in the log");
    assert_eq!(scene.sighted, Vec::<String>::new(), "in statuses");
    assert_eq!(sightings(&metrics), Vec::<String>::new(), "in metrics");
    assert_eq!(sightings(&stdout), Vec::<String>::new(), "on standard output");
    let in_log = sightings(&stderr);
    assert!(in_log.is_empty(), "{} in the log: {:#?}", in_log.len(), &in_log[..in_log.len().min(20)]);
    for rpc in rpcs {
        assert!(stderr.contains(rpc.name), "{} did not get into the log at all", rpc.name);
    }
    assert!(stderr.contains("TRACE"), "not everything is logged");
    search_files(directory.path());
}

impl Scene {
    /// Lets one RPC meet everything that can become of it.
    async fn play(&mut self, rpc: &'static Rpc) {
        let of_rpc = |(name, body): (&str, Value)| Some(body).filter(|_| name == rpc.name);
        let answers: Vec<_> = samples::answered().into_iter().filter_map(of_rpc).collect();
        for answer in &answers {
            let answer = self.aviary.answered(rpc, answer);
            self.meet(DEADLINE, rpc, |_| success(rpc, &answer)).await;
        }
        let empty = json!({});
        let full = answers.first().unwrap_or(&empty);
        let answer = if answers.is_empty() { empty.clone() } else { self.aviary.answered(rpc, full) };
        for status in [400, 402, 403, 404, 409, 410, 422, 423, 424, 501] {
            self.meet(DEADLINE, rpc, |sent| Reply::json(status, echo(sent))).await;
        }
        let foreign = self.aviary.hatch();
        let shape =
            json!({ "id": { "of": foreign }, "data": foreign, "errors": [foreign], "jobId": 7, "kycUrl": [foreign] });
        let garbage =
            format!("HTTP/1.1 200 {foreign}\r\nx-{CANARY}: {foreign}\r\nno header: {foreign}\r\n\r\n{foreign}");
        let replies = [
            Reply::empty(302).header("location", format!("/{CANARY}")),
            Reply::json(429, echo(&answer)),
            Reply::json(500, echo(&answer)),
            Reply::json(503, echo(&answer)),
            Reply::bytes(200, "text/html", format!("<h1>{foreign}</h1>")),
            Reply::json(200, shape),
            Reply::json(200, answer.clone()).cut(),
            Reply::raw(garbage),
            Reply::raw(format!("{foreign}\r\n\r\n")),
            Reply::close(),
            Reply::hang(),
        ];
        for reply in replies {
            self.meet(SHORT, rpc, |_| reply).await;
            self.calm_down().await;
        }
        self.cancel(rpc).await;
        self.refuse(rpc).await;
    }

    /// A request with canaries, as messages.
    fn ask(&mut self, rpc: &Rpc) -> (Value, Vec<DynamicMessage>) {
        let sample = samples::sent_by(rpc.name);
        let sent = self.aviary.sent(rpc, &sample);
        let mut message = equivalent::request(rpc, rpc.id.map_or("", samples::id_for), &sent).message;
        let bird = self.aviary.hatch();
        if rpc.name == "UpdateCustomer" && bird.is_ascii() {
            message.set_field_by_name("challenge_id", Field::String("Request:1".to_owned()));
            message.set_field_by_name("wallet_signature", Field::String(bird.clone()));
        }
        if rpc.sends == Sends::Document {
            let metadata = message.get_field_by_name_mut("metadata").unwrap().as_message_mut().unwrap();
            metadata.set_field_by_name("file_name", Field::String(format!("{bird}.pdf")));
        }
        let messages = match rpc.sends {
            Sends::Document => in_chunks(message, &[PDF, bird.as_bytes()].concat(), 40),
            Sends::Csv => in_chunks(message, format!("umaAddress,fullName\n${bird},{bird}\n").as_bytes(), 40),
            Sends::Nothing | Sends::Query | Sends::Json(_) => vec![message],
        };
        (sent, messages)
    }

    /// Makes a call, and looks for canaries in the status that it ends with, if it does.
    async fn meet(&mut self, deadline: Duration, rpc: &'static Rpc, reply: impl FnOnce(&Value) -> Reply) {
        let (sent, messages) = self.ask(rpc);
        // Where a customer is looked for whose creation got lost.
        self.upstream.on("GET", "/customers", Reply::json(200, json!({ "data": [], "hasMore": false })));
        self.upstream.on(rpc.method, rpc.path, reply(&sent));
        self.call(deadline, rpc, messages).await;
    }

    async fn call(&mut self, deadline: Duration, rpc: &Rpc, messages: Vec<DynamicMessage>) {
        // Grid's own words go into a status, without what they repeat of the request.
        let asked: Vec<_> = messages.iter().flat_map(|message| birds_in(&message.encode_to_vec())).collect();
        if let Err(status) = self.gateway.call_within(deadline, rpc, messages).await {
            let details = Details::of(&status);
            let told = format!("{} {details:?}", status.message()).to_lowercase();
            let repeated = asked.iter().filter(|bird| told.contains(bird.as_str()));
            self.sighted.extend(repeated.map(|bird| format!("{}: {bird} in {told}", rpc.name)));
        }
    }

    /// Shows the circuit breaker a success.
    async fn calm_down(&mut self) {
        let rpc = Rpc::named("GetEndUserTerms");
        self.upstream.on(rpc.method, rpc.path, success(rpc, &samples::answer_of(rpc.name).unwrap()));
        self.gateway.call(rpc, vec![DynamicMessage::new(rpc.request())]).await.unwrap();
    }

    /// A call that its caller gives up.
    async fn cancel(&mut self, rpc: &'static Rpc) {
        let (_, messages) = self.ask(rpc);
        self.upstream.take_requests();
        self.upstream.on(rpc.method, rpc.path, Reply::hang());
        let requests = self.upstream.received();
        tokio::select! {
            answer = self.gateway.call(rpc, messages) => panic!("{} was answered: {answer:?}", rpc.name),
            () = self.upstream.wait_for_requests(requests + 1) => {}
        }
    }

    /// A call that is refused before Grid is asked.
    async fn refuse(&mut self, rpc: &'static Rpc) {
        let (_, mut messages) = self.ask(rpc);
        match (rpc.sends, rpc.id) {
            (Sends::Query, _) => messages[0].set_field_by_name("page_size", Field::I32(-1)),
            (Sends::Document, _) => messages[0].set_field_by_name("chunk", Field::Bytes(b"GIF89a"[..].into())),
            (_, Some(id)) => messages[0].set_field_by_name(id, Field::String("a/b".to_owned())),
            (Sends::Json(_), None) if rpc.name == "UpdatePlatformConfig" => {
                let mask = messages[0].get_field_by_name_mut("update_mask").unwrap().as_message_mut().unwrap();
                mask.set_field_by_name("paths", Field::List(vec![Field::String("a/b".to_owned())]));
            }
            (Sends::Json(_), None) => {
                let field = if rpc.name == "CreateCustomer" { "request_id" } else { "customer_id" };
                messages[0].set_field_by_name(field, Field::String("a/b".to_owned()));
            }
            (Sends::Nothing | Sends::Csv, None) => return,
        }
        self.call(DEADLINE, rpc, messages).await;
    }
}

/// An error that repeats all that was sent.
fn echo(sent: &Value) -> Value {
    let birds = birds(sent);
    let error = |bird: &&str| json!({ "field": "fullName", "message": format!("{bird} is no good") });
    json!({
        "code": "INVALID_INPUT",
        "message": format!("can't take '{}'", birds.join("', '")),
        "details": { "errors": birds.iter().map(error).collect::<Vec<_>>() },
    })
}

/// The canaries in an encoded message, each by its number. One that is cut in two, by the chunks of a file, has none.
fn birds_in(encoded: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(encoded).to_lowercase();
    let number = |(at, _)| text[at..].chars().take(CANARY.len() + 4).collect::<String>();
    let is_whole = |bird: &String| bird.chars().filter(char::is_ascii_digit).count() == 4;
    text.match_indices(CANARY).map(number).filter(is_whole).collect()
}
