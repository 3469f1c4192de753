//! Connections: ended with their call, kept where they can be, and not piled up on a Grid that fails.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use gridgate::grid::{BreakerConfig, Client, ClientConfig, Error, Operation};
use serde_json::json;

use super::*;
use crate::support::fake_grid::{FakeGrid, Refusing, Reply};

#[tokio::test]
async fn a_call_that_is_given_up_stops_its_request() {
    for operation in operations(|operation| operation != Operation::ImportCustomers) {
        let upstream = FakeGrid::start().await;
        upstream.on(operation.method().as_str(), &path_of(operation), Reply::hang());
        let (client, call) = (client(upstream.base_url()), call());
        tokio::select! {
            performed = perform(&client, &call, operation) => panic!("{operation}: {performed:?}"),
            () = upstream.wait_for_requests(1) => {}
        }
        upstream.wait_until_abandoned(1).await;
        assert_eq!(upstream.requests().len(), 1, "{operation}");
    }
}

#[tokio::test]
async fn a_call_given_up_between_two_tries_sends_nothing_more() {
    let upstream = FakeGrid::start().await;
    upstream.on("GET", "/config", Reply::empty(429).header("retry-after", 20));
    let (client, given_up) = (client(upstream.base_url()), call());
    tokio::select! {
        performed = perform(&client, &given_up, Operation::GetPlatformConfig) => panic!("{performed:?}"),
        () = upstream.wait_for_requests(1) => {}
    }
    upstream.on("GET", "/customers/end-user-terms", Reply::json(200, json!({ "version": "V1", "url": "" })));
    client.get_end_user_terms(&call()).await.unwrap();
    assert_eq!(upstream.requests().len(), 2);
}

#[tokio::test]
async fn an_import_given_up_half_way_stops_its_upload() {
    let upstream = FakeGrid::start().await;
    let rows = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"a,b\n"))]).chain(stream::pending());
    let client = client(upstream.base_url());
    let (sent, call) = (tokio::sync::Notify::new(), call());
    let sent = std::sync::Arc::new(sent);
    let first_is_out = std::sync::Arc::clone(&sent);
    let rows = rows.inspect(move |_| first_is_out.notify_one());
    tokio::select! {
        imported = client.import_customers(&call, rows) => panic!("{imported:?}"),
        () = sent.notified() => {}
    }
    upstream.wait_until_abandoned(1).await;
    assert_eq!(upstream.requests().len(), 0, "no complete request");
}

