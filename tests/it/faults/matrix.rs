//! Every RPC meets every fault.

use std::time::Duration;

use futures_util::future::join_all;
use prost_reflect::{DynamicMessage, Value as Field};
use serde_json::json;
use tonic::{Code, Status};

use crate::support::api::{RPCS, Repeat, Rpc};
use crate::support::app::free_ports;
use crate::support::details::Details;
use crate::support::errors_doc;
use crate::support::fake_grid::{Refusing, Reply};
use crate::support::gateway::{DEADLINE, Gateway};
use crate::support::samples;
use crate::support::stage::{Stage, full_answer, messages, success};

/// A call, and how often Grid may get its request.
#[derive(Clone)]
struct Case {
    name: &'static str,
    rpc: &'static Rpc,
    messages: Vec<DynamicMessage>,
    repeat: Repeat,
}

/// How a call ended.
struct Outcome {
    case: Case,
    result: Result<DynamicMessage, Status>,
    /// Requests of this very operation that Grid got.
    requests: usize,
}

/// Every RPC with the fullest request, and the signed second step of an update, which is sent once.
fn cases() -> Vec<Case> {
    let case = |rpc: &'static Rpc| {
        let messages = messages(rpc, &samples::sent_by(rpc.name));
        Case { name: rpc.name, rpc, messages, repeat: rpc.repeat }
    };
    let mut signed = case(Rpc::named("UpdateCustomer"));
    signed.name = "UpdateCustomer, signed";
    signed.repeat = Repeat::Never;
    for (field, value) in [("challenge_id", "Request:1"), ("wallet_signature", "c2lnbmVk")] {
        signed.messages[0].set_field_by_name(field, Field::String(value.to_owned()));
    }
    RPCS.iter().map(case).chain([signed]).collect()
}

/// How many calls one program makes: when so many fail five times each, its circuit breaker is still closed.
const CALLS_OF_A_PROGRAM: usize = 3;

/// Every call at once, dealt out to programs. Requests are counted by their path, so no program makes two calls of one path.
async fn dealt(play: impl AsyncFn(Vec<Case>) -> Vec<Outcome>) -> Vec<Outcome> {
    let mut hands: Vec<Vec<Case>> = Vec::new();
    for case in cases() {
        let has_room = |hand: &&mut Vec<Case>| {
            hand.len() < CALLS_OF_A_PROGRAM && hand.iter().all(|other| other.rpc.path != case.rpc.path)
        };
        match hands.iter_mut().find(has_room) {
            Some(hand) => hand.push(case),
            None => hands.push(vec![case]),
        }
    }
    join_all(hands.into_iter().map(async |hand| play(hand).await)).await.into_iter().flatten().collect()
}

/// Lets every call meet a Grid that answers like this.
async fn meet(deadline: Duration, reply: impl Fn(&Case) -> Reply) -> Vec<Outcome> {
    dealt(async |cases| {
        let stage = &Stage::start().await;
        // Where a customer is looked for whose creation got lost, which is tested elsewhere.
        stage.on(Rpc::named("ListCustomers"), Reply::error(404, "NOT_FOUND", "no such place"));
        for case in &cases {
            stage.on(case.rpc, reply(case));
        }
        let ended = cases.into_iter().map(async |case| {
            let result = stage.gateway.call_within(deadline, case.rpc, case.messages.clone()).await;
            let requests = stage.upstream.requests_to(case.rpc.method, case.rpc.path).len();
            Outcome { case, result, requests }
        });
        join_all(ended).await
    })
    .await
}

impl Outcome {
    /// The end of a call that failed, with a reason of the domain `gridgate`.
    #[track_caller]
    fn failed_for(&self, what: &str, reason: &str) -> Details {
        let name = self.case.name;
        let status = match &self.result {
            Ok(answer) => panic!("{name}, {what}: {answer}"),
            Err(status) => status,
        };
        let details = Details::of(status);
        assert_eq!(
            (details.domain.as_str(), details.reason.as_str()),
            ("gridgate", reason),
            "{name}, {what}: {status:?}"
        );
        assert_eq!(status.code(), errors_doc::code_of_reason(reason), "{name}, {what}: {status:?}");
        details
    }

