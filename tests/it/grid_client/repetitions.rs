//! What is sent again and what is not, and what a call comes to when it was in vain.

use std::time::Duration;

use futures_util::future::join_all;
use gridgate::grid::{Client, Error, Operation, Repeatable, RetryConfig};
use serde_json::json;

use super::*;
use crate::support::fake_grid::{FakeGrid, Refusing, Reply};
use crate::support::log::CapturedLog;

/// Everything that leaves open whether Grid acted.
fn unanswered() -> Vec<(&'static str, Reply)> {
    vec![
        ("408", Reply::empty(408).header("retry-after", 0)),
        ("502", Reply::empty(502)),
        ("503", Reply::bytes(503, "text/html", "<h1>busy</h1>")),
        ("504", Reply::empty(504)),
        ("nothing", Reply::close()),
        ("half a body", Reply::json(200, any_success()).cut()),
        ("half a head", Reply::raw("HTTP/1.1 200 OK\r\ncontent-le")),
        ("garbage", Reply::raw(*b"\x16\x03\x01 no HTTP at all \xff\r\n\r\n")),
    ]
}

/// Successes that say nothing that can be read.
fn unreadable() -> Vec<(&'static str, Reply)> {
    vec![
        ("HTML", Reply::bytes(200, "text/html", "<html>hello</html>")),
        ("nothing", Reply::bytes(200, "application/json", "")),
        ("a list", Reply::json(200, json!(["Jane", "Doe"]))),
        ("cut off", Reply::bytes(200, "application/json", r#"{"name":"Jane"#)),
        ("no id", Reply::json(200, json!({ "id": 1, "data": 1 }))),
    ]
}

async fn start() -> (FakeGrid, Client) {
    let upstream = FakeGrid::start().await;
    let client = client(upstream.base_url());
    (upstream, client)
}

/// Begins anew with one operation's answer.
fn script(upstream: &FakeGrid, operation: Operation, reply: Reply) {
    upstream.forget_requests();
    upstream.on(operation.method().as_str(), &path_of(operation), reply);
}

#[tokio::test]
async fn reads_are_repeated_after_500_and_whatever_is_no_answer() {
    let (upstream, client) = start().await;
    for (what, reply) in unanswered().into_iter().chain([("500", Reply::error(500, "INTERNAL_ERROR", "oops"))]) {
        let replies = Reply::sequence([reply.clone(), reply, Reply::json(200, any_success())]);
        script(&upstream, Operation::GetCustomer, replies);
        let performed = perform(&client, &call(), Operation::GetCustomer).await;
        assert!(performed.is_ok(), "{what}: {performed:?}");
        assert_eq!(upstream.requests().len(), 3, "{what}");
    }
}

#[tokio::test]
async fn every_read_is_repeatable() {
    let (upstream, client) = start().await;
    for operation in operations(Operation::is_read) {
        assert_eq!(operation.method().as_str(), "GET");
        let replies = Reply::sequence([Reply::close(), Reply::json(200, any_success())]);
        script(&upstream, operation, replies);
        let performed = perform(&client, &call(), operation).await;
        assert!(performed.is_ok(), "{operation}: {performed:?}");
        assert_eq!(upstream.requests().len(), 2, "{operation}");
    }
}

#[tokio::test]
async fn a_read_that_is_never_answered_is_lost() {
    let (upstream, client) = start().await;
    for (what, reply) in unanswered() {
        script(&upstream, Operation::ListCustomers, reply);
        let performed = perform(&client, &call(), Operation::ListCustomers).await;
        assert!(matches!(performed, Err(Error::ReadLost { .. })), "{what}: {performed:?}");
        assert_eq!(upstream.requests().len(), 4, "{what}: as often as allowed");
    }
}

#[tokio::test]
async fn a_read_that_is_answered_500_again_and_again_says_so() {
    let (upstream, client) = start().await;
    let reply = Reply::error(500, "INTERNAL_ERROR", "oops");
    script(&upstream, Operation::GetCustomer, reply);
    let performed = perform(&client, &call(), Operation::GetCustomer).await;
    assert!(matches!(performed, Err(Error::Answered(refusal)) if refusal.status == 500));
    assert_eq!(upstream.requests().len(), 4);
}

#[tokio::test]
async fn an_answer_that_came_is_not_asked_for_again_whatever_is_in_it() {
    let (upstream, client) = start().await;
    // Whatever is an object is a configuration.
    for operation in
        operations(|operation| !matches!(operation, Operation::GetPlatformConfig | Operation::UpdatePlatformConfig))
    {
        for (what, reply) in unreadable() {
            script(&upstream, operation, reply);
            let performed = perform(&client, &call(), operation).await;
            let says_nothing = matches!(
                operation,
                Operation::SendEmailVerification | Operation::SendPhoneVerification | Operation::SendTestWebhook
            );
            match &performed {
                _ if says_nothing => {}
                Err(Error::Unreadable { .. }) => assert!(operation.is_read(), "{operation}, {what}"),
                Err(Error::OutcomeUnknown { .. }) => assert!(!operation.is_read(), "{operation}, {what}"),
                Ok(()) if operation.method().as_str() == "DELETE" => {}
                other => panic!("{operation}, {what}: {other:?}"),
            }
            assert!(!format!("{performed:?}").contains("Jane"));
            let to = upstream.requests_to(operation.method().as_str(), &path_of(operation));
            assert_eq!(to.len(), 1, "{operation}, {what}");
        }
    }
}

#[tokio::test]
async fn text_that_is_not_unicode_is_read_and_never_asked_for_again() {
    let (upstream, client) = start().await;
    let success = any_success().to_string();
    let odd = |name: &[u8]| [br#"{"fullName":""#, name, br#"","#, &success.as_bytes()[1..]].concat();
    for (what, body) in [
        ("half a pair", odd(br"Acme \ud83d")),
        ("Latin-1", odd(b"Ren\xe9e")),
        ("a line break", odd(b"two\nlines")),
        ("a byte order mark", [b"\xef\xbb\xbf", success.as_bytes()].concat()),
        ("UTF-16", success.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("twice", odd(br#"a","fullName":"b"#)),
        ("a number beyond all bounds", odd(br#"a","ownershipPercentage":1e999,"b":"c"#)),
        ("no number", odd(br#"a","b":NaN,"c":""#)),
        ("a trailer", [success.as_bytes(), b"\n}garbage"].concat()),
        ("deep", odd(format!(r#"a","deep":{}{},"c":""#, "[".repeat(20_000), "]".repeat(20_000)).as_bytes())),
    ] {
        for operation in operations(|operation| operation != Operation::CreateCustomer) {
            script(&upstream, operation, Reply::bytes(200, "application/json", body.clone()));
            let performed = perform(&client, &call(), operation).await;
            assert!(performed.is_ok(), "{operation}, {what}: {performed:?}");
            assert_eq!(upstream.requests().len(), 1, "{operation}, {what}");
        }
    }
}

#[tokio::test]
async fn mutations_that_change_nothing_more_are_repeated_but_not_after_500() {
    let (upstream, client) = start().await;
    for operation in operations(|operation| operation.repeatable() == Repeatable::Mutation) {
        for (what, reply) in unanswered() {
            let replies = Reply::sequence([reply, Reply::json(200, any_success())]);
            script(&upstream, operation, replies);
            let performed = perform(&client, &call(), operation).await;
            assert!(performed.is_ok(), "{operation}, {what}: {performed:?}");
            let requests = upstream.requests();
            assert_eq!(requests.len(), 2, "{operation}, {what}");
            assert_eq!(requests[0].header("idempotency-key"), requests[1].header("idempotency-key"));
            assert_eq!(requests[0].body.len(), requests[1].body.len(), "{operation}, {what}");
        }
        script(&upstream, operation, Reply::error(500, "INTERNAL_ERROR", "oops"));
        let performed = perform(&client, &call(), operation).await;
        assert!(matches!(performed, Err(Error::Answered(refusal)) if refusal.status == 500), "{operation}");
        assert_eq!(upstream.requests().len(), 1, "{operation}");
    }
}

#[tokio::test]
async fn a_mutation_repeated_in_vain_may_have_acted() {
    let (upstream, client) = start().await;
    for operation in operations(|operation| operation.repeatable() == Repeatable::Mutation) {
        script(&upstream, operation, Reply::empty(503));
        let performed = perform(&client, &call(), operation).await;
        assert!(matches!(performed, Err(Error::OutcomeUnknown { .. })), "{operation}: {performed:?}");
        assert_eq!(upstream.requests().len(), 4, "{operation}");
    }
}

#[tokio::test]
async fn every_other_mutation_is_sent_once_and_its_outcome_is_unknown() {
    let (upstream, client) = start().await;
    let never = |operation: Operation| operation.repeatable() == Repeatable::Never;
    for operation in operations(|operation| never(operation) && operation != Operation::CreateCustomer) {
        for (what, reply) in unanswered() {
            script(&upstream, operation, reply);
            let performed = perform(&client, &call(), operation).await;
            assert!(matches!(performed, Err(Error::OutcomeUnknown { .. })), "{operation}, {what}: {performed:?}");
            assert_eq!(upstream.requests().len(), 1, "{operation}, {what}");
        }
    }
}

#[tokio::test]
async fn a_mutation_answered_with_json_of_another_shape_has_acted_or_not() {
    let (upstream, client) = start().await;
    script(&upstream, Operation::SubmitVerification, Reply::json(200, json!([])));
    let performed = perform(&client, &call(), Operation::SubmitVerification).await;
    assert!(matches!(performed, Err(Error::OutcomeUnknown { .. })), "{performed:?}");
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn every_mutation_answered_500_is_refused_and_not_repeated() {
    let (upstream, client) = start().await;
    for operation in operations(|operation| operation.repeatable() == Repeatable::Never) {
        script(&upstream, operation, Reply::error(500, "INTERNAL_ERROR", "oops"));
        let performed = perform(&client, &call(), operation).await;
        assert!(matches!(performed, Err(Error::Answered(refusal)) if refusal.status == 500), "{operation}");
        assert_eq!(upstream.requests().len(), 1, "{operation}");
    }
}

#[tokio::test]
async fn too_many_requests_is_repeated_for_every_call_whose_body_is_still_there() {
    let (upstream, client) = start().await;
    for operation in operations(|operation| operation != Operation::ImportCustomers) {
        let busy = Reply::error(429, "RATE_LIMITED", "slow down").header("retry-after", 0);
        let replies = Reply::sequence([busy.clone(), busy, Reply::json(200, any_success())]);
        script(&upstream, operation, replies);
        let performed = perform(&client, &call(), operation).await;
        assert!(performed.is_ok(), "{operation}: {performed:?}");
        assert_eq!(upstream.requests().len(), 3, "{operation}");
    }
    script(&upstream, Operation::ImportCustomers, Reply::empty(429));
    let performed = perform(&client, &call(), Operation::ImportCustomers).await;
    assert!(matches!(performed, Err(Error::Answered(refusal)) if refusal.status == 429));
    assert_eq!(upstream.requests().len(), 1, "a file that streamed through is gone");
}

#[tokio::test]
async fn retry_after_is_waited_for_in_both_its_forms() {
    let (upstream, client) = start().await;
    let seconds = Reply::empty(429).header("retry-after", 1);
    let date = Reply::empty(429)
        .undated()
        .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .header("retry-after", "Sun, 06 Nov 1994 08:49:38 GMT");
    for reply in [seconds, date] {
        let replies = Reply::sequence([reply, Reply::json(200, any_success())]);
        script(&upstream, Operation::GetCustomer, replies);
        let began = Instant::now();
        perform(&client, &call(), Operation::GetCustomer).await.unwrap();
        assert!(began.elapsed() >= Duration::from_secs(1));
        assert_eq!(upstream.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_retry_after_past_the_deadline_is_answered_at_once() {
    let (upstream, client) = start().await;
    let seconds = Reply::error(429, "RATE_LIMITED", "later").header("retry-after", 600);
    let date = Reply::error(429, "RATE_LIMITED", "later")
        .undated()
        .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .header("retry-after", "Sun, 06 Nov 1994 08:59:37 GMT");
    for reply in [seconds, date] {
        script(&upstream, Operation::CreateBeneficialOwner, reply);
        let error = perform(&client, &call(), Operation::CreateBeneficialOwner).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(600)));
        assert!(matches!(error, Error::Answered(refusal) if refusal.status == 429));
        assert_eq!(upstream.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_odd_retry_after_asks_for_a_wait_and_one_in_the_past_is_now() {
    let (upstream, client) = start().await;
    // Shorter than any wait that is asked for, and long enough for the repetitions that none would allow.
    let call = || Call::until(Instant::now() + Duration::from_millis(900));
    for (value, expected) in [
        ("soon", Some(Duration::from_secs(1))),
        ("-5", Some(Duration::from_secs(1))),
        ("", Some(Duration::from_secs(1))),
        ("1.5", Some(Duration::from_millis(1500))),
        ("2, 7", Some(Duration::from_secs(7))),
        ("3, soon", Some(Duration::from_secs(3))),
        ("NaN", Some(Duration::from_secs(1))),
        ("18446744073709551615", Some(Duration::from_secs(86_400))),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(Duration::from_secs(86_400))),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(Duration::ZERO)),
    ] {
        script(&upstream, Operation::GetCustomer, Reply::empty(429).header("retry-after", value));
        let error = perform(&client, &call(), Operation::GetCustomer).await.unwrap_err();
        assert_eq!(error.retry_after(), expected, "{value}");
        if expected != Some(Duration::ZERO) {
            assert_eq!(upstream.requests().len(), 1, "{value}: the wait is past the deadline");
        }
    }
    let twice = Reply::empty(429).header("retry-after", 2).header("retry-after", 9);
    script(&upstream, Operation::GetCustomer, twice);
    let error = perform(&client, &call(), Operation::GetCustomer).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(9)));
}

#[tokio::test]
async fn a_read_lost_to_a_busy_gateway_says_when_to_come_back() {
    let (upstream, client) = start().await;
    let busy = Reply::empty(503).header("retry-after", 600);
    script(&upstream, Operation::GetCustomer, busy);
    let error = perform(&client, &call(), Operation::GetCustomer).await.unwrap_err();
    assert!(matches!(error, Error::ReadLost { .. }), "{error:?}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(600)));
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_read_that_grid_fails_and_asks_to_wait_for_is_not_repeated_before() {
    let (upstream, client) = start().await;
    script(&upstream, Operation::GetCustomer, Reply::error(500, "INTERNAL", "later").header("retry-after", 600));
    let error = perform(&client, &call(), Operation::GetCustomer).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(600)));
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn once_a_mutation_may_have_acted_a_later_refusal_to_try_does_not_hide_it() {
    let (upstream, client) = start().await;
    let busy = Reply::empty(429).header("retry-after", 600);
    script(&upstream, Operation::UpdateCustomer, Reply::sequence([Reply::close(), busy]));
    let performed = perform(&client, &call(), Operation::UpdateCustomer).await;
    assert!(matches!(performed, Err(Error::OutcomeUnknown { .. })), "{performed:?}");
    assert_eq!(upstream.requests().len(), 2);
}

#[tokio::test]
async fn a_deletion_that_finds_its_own_work_done_is_a_success() {
    let (upstream, client) = start().await;
    for status in [404, 410] {
        let gone = Reply::error(status, "CUSTOMER_DELETED", "gone");
        script(&upstream, Operation::DeleteCustomer, Reply::sequence([Reply::close(), gone.clone()]));
        let mut deleted = customer_json();
        deleted["isDeleted"] = json!(true);
        upstream.on("GET", "/customers/Customer:1", Reply::json(200, deleted));
        let customer = client.delete_customer(&call(), &id("Customer:1")).await.unwrap().expect("the customer");
        assert_eq!(customer.is_deleted, Some(Some(true)));

        upstream.on("GET", "/customers/Customer:1", gone.clone());
        upstream.on("DELETE", "/customers/Customer:1", Reply::sequence([Reply::empty(503), gone.clone()]));
        assert!(client.delete_customer(&call(), &id("Customer:1")).await.unwrap().is_none());

        for operation in [Operation::DeleteDocument, Operation::DeleteBeneficialOwner] {
            script(&upstream, operation, Reply::sequence([Reply::close(), gone.clone()]));
            perform(&client, &call(), operation).await.unwrap();
            assert_eq!(upstream.requests().len(), 2, "{operation}");
            script(&upstream, operation, gone.clone());
            perform(&client, &call(), operation).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn a_deletion_of_what_was_gone_before_is_refused() {
    let (upstream, client) = start().await;
    for replies in [
        Reply::error(410, "CUSTOMER_DELETED", "gone"),
        Reply::sequence([Reply::empty(429).header("retry-after", 0), Reply::error(410, "CUSTOMER_DELETED", "gone")]),
    ] {
        script(&upstream, Operation::DeleteCustomer, replies);
        let performed = perform(&client, &call(), Operation::DeleteCustomer).await;
        assert!(matches!(performed, Err(Error::Answered(refusal)) if refusal.status == 410));
    }
}

#[tokio::test]
async fn what_grid_does_not_support_is_asked_for_once_and_no_outage() {
    let upstream = FakeGrid::start().await;
    let mut config = config(upstream.base_url());
    config.breaker = BreakerConfig { failures: 1, open_for: LONG };
    let client = Client::new(config).unwrap();
    for operation in operations(|_| true) {
        script(&upstream, operation, Reply::error(501, "NOT_IMPLEMENTED", "not here"));
        let performed = perform(&client, &call(), operation).await;
        assert!(
            matches!(&performed, Err(Error::Answered(refusal)) if refusal.status == 501),
            "{operation}: {performed:?}"
        );
        assert_eq!(upstream.requests().len(), 1, "{operation}");
    }
    assert_eq!(client.breaker_state(), gridgate::grid::BreakerState::Closed);
    script(&upstream, Operation::GetPlatformConfig, Reply::empty(408));
    perform(&client, &call(), Operation::GetPlatformConfig).await.unwrap_err();
    assert_eq!(client.breaker_state(), gridgate::grid::BreakerState::Open, "408 is a sign that Grid fails, as 503 is");
}

#[tokio::test]
async fn all_calls_share_a_budget_of_repetitions() {
    let upstream = FakeGrid::start().await;
    upstream.on("GET", "/config", Reply::empty(503));
    let mut config = config(upstream.base_url());
    config.retry = RetryConfig { budget_per_second: 0, budget_share: 0.2, ..config.retry };
    let client = Client::new(config).unwrap();
    for _ in 0..10 {
        let performed = perform(&client, &call(), Operation::GetPlatformConfig).await;
        assert!(matches!(performed, Err(Error::ReadLost { .. })));
    }
    assert_eq!(upstream.requests().len(), 12, "ten calls, and a fifth of them again");
}

#[tokio::test]
async fn nobody_at_the_port_is_unreachable_for_every_call() {
    let nobody = Refusing::start();
    let client = client(nobody.base_url());
    for operation in operations(|_| true) {
        let performed = perform(&client, &call(), operation).await;
        let Err(Error::Unreachable { cause, .. }) = performed else { panic!("{operation}: {performed:?}") };
        assert!(cause.contains("refused"), "{cause}");
    }
}

#[tokio::test]
async fn what_never_left_is_sent_once_somebody_listens() {
    for operation in operations(|operation| operation != Operation::ImportCustomers) {
        let (nobody, log) = (Refusing::start(), CapturedLog::start());
        let mut config = config(nobody.base_url());
        config.retry = RetryConfig { max_attempts: u32::MAX, ..config.retry };
        let (client, call) = (Client::new(config).unwrap(), call());
        let mut performing = std::pin::pin!(perform(&client, &call, operation));
        while !log.text().contains("unreachable") {
            tokio::select! {
                performed = &mut performing => panic!("{operation}: {performed:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
        let upstream = nobody.open();
        upstream.on(operation.method().as_str(), &path_of(operation), Reply::json(200, any_success()));
        let performed = performing.await;
        assert!(performed.is_ok(), "{operation}: {performed:?}");
        assert_eq!(upstream.requests().len(), 1, "{operation}");
    }
}

#[tokio::test]
async fn the_deadline_bounds_an_answer_that_never_comes() {
    let (upstream, client) = start().await;
    for operation in operations(|_| true) {
        upstream.on(operation.method().as_str(), &path_of(operation), Reply::hang());
    }
    let call = within(Duration::from_millis(400));
    let all = join_all(operations(|_| true).map(|operation| perform(&client, &call, operation)));
    let performed = tokio::time::timeout(LONG, all).await.expect("the deadline");
    for (operation, performed) in operations(|_| true).zip(performed) {
        let Err(Error::DeadlineExceeded { may_have_acted, .. }) = performed else {
            panic!("{operation}: {performed:?}")
        };
        assert_eq!(may_have_acted, !operation.is_read(), "{operation}");
    }
    assert_eq!(upstream.requests().len(), Operation::ALL.len(), "each was sent once");
}

#[tokio::test]
async fn a_slow_answer_within_the_deadline_is_waited_for() {
    let (upstream, client) = start().await;
    let slow = Reply::json(200, any_success()).after(Duration::from_millis(100));
    script(&upstream, Operation::SubmitVerification, slow);
    perform(&client, &call(), Operation::SubmitVerification).await.unwrap();
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn the_deadline_bounds_the_repetitions() {
    let upstream = FakeGrid::start().await;
    upstream.on("GET", "/config", Reply::empty(503));
    let mut config = config(upstream.base_url());
    config.retry = RetryConfig { max_attempts: u32::MAX, ..config.retry };
    let client = Client::new(config).unwrap();
    let call = within(Duration::from_millis(150));
    let performed = perform(&client, &call, Operation::GetPlatformConfig).await;
    assert!(
        matches!(performed, Err(Error::ReadLost { .. } | Error::DeadlineExceeded { may_have_acted: false, .. })),
        "{performed:?}"
    );
    assert!(upstream.requests().len() > 1);
}

#[tokio::test]
async fn nothing_is_sent_once_the_deadline_has_passed() {
    let upstream = FakeGrid::start().await;
    let client = client(upstream.base_url());
    for operation in operations(|_| true) {
        let performed = perform(&client, &Call::until(Instant::now()), operation).await;
        let Err(Error::DeadlineExceeded { may_have_acted, .. }) = performed else {
            panic!("{operation}: {performed:?}")
        };
        assert!(!may_have_acted, "{operation}");
    }
    assert_eq!(upstream.connections(), 0);
}