#[tokio::test]
async fn an_import_whose_source_fails_is_broken_off() {
    let upstream = FakeGrid::start().await;
    let rows = stream::iter([Ok(Bytes::from_static(b"a,b\n")), Err(std::io::Error::other("Ada Byron"))]);
    let error = client(upstream.base_url()).import_customers(&call(), rows).await.unwrap_err();
    assert!(matches!(error, Error::UploadBrokenOff { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("Ada"));
    upstream.wait_until_closed(1).await;
    assert_eq!(upstream.requests().len(), 0, "no complete request");
}

#[tokio::test]
async fn an_idle_connection_that_grid_closed_costs_no_call_and_sends_nothing_twice() {
    let upstream = FakeGrid::start().await;
    upstream.on("POST", "/verifications", Reply::json(200, any_success()).then_close());
    let client = client(upstream.base_url());
    for count in 1..=20 {
        let performed = perform(&client, &call(), Operation::SubmitVerification).await;
        assert!(performed.is_ok(), "{count}: {performed:?}");
        upstream.wait_until_closed(count).await;
        assert_eq!(upstream.requests().len(), count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_closes_at_any_moment_sends_nothing_twice() {
    let upstream = FakeGrid::start().await;
    upstream.on("POST", "/verifications", Reply::json(200, any_success()).then_close());
    let client = client(upstream.base_url());
    for count in 1..=100 {
        let performed = perform(&client, &call(), Operation::SubmitVerification).await;
        assert!(matches!(performed, Ok(()) | Err(Error::OutcomeUnknown { .. })), "{performed:?}");
        assert!(upstream.requests().len() <= count);
    }
}

#[tokio::test]
async fn a_kept_connection_that_breaks_under_a_request_sends_it_once() {
    let upstream = FakeGrid::start().await;
    upstream.on("GET", "/config", Reply::json(200, any_success()));
    upstream.on("POST", "/verifications", Reply::close());
    let client = client(upstream.base_url());
    for count in 1..=5 {
        perform(&client, &call(), Operation::GetPlatformConfig).await.unwrap();
        let performed = perform(&client, &call(), Operation::SubmitVerification).await;
        assert!(matches!(performed, Err(Error::OutcomeUnknown { .. })), "{performed:?}");
        assert_eq!(upstream.requests_to("POST", "/verifications").len(), count);
        assert_eq!(upstream.connections(), count, "each was kept from the read before");
    }
}

#[tokio::test]
async fn failures_in_a_row_hold_requests_back_until_one_gets_through() {
    let upstream = FakeGrid::start().await;
    upstream.on("POST", "/verifications", Reply::empty(503));
    let breaker = BreakerConfig { failures: 3, open_for: Duration::from_millis(200) };
    let client = Client::new(ClientConfig { breaker, ..config(upstream.base_url()) }).unwrap();
    for _ in 0..3 {
        let performed = perform(&client, &call(), Operation::SubmitVerification).await;
        assert!(matches!(performed, Err(Error::OutcomeUnknown { .. })), "{performed:?}");
    }
    let held_back = perform(&client, &call(), Operation::SubmitVerification).await;
    let Err(Error::CircuitOpen { retry_after, .. }) = held_back else { panic!("{held_back:?}") };
    assert!(retry_after <= Duration::from_millis(200));
    assert_eq!(upstream.requests().len(), 3, "what is held back is not sent");

    upstream.on("POST", "/verifications", Reply::json(200, any_success()));
    let recovered = async {
        while let Err(error) = perform(&client, &call(), Operation::SubmitVerification).await {
            let Error::CircuitOpen { retry_after, .. } = error else { panic!("{error:?}") };
            tokio::time::sleep(retry_after).await;
        }
    };
    tokio::time::timeout(LONG, recovered).await.expect("the breaker closes again");
    perform(&client, &call(), Operation::SubmitVerification).await.unwrap();
}

#[tokio::test]
async fn a_grid_nobody_reaches_opens_the_breaker_too() {
    let nobody = Refusing::start();
    let breaker = BreakerConfig { failures: 2, open_for: LONG };
    let client = Client::new(ClientConfig { breaker, ..config(nobody.base_url()) }).unwrap();
    let first = perform(&client, &call(), Operation::GetPlatformConfig).await;
    assert!(matches!(first, Err(Error::CircuitOpen { .. } | Error::Unreachable { .. })), "{first:?}");
    let second = perform(&client, &call(), Operation::CreateCustomer).await;
    assert!(matches!(second, Err(Error::CircuitOpen { .. })), "{second:?}");
}

#[tokio::test]
async fn errors_that_grid_answers_do_not_open_the_breaker() {
    let upstream = FakeGrid::start().await;
    let breaker = BreakerConfig { failures: 1, open_for: LONG };
    let client = Client::new(ClientConfig { breaker, ..config(upstream.base_url()) }).unwrap();
    for status in [400, 404, 409, 500] {
        upstream.on("POST", "/verifications", Reply::error(status, "CODE", "no"));
        let performed = perform(&client, &call(), Operation::SubmitVerification).await;
        assert!(matches!(performed, Err(Error::Answered(refusal)) if refusal.status == status));
    }
}

#[tokio::test]
async fn requests_beyond_the_limit_wait_for_a_place_and_not_for_ever() {
    let upstream = FakeGrid::start().await;
    upstream.on("GET", "/config", Reply::hang());
    upstream.on("GET", "/customers/end-user-terms", Reply::json(200, json!({ "version": "V1", "url": "" })));
    let limits =
        ClientConfig { max_concurrent: 1, max_queue_wait: Duration::from_millis(30), ..config(upstream.base_url()) };
    let client = Client::new(limits).unwrap();
    let blocking = tokio::spawn({
        let client = client.clone();
        async move { client.get_platform_config(&call()).await }
    });
    upstream.wait_for_requests(1).await;
    let error = client.get_end_user_terms(&call()).await.unwrap_err();
    assert!(matches!(error, Error::Saturated { .. }), "{error:?}");
    let error = client.get_end_user_terms(&within(Duration::from_millis(5))).await.unwrap_err();
    assert!(matches!(error, Error::DeadlineExceeded { may_have_acted: false, .. }), "{error:?}");
    assert_eq!(upstream.requests().len(), 1, "neither was sent");

    blocking.abort();
    assert!(blocking.await.is_err());
    client.get_end_user_terms(&call()).await.unwrap();
}