    /// Whether its success is one whatever is in the body.
    fn needs_no_body(&self) -> bool {
        self.case.rpc.status == 204 || self.case.rpc.name == "DeleteCustomer"
    }

    #[track_caller]
    fn was_sent(&self, what: &str, repeatedly: bool) {
        let (name, requests) = (self.case.name, self.requests);
        let fits = if repeatedly { (2..=5).contains(&requests) } else { requests == 1 };
        assert!(fits, "{name}, {what}: sent {requests} times");
    }
}

#[tokio::test]
async fn a_connection_that_is_refused() {
    let refusing = &Refusing::start();
    let outcomes = dealt(async |cases| {
        let gateway = &Gateway::in_front_of(&refusing.base_url(), free_ports()).await;
        let ended = cases.into_iter().map(async |case| {
            let result = gateway.call(case.rpc, case.messages.clone()).await;
            Outcome { case, result, requests: 0 }
        });
        join_all(ended).await
    });
    for outcome in outcomes.await {
        outcome.failed_for("refused", "GRID_UNREACHABLE");
    }
}

/// What says nothing of what became of a request: every call may have been carried out, and those that may be repeated are.
async fn says_nothing(what: &str, reply: impl Fn(&Case) -> Reply) {
    for outcome in meet(DEADLINE, reply).await {
        let reads = outcome.case.repeat == Repeat::Read;
        outcome.failed_for(what, if reads { "GRID_NO_ANSWER" } else { "OUTCOME_UNKNOWN" });
        outcome.was_sent(what, outcome.case.repeat != Repeat::Never);
    }
}

#[tokio::test]
async fn bad_gateway() {
    says_nothing("502", |_| Reply::bytes(502, "text/html", "<h1>Bad Gateway</h1>")).await;
}

#[tokio::test]
async fn service_unavailable() {
    says_nothing("503", |_| Reply::empty(503)).await;
}

#[tokio::test]
async fn request_timeout() {
    says_nothing("408", |_| Reply::error(408, "REQUEST_TIMEOUT", "too slow")).await;
}

#[tokio::test]
async fn gateway_timeout() {
    says_nothing("504", |_| Reply::error(504, "GATEWAY_TIMEOUT", "too slow")).await;
}

#[tokio::test]
async fn a_request_that_is_taken_and_a_connection_that_is_dropped() {
    says_nothing("dropped", |_| Reply::close()).await;
}

#[tokio::test]
async fn half_a_head() {
    says_nothing("half a head", |_| Reply::raw("HTTP/1.1 200 OK\r\ncontent-le")).await;
}

#[tokio::test]
async fn half_a_body() {
    let answer =
        |case: &Case| samples::answer_of(case.rpc.name).unwrap_or_else(|| json!({ "id": "long enough to be cut" }));
    says_nothing("half a body", |case| Reply::json(200, answer(case)).cut()).await;
}

#[tokio::test]
async fn an_answer_that_is_no_http() {
    says_nothing("no HTTP", |_| Reply::raw(*b"\x00\xff garbage \r\n\r\n")).await;
}

#[tokio::test]
async fn a_success_that_is_no_json() {
    for (what, body) in [("HTML", "<html>welcome</html>"), ("half of JSON", "{\"id\": \"Customer:0"), ("nothing", "")] {
        for outcome in meet(DEADLINE, |_| Reply::bytes(200, "application/json", body)).await {
            if outcome.needs_no_body() {
                assert!(outcome.result.is_ok(), "{}, {what}: nothing was to be read", outcome.case.name);
                continue;
            }
            let reads = outcome.case.repeat == Repeat::Read;
            outcome.failed_for(what, if reads { "GRID_UNREADABLE" } else { "OUTCOME_UNKNOWN" });
            outcome.was_sent(what, false);
        }
    }
}

