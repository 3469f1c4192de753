//! One CreateCustomer makes one customer, and answers it where that can be known.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gridgate::grid::model::Customer;
use gridgate::grid::{CreateKey, Error};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::support::fake_grid::{FakeGrid, Received, Reply};

/// Customers, as Grid holds them.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<Vec<Value>>>);

impl Store {
    /// Does what `POST /customers` asks for.
    fn create(&self, request: &Received) -> Value {
        self.create_at(request, Timestamp::now())
    }

    fn create_at(&self, request: &Received, created_at: Timestamp) -> Value {
        let mut rows = self.0.lock().unwrap();
        let mut customer = request.json();
        customer["id"] = json!(format!("Customer:{}", rows.len() + 1));
        customer["createdAt"] = json!(created_at.to_string());
        customer["kycStatus"] = json!("PENDING");
        rows.push(customer.clone());
        customer
    }

    fn add(&self, customer: Value) {
        self.0.lock().unwrap().push(customer);
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Answers `GET /customers?platformCustomerId=…`.
    fn list(&self, request: &Received) -> Reply {
        let wanted = request.query("platformCustomerId").expect("a filter");
        let rows = self.0.lock().unwrap();
        let data: Vec<_> = rows.iter().filter(|row| row["platformCustomerId"] == wanted).cloned().collect();
        Reply::json(200, json!({ "data": data, "hasMore": false }))
    }
}

/// An upstream whose `POST /customers` acts, and then does as `afterwards` says.
async fn acting(store: &Store, afterwards: Reply) -> FakeGrid {
    let upstream = FakeGrid::start().await;
    let (created, listed) = (store.clone(), store.clone());
    let create = move |request: &Received| {
        created.create(request);
        afterwards.clone()
    };
    upstream.on("POST", "/customers", Reply::with(create));
    upstream.on("GET", "/customers", Reply::with(move |request| listed.list(request)));
    upstream
}

async fn create(upstream: &FakeGrid, platform_id: Option<&str>, key: CreateKey) -> Result<Customer, Error> {
    let mut input = customer_input();
    input.platform_customer_id = platform_id.map(str::to_owned);
    client(upstream.base_url()).create_customer(&call(), input, key).await
}

#[tokio::test]
async fn the_key_becomes_the_platform_customer_id_only_where_there_is_none() {
    let upstream = FakeGrid::start().await;
    upstream.on("POST", "/customers", Reply::json(201, customer_json()));
    let key = Uuid::new_v4();
    create(&upstream, None, CreateKey::RequestId(key)).await.unwrap();
    create(&upstream, Some("user-1"), CreateKey::RequestId(key)).await.unwrap();
    create(&upstream, None, CreateKey::Generated).await.unwrap();
    create(&upstream, None, CreateKey::Generated).await.unwrap();
    let sent: Vec<_> = upstream.requests().iter().map(|request| request.json()["platformCustomerId"].clone()).collect();
    assert_eq!(sent[..2], [json!(key), json!("user-1")]);
    assert!(Uuid::parse_str(sent[2].as_str().unwrap()).is_ok());
    assert_ne!(sent[2], sent[3]);
}

#[tokio::test]
async fn a_customer_whose_creation_got_no_answer_is_found_and_made_once() {
    let cut = Reply::json(201, customer_json()).cut();
    let garbage = Reply::bytes(201, "text/plain", "created, probably");
    let unfit = Reply::json(201, json!([]));
    for afterwards in [Reply::close(), cut, garbage, unfit, Reply::empty(502), Reply::empty(503), Reply::empty(504)] {
        for (platform_id, key) in [
            (None, CreateKey::Generated),
            (None, CreateKey::RequestId(Uuid::new_v4())),
            (Some("user-1"), CreateKey::Generated),
        ] {
            let store = Store::default();
            let upstream = acting(&store, afterwards.clone()).await;
            let customer = create(&upstream, platform_id, key).await.expect("the customer");
            assert_eq!(customer.id, "Customer:1");
            assert_eq!(store.len(), 1);
            assert_eq!(upstream.requests_to("POST", "/customers").len(), 1);
        }
    }
}

#[tokio::test]
async fn a_customer_that_shows_late_is_waited_for() {
    let store = Store::default();
    let upstream = acting(&store, Reply::empty(504)).await;
    let none = Reply::json(200, json!({ "data": [], "hasMore": false }));
    let listed = store.clone();
    let late = Reply::sequence([none.clone(), Reply::empty(503), none, Reply::with(move |r| listed.list(r))]);
    upstream.on("GET", "/customers", late);
    let customer = create(&upstream, None, CreateKey::Generated).await.unwrap();
    assert_eq!((customer.id.as_str(), store.len()), ("Customer:1", 1));
}

#[tokio::test]
async fn where_none_is_found_nothing_is_sent_again() {
    let upstream = FakeGrid::start().await;
    upstream.on("POST", "/customers", Reply::empty(503));
    upstream.on("GET", "/customers", Reply::json(200, json!({ "data": [], "hasMore": false })));
    for platform_id in [None, Some("user-1")] {
        let created = create(&upstream, platform_id, CreateKey::Generated).await;
        assert!(matches!(created, Err(Error::OutcomeUnknown { .. })), "{created:?}");
    }
    assert_eq!(upstream.requests_to("POST", "/customers").len(), 2);
    assert!(upstream.requests_to("GET", "/customers").len() > 2, "it was looked for more than once");
}

#[tokio::test]
async fn a_lookup_that_fails_leaves_the_outcome_unknown() {
    let upstream = FakeGrid::start().await;
    upstream.on("POST", "/customers", Reply::close());
    for reply in [Reply::close(), Reply::error(403, "FORBIDDEN", "no"), Reply::json(200, json!([]))] {
        upstream.on("GET", "/customers", reply);
        let created = create(&upstream, None, CreateKey::Generated).await;
        assert!(
            matches!(created, Err(Error::OutcomeUnknown { operation: Operation::CreateCustomer, .. })),
            "{created:?}"
        );
    }
    assert_eq!(upstream.requests_to("POST", "/customers").len(), 3);
}

#[tokio::test]
async fn a_deadline_that_passes_during_the_lookup_says_that_grid_may_have_acted() {
    let upstream = FakeGrid::start().await;
    upstream.on("POST", "/customers", Reply::close());
    upstream.on("GET", "/customers", Reply::hang());
    let (client, call) = (client(upstream.base_url()), within(Duration::from_millis(300)));
    let created = client.create_customer(&call, customer_input(), CreateKey::Generated).await;
    let expected = Error::DeadlineExceeded { operation: Operation::CreateCustomer, may_have_acted: true };
    assert_eq!(format!("{created:?}"), format!("Err({expected:?})"));
}

#[tokio::test]
async fn among_customers_that_share_a_platform_id_the_new_one_is_ours() {
    let store = Store::default();
    let upstream = acting(&store, Reply::close()).await;
    let mut before = customer_json();
    before["createdAt"] = json!((Timestamp::now() - SignedDuration::from_secs(60)).to_string());
    before["id"] = json!("Customer:before");
    store.add(before);
    let customer = create(&upstream, Some("user-1"), CreateKey::Generated).await.unwrap();
    assert_eq!(customer.id, "Customer:2");
}

#[tokio::test]
async fn an_older_customer_under_the_platforms_id_is_not_ours() {
    let upstream = FakeGrid::start().await;
    upstream.on("POST", "/customers", Reply::close());
    let mut before = customer_json();
    before["createdAt"] = json!((Timestamp::now() - SignedDuration::from_secs(60)).to_string());
    upstream.on("GET", "/customers", Reply::json(200, json!({ "data": [before], "hasMore": false })));
    let created = create(&upstream, Some("user-1"), CreateKey::Generated).await;
    assert!(matches!(created, Err(Error::OutcomeUnknown { .. })), "{created:?}");
    assert_eq!(upstream.requests_to("POST", "/customers").len(), 1);
}

#[tokio::test]
async fn grids_clock_decides_what_is_new_however_wrong_ours_is() {
    let grid_now = Timestamp::now() - SignedDuration::from_hours(30);
    let date = httpdate::fmt_http_date(grid_now.into());
    let store = Store::default();
    let upstream = FakeGrid::start().await;
    let (created, listed) = (store.clone(), store.clone());
    let create_then_close = move |request: &Received| {
        created.create_at(request, grid_now);
        Reply::close()
    };
    upstream.on("POST", "/customers", Reply::with(create_then_close));
    upstream.on("GET", "/customers", Reply::with(move |request| listed.list(request).undated().header("date", &date)));
    let customer = create(&upstream, Some("user-1"), CreateKey::Generated).await.unwrap();
    assert_eq!(customer.id, "Customer:1");
}

#[tokio::test]
async fn a_conflict_with_our_own_request_id_is_the_customer_it_made_before() {
    let conflict = Reply::error(409, "CONFLICT", "platformCustomerId is taken");
    let store = Store::default();
    let upstream = acting(&store, Reply::close()).await;
    let key = CreateKey::RequestId(Uuid::new_v4());
    let first = create(&upstream, None, key).await.unwrap();
    upstream.on("POST", "/customers", conflict);
    let second = create(&upstream, None, key).await.unwrap();
    assert_eq!(first.id, second.id);
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn a_request_id_that_made_another_customer_is_a_conflict() {
    let upstream = FakeGrid::start().await;
    let key = Uuid::new_v4();
    let mut other = customer_json();
    other["platformCustomerId"] = json!(key);
    other["fullName"] = json!("Eve Moneypenny");
    upstream.on("POST", "/customers", Reply::error(409, "CONFLICT", "taken"));
    upstream.on("GET", "/customers", Reply::json(200, json!({ "data": [other], "hasMore": false })));
    let created = create(&upstream, None, CreateKey::RequestId(key)).await;
    assert!(matches!(created, Err(Error::Answered(refusal)) if refusal.status == 409));
}

#[tokio::test]
async fn a_conflict_whose_lookup_fails_did_nothing() {
    let upstream = FakeGrid::start().await;
    upstream.on("POST", "/customers", Reply::error(409, "CONFLICT", "taken"));
    upstream.on("GET", "/customers", Reply::empty(503));
    let created = create(&upstream, None, CreateKey::RequestId(Uuid::new_v4())).await;
    assert!(matches!(created, Err(Error::ReadLost { .. })), "{created:?}");
}

#[tokio::test]
async fn a_conflict_over_the_platforms_own_id_is_a_conflict() {
    let upstream = FakeGrid::start().await;
    upstream.on("POST", "/customers", Reply::error(409, "CONFLICT", "taken"));
    let created = create(&upstream, Some("user-1"), CreateKey::RequestId(Uuid::new_v4())).await;
    assert!(matches!(created, Err(Error::Answered(refusal)) if refusal.status == 409));
    assert_eq!(upstream.requests().len(), 1, "nothing is looked up");
}

#[tokio::test]
async fn a_refused_creation_is_not_looked_up() {
    for status in [400, 401, 403, 422, 500, 501] {
        let upstream = FakeGrid::start().await;
        upstream.on("POST", "/customers", Reply::error(status, "CODE", "no"));
        let created = create(&upstream, None, CreateKey::Generated).await;
        assert!(matches!(created, Err(Error::Answered(refusal)) if refusal.status == status));
        assert_eq!(upstream.requests().len(), 1, "{status}");
    }
}
