//! Grid acts, and the answer gets lost: one CreateCustomer makes one customer, and answers it.

use std::sync::{Arc, Mutex};

use prost_reflect::{DynamicMessage, Value as Field};
use serde_json::{Value, json};
use tonic::Status;

use crate::support::api::Rpc;
use crate::support::details::Details;
use crate::support::diff::differences;
use crate::support::equivalent;
use crate::support::errors_doc::code_of_reason;
use crate::support::fake_grid::Reply;
use crate::support::stage::Stage;

const REQUEST_ID: &str = "0190d3c2-7b1e-7cc3-98c4-dc0c0c07398f";

/// The customers of a Grid that acts.
type Customers = Arc<Mutex<Vec<Value>>>;

/// A Grid that makes a customer of every `POST`, and answers it like this.
fn acting(stage: &Stage, customers: &Customers, answer: impl Fn(&Value) -> Reply + Send + Sync + 'static) {
    let made = Arc::clone(customers);
    stage.on(
        Rpc::named("CreateCustomer"),
        Reply::with(move |request| {
            let mut made = made.lock().unwrap();
            let mut customer = request.json();
            customer["id"] = json!(format!("Customer:{}", made.len() + 1));
            customer["createdAt"] = json!(jiff::Timestamp::now().to_string());
            made.push(customer.clone());
            answer(&customer)
        }),
    );
}

/// Lists those with the id that is asked for.
fn listing(stage: &Stage, customers: &Customers) {
    let customers = Arc::clone(customers);
    stage.on(
        Rpc::named("ListCustomers"),
        Reply::with(move |request| {
            let asked = request.query("platformCustomerId").expect("looked for by its id");
            let customers = customers.lock().unwrap();
            let rows: Vec<_> = customers.iter().filter(|customer| customer["platformCustomerId"] == asked).collect();
            Reply::json(200, json!({ "data": rows, "hasMore": false, "totalCount": rows.len() }))
        }),
    );
}

/// A request for a customer, with what makes it known.
fn asked(ids: Value) -> DynamicMessage {
    let mut asked =
        json!({ "individual": { "fullName": "Nora Berg", "birthDate": "1990-05-06" }, "email": "nora@post.example" });
    asked.as_object_mut().unwrap().extend(ids.as_object().unwrap().clone());
    DynamicMessage::deserialize(Rpc::named("CreateCustomer").request(), asked).unwrap()
}

async fn create(stage: &Stage, ids: Value) -> Result<DynamicMessage, Status> {
    stage.gateway.call(Rpc::named("CreateCustomer"), vec![asked(ids)]).await
}

/// What can make a creation known.
fn ids() -> [Value; 4] {
    [
        json!({ "platformCustomerId": "user-1" }),
        json!({ "platformCustomerId": "user-1", "requestId": REQUEST_ID }),
        json!({ "requestId": REQUEST_ID }),
        json!({}),
    ]
}

#[track_caller]
fn is_the_one_made(answer: &DynamicMessage, customers: &Customers) {
    let customers = customers.lock().unwrap();
    assert_eq!(customers.len(), 1, "made: {customers:?}");
    let expected = equivalent::answer(Rpc::named("CreateCustomer"), &customers[0]).message;
    let json = |message: &DynamicMessage| serde_json::to_value(message).unwrap();
    assert_eq!(differences(&json(&expected), &json(answer)), Vec::<String>::new());
}

#[tokio::test]
async fn a_customer_whose_answer_got_lost_is_found() {
    type Answer = fn(&Value) -> Reply;
    let answers: [(&str, Answer); 6] = [
        ("dropped", |_| Reply::close()),
        ("502", |_| Reply::empty(502)),
        ("503", |_| Reply::error(503, "UNAVAILABLE", "later")),
        ("half a body", |customer| Reply::json(201, customer.clone()).cut()),
        ("no JSON", |_| Reply::bytes(201, "text/html", "<html>created</html>")),
        ("another shape", |_| Reply::json(201, json!({ "id": 7 }))),
    ];
    for (what, answer) in answers {
        for ids in ids() {
            let (stage, customers) = (Stage::start().await, Customers::default());
            acting(&stage, &customers, answer);
            listing(&stage, &customers);
            let created = create(&stage, ids.clone()).await;
            let created = created.unwrap_or_else(|status| panic!("{what}, {ids}: {status:?}"));
            is_the_one_made(&created, &customers);
        }
    }
}