#[tokio::test]
async fn a_success_in_json_of_another_shape() {
    for body in [
        json!([]),
        json!("done"),
        json!(null),
        json!({ "id": {}, "data": {}, "errors": 5, "jobId": 7, "version": [], "kycUrl": 1 }),
    ] {
        for outcome in meet(DEADLINE, |case| success(case.rpc, &body)).await {
            let what = body.to_string();
            if outcome.needs_no_body() || (body.is_object() && outcome.case.rpc.answers == "platform_config") {
                assert!(outcome.result.is_ok(), "{}, {what}: nothing was to be read", outcome.case.name);
                continue;
            }
            let reads = outcome.case.repeat == Repeat::Read;
            outcome.failed_for(&what, if reads { "GRID_UNREADABLE" } else { "OUTCOME_UNKNOWN" });
            // It would not be otherwise the second time.
            outcome.was_sent(&what, false);
        }
    }
}

#[tokio::test]
async fn no_answer_at_all() {
    for outcome in meet(Duration::from_millis(1500), |_| Reply::hang()).await {
        let details = outcome.failed_for("silence", "DEADLINE_EXCEEDED");
        let may_have_acted = (outcome.case.repeat != Repeat::Read).to_string();
        assert_eq!(details.metadata["may_have_acted"], may_have_acted, "{}", outcome.case.name);
        outcome.was_sent("silence", false);
    }
}

#[tokio::test]
async fn too_many_requests_for_longer_than_the_deadline() {
    let error = || Reply::error(429, "RATE_LIMITED", "slow down").header("retry-after", "3600");
    for outcome in meet(DEADLINE, |_| error()).await {
        let name = outcome.case.name;
        let status = outcome.result.as_ref().unwrap_err();
        let details = Details::of(status);
        assert_eq!((status.code(), details.reason.as_str()), (Code::ResourceExhausted, "RATE_LIMITED"), "{name}");
        assert_eq!(details.domain, "grid.lightspark.com");
        let hour = Some(Duration::from_secs(3600));
        assert_eq!((details.retry_after, details.pushback), (hour, hour), "{name}");
        outcome.was_sent("429", false);
    }
}

#[tokio::test]
async fn too_many_requests_for_a_moment() {
    let reply = |case: &Case| {
        let error = Reply::error(429, "RATE_LIMITED", "slow down").header("retry-after", "1");
        Reply::sequence([error, full_answer(case.rpc)])
    };
    for outcome in meet(DEADLINE, reply).await {
        let name = outcome.case.name;
        if name == "ImportCustomers" {
            // The file has gone through, and nobody has it any more.
            let status = outcome.result.as_ref().unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted);
            assert_eq!(Details::of(status).retry_after, Some(Duration::from_secs(1)));
            outcome.was_sent("429", false);
        } else {
            assert!(outcome.result.is_ok(), "{name}: {:?}", outcome.result);
            assert_eq!(outcome.requests, 2, "{name}");
        }
    }
}

#[tokio::test]
async fn an_error_of_grids_own() {
    for outcome in meet(DEADLINE, |_| Reply::error(500, "INTERNAL_ERROR", "oops")).await {
        let status = outcome.result.as_ref().unwrap_err();
        let details = Details::of(status);
        assert_eq!(
            (status.code(), details.reason.as_str()),
            (Code::Internal, "INTERNAL_ERROR"),
            "{}",
            outcome.case.name
        );
        outcome.was_sent("500", outcome.case.repeat == Repeat::Read);
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let elsewhere = Stage::start().await;
    let location = elsewhere.upstream.base_url();
    for status in [301, 302, 303, 307, 308] {
        for outcome in meet(DEADLINE, |_| Reply::empty(status).header("location", &location)).await {
            outcome.failed_for("redirected", "GRID_REDIRECTED");
            outcome.was_sent("redirected", false);
        }
    }
    assert!(elsewhere.upstream.requests().is_empty(), "credentials were taken to another host");
}

#[tokio::test]
async fn credentials_that_grid_refuses_are_not_the_callers_fault() {
    for outcome in meet(DEADLINE, |_| Reply::error(401, "UNAUTHORIZED", "who are you?")).await {
        let status = outcome.result.as_ref().unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::Internal, "Grid refused gridgate's credentials: who are you?")
        );
        outcome.was_sent("401", false);
    }
}