#[tokio::test]
async fn a_customer_that_shows_late_is_found() {
    let (stage, customers) = (Stage::start().await, Customers::default());
    acting(&stage, &customers, |_| Reply::close());
    let nothing = Reply::json(200, json!({ "data": [], "hasMore": false }));
    let shown = Arc::clone(&customers);
    let late = Reply::with(move |_| Reply::json(200, json!({ "data": *shown.lock().unwrap(), "hasMore": false })));
    stage.on(
        Rpc::named("ListCustomers"),
        Reply::sequence([nothing.clone(), nothing, Reply::close(), Reply::empty(503), late]),
    );
    let created = create(&stage, json!({ "platformCustomerId": "user-1" })).await.unwrap();
    is_the_one_made(&created, &customers);
}

#[tokio::test]
async fn a_customer_that_was_there_before_is_not_taken_for_the_one_made() {
    let (stage, customers) = (Stage::start().await, Customers::default());
    customers.lock().unwrap().push(json!({
        "id": "Customer:0", "platformCustomerId": "user-1", "customerType": "INDIVIDUAL", "fullName": "Nora Berg",
        "createdAt": "2020-01-01T00:00:00Z",
    }));
    stage.on(Rpc::named("CreateCustomer"), Reply::close());
    listing(&stage, &customers);
    let status = create(&stage, json!({ "platformCustomerId": "user-1" })).await.unwrap_err();
    assert_eq!(Details::of(&status).reason, "OUTCOME_UNKNOWN");
    assert_eq!(status.code(), code_of_reason("OUTCOME_UNKNOWN"));
    assert_eq!(stage.upstream.requests_to("POST", "/customers").len(), 1);
}

#[tokio::test]
async fn one_that_is_not_to_be_found_is_not_made_again() {
    let (stage, customers) = (Stage::start().await, Customers::default());
    stage.on(Rpc::named("CreateCustomer"), Reply::close());
    listing(&stage, &customers);
    let status = create(&stage, json!({})).await.unwrap_err();
    assert_eq!(Details::of(&status).reason, "OUTCOME_UNKNOWN");
    assert_eq!(stage.upstream.requests_to("POST", "/customers").len(), 1);
}

#[tokio::test]
async fn the_same_request_id_again_answers_the_same_customer() {
    let (stage, customers) = (Stage::start().await, Customers::default());
    acting(&stage, &customers, |_| Reply::close());
    // As when nobody could ask in time.
    stage.on(Rpc::named("ListCustomers"), Reply::error(500, "INTERNAL_ERROR", "oops"));
    create(&stage, json!({ "requestId": REQUEST_ID })).await.unwrap_err();
    stage.on(Rpc::named("CreateCustomer"), Reply::error(409, "CONFLICT", "there is one"));
    listing(&stage, &customers);
    let created = create(&stage, json!({ "requestId": REQUEST_ID })).await.unwrap();
    is_the_one_made(&created, &customers);
}

#[tokio::test]
async fn a_conflict_over_the_platforms_own_id_is_a_conflict() {
    let (stage, customers) = (Stage::start().await, Customers::default());
    stage.on(Rpc::named("CreateCustomer"), Reply::error(409, "CONFLICT", "there is one"));
    listing(&stage, &customers);
    for ids in ids().into_iter().take(2) {
        let status = create(&stage, ids).await.unwrap_err();
        assert_eq!((status.code(), Details::of(&status).reason.as_str()), (tonic::Code::AlreadyExists, "CONFLICT"));
    }
    assert_eq!(stage.upstream.requests_to("GET", "/customers").len(), 2, "which one it is, is looked for once");
}

#[tokio::test]
async fn a_creation_that_certainly_was_not_received_is_sent_again() {
    let (stage, customers) = (Stage::start().await, Customers::default());
    let full = stage_answer(&customers);
    let busy = Reply::error(429, "RATE_LIMITED", "slow down").header("retry-after", "0");
    stage.on(Rpc::named("CreateCustomer"), Reply::sequence([busy.clone(), busy, full]));
    let mut message = asked(json!({}));
    message.set_field_by_name("request_id", Field::String(REQUEST_ID.to_owned()));
    let created = stage.gateway.call(Rpc::named("CreateCustomer"), vec![message]).await.unwrap();
    is_the_one_made(&created, &customers);
    let sent = stage.upstream.requests_to("POST", "/customers");
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|request| request.json() == sent[0].json()), "the same customer each time");
}

/// Makes a customer, and answers it.
fn stage_answer(customers: &Customers) -> Reply {
    let made = Arc::clone(customers);
    Reply::with(move |request| {
        let mut customer = request.json();
        customer["id"] = json!("Customer:1");
        made.lock().unwrap().push(customer.clone());
        Reply::json(201, customer)
    })
}
