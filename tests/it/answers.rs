//! Statuses in Grid's answers to calls, from outside: what a caller hears, the watchers hear too, and no answer that comes
//! late undoes what came after it was asked for.

mod imports;
mod response_observer;

use std::sync::Arc;

use gridgate::pb;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::app::TestApp;
use crate::support::fake_grid::Reply;
use crate::support::scene::{Scene, customer, path, webhook};
use crate::support::soon;
use crate::support::watcher::Watcher;

const EARLY: &str = "2026-05-01T10:00:00Z";
const LATER: &str = "2026-05-01T11:00:00Z";

fn id(name: &str) -> String {
    format!("Customer:{name}")
}

fn get(name: &str) -> pb::GetCustomerRequest {
    pb::GetCustomerRequest { customer_id: id(name) }
}

/// A request to create a customer, with an id of the platform's so that it is sent as it is.
fn create(name: &str) -> pb::CreateCustomerRequest {
    pb::CreateCustomerRequest {
        customer_type: pb::CustomerType::Individual.into(),
        platform_customer_id: Some(format!("ours-{name}")),
        ..pb::CreateCustomerRequest::default()
    }
}

#[tokio::test]
async fn a_created_customer_is_known_though_no_webhook_ever_comes() {
    let app = TestApp::with_sandbox().await;
    let control = format!("http://{}/control", app.addresses.sandbox.unwrap());
    let mischief = reqwest::Client::new().post(format!("{control}/webhooks/mischief"));
    let mischief = soon("dropping", mischief.json(&json!({ "dropPercent": 100 })).send()).await.unwrap();
    assert_eq!(mischief.status(), 200);
    let channel = app.channel().await;
    let mut events = KycEventServiceClient::new(channel.clone());
    let request = pb::WatchKycStatusRequest::default();
    let mut watcher = Watcher::new(events.watch_kyc_status(request).await.unwrap().into_inner());
    assert_eq!(watcher.hear().await, "synced");

    let mut customers = pb::customer_service_client::CustomerServiceClient::new(channel);
    let mut request = create("a");
    let person = pb::IndividualInput { full_name: Some("Nobody 001".to_owned()), ..pb::IndividualInput::default() };
    request.details = Some(pb::create_customer_request::Details::Individual(person));
    request.region = Some("US".to_owned());
    request.currencies = vec!["USD".to_owned()];
    let created = soon("created", customers.create_customer(request)).await.unwrap().into_inner().customer.unwrap();
    let request = pb::GetKycStatusRequest { customer_id: created.id.clone(), ..Default::default() };
    let known = soon("a status", events.get_kyc_status(request)).await.unwrap().into_inner().customer.unwrap();
    assert_eq!(known.status_raw, "UNVERIFIED");

    let Some(Event::StatusChange(change)) = watcher.response().await.event else { panic!("a change") };
    assert_eq!((&change.customer_id, change.status_raw.as_str()), (&created.id, "UNVERIFIED"));
    let record = change.record.unwrap();
    assert_eq!(record.source(), pb::KycEventSource::Answer);

    let request = pb::DeleteCustomerRequest { customer_id: created.id.clone() };
    soon("deleted", customers.delete_customer(request)).await.unwrap();
    let Some(Event::StatusChange(change)) = watcher.response().await.event else { panic!("a change") };
    assert_eq!((change.status_raw.as_str(), change.is_deleted), ("UNVERIFIED", true));
    let state = reqwest::get(format!("{control}/webhooks")).await.unwrap().json::<Value>().await.unwrap();
    assert!(state["ended"].as_array().unwrap().iter().all(|webhook| webhook["outcome"] == "DROPPED"), "{state}");
}

#[tokio::test]
async fn every_call_that_hears_a_status_is_heard_of() {
    let scene = Scene::start().await;
    let mut watcher = scene.watch().await;
    let mut customers = scene.customers();

    scene.upstream.on("POST", "/customers", Reply::json(201, customer("a", "UNVERIFIED", EARLY)));
    soon("created", customers.create_customer(create("a"))).await.unwrap();
    assert_eq!(watcher.hear().await, "a UNVERIFIED");

    scene.says("a", "PENDING", EARLY);
    soon("got", customers.get_customer(get("a"))).await.unwrap();
    assert_eq!(watcher.hear().await, "a PENDING");

    let rows = [customer("a", "PENDING", EARLY), customer("b", "APPROVED", EARLY), customer("c", "HOLD", EARLY)];
    scene.upstream.on("GET", "/customers", Reply::json(200, json!({ "data": rows, "hasMore": false })));
    soon("listed", customers.list_customers(pb::ListCustomersRequest::default())).await.unwrap();
    let mut heard = watcher.hear_several(2).await;
    heard.sort_unstable();
    assert_eq!(heard, ["b APPROVED", "c HOLD"]);

    scene.upstream.on("PATCH", &path("a"), Reply::json(200, customer("a", "REJECTED", EARLY)));
    let mut update = pb::UpdateCustomerRequest { customer_id: id("a"), ..Default::default() };
    update.set_customer_type(pb::CustomerType::Individual);
    update.customer = Some(pb::CustomerUpdate { email: Some("a@a.example".to_owned()), ..Default::default() });
    soon("updated", customers.update_customer(update)).await.unwrap();
    assert_eq!(watcher.hear().await, "a REJECTED");

    // Grid answers a deleted customer as it was.
    scene.upstream.on("DELETE", &path("a"), Reply::json(200, customer("a", "REJECTED", EARLY)));
    soon("deleted", customers.delete_customer(pb::DeleteCustomerRequest { customer_id: id("a") })).await.unwrap();
    assert_eq!(watcher.hear().await, "a REJECTED deleted");

    let mut verification =
        json!({ "id": "Verification:v", "customerId": id("b"), "verificationStatus": "IN_PROGRESS" });
    scene.upstream.on("POST", "/verifications", Reply::json(200, verification.clone()));
    let submit = pb::SubmitVerificationRequest { customer_id: id("b") };
    soon("submitted", scene.verifications().submit_verification(submit)).await.unwrap();
    assert_eq!(watcher.hear().await, "b/v IN_PROGRESS");

    verification["verificationStatus"] = json!("RESOLVE_ERRORS");
    scene.upstream.on("GET", "/verifications/*", Reply::json(200, verification.clone()));
    let request = pb::GetVerificationRequest { verification_id: "Verification:v".to_owned() };
    soon("got", scene.verifications().get_verification(request)).await.unwrap();
    assert_eq!(watcher.hear().await, "b/v RESOLVE_ERRORS");

    verification["verificationStatus"] = json!("APPROVED");
    scene.upstream.on("GET", "/verifications", Reply::json(200, json!({ "data": [verification], "hasMore": false })));
    soon("listed", scene.verifications().list_verifications(pb::ListVerificationsRequest::default())).await.unwrap();
    assert_eq!(watcher.hear().await, "b/v APPROVED");

    // Gone, so it is deleted, whatever it was.
    scene.upstream.on("GET", &path("c"), Reply::error(410, "GONE", "deleted"));
    soon("refused", customers.get_customer(get("c"))).await.unwrap_err();
    assert_eq!(watcher.hear().await, "c HOLD deleted");
}

#[tokio::test]
async fn an_answer_without_a_status_or_with_the_known_one_changes_nothing() {
    let scene = Scene::start().await;
    let mut watcher = scene.watch().await;
    let mut customers = scene.customers();
    scene.says("a", "PENDING", EARLY);
    soon("got", customers.get_customer(get("a"))).await.unwrap();
    assert_eq!(watcher.hear().await, "a PENDING");

    let mut base = customer("a", "PENDING", LATER);
    base.as_object_mut().unwrap().remove("kycStatus");
    scene.upstream.on("POST", "/customers/*/verify-email/confirm", Reply::json(200, base.clone()));
    scene.upstream.on("POST", "/customers/*/verify-phone/confirm", Reply::json(200, base));
    let email = pb::ConfirmEmailVerificationRequest { customer_id: id("a"), code: "123456".to_owned() };
    soon("confirmed", customers.confirm_email_verification(email)).await.unwrap();
    let phone = pb::ConfirmPhoneVerificationRequest { customer_id: id("a"), code: "123456".to_owned() };
    soon("confirmed", customers.confirm_phone_verification(phone)).await.unwrap();
    for _ in 0..10 {
        soon("got", customers.get_customer(get("a"))).await.unwrap();
    }
    // What one customer's answers say is taken in their order.
    scene.says("a", "HOLD", LATER);
    soon("got", customers.get_customer(get("a"))).await.unwrap();
    assert_eq!(watcher.hear().await, "a HOLD");
    assert_eq!(scene.recorded().await, ["a PENDING", "a HOLD"]);
    assert_eq!(scene.upstream.received(), 14, "and Grid was asked nothing else");
}

#[tokio::test]
async fn an_answer_that_was_overtaken_by_a_webhook_undoes_nothing() {
    let scene = Scene::start().await;
    let mut watcher = scene.watch().await;
    assert_eq!(scene.deliver(&webhook("1", "a", "PENDING", EARLY, EARLY)).await.status, 200);
    assert_eq!(watcher.hear().await, "a PENDING");

    // Grid has read the customer before it was approved, and takes its time to say so.
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    scene.upstream.on("GET", &path("a"), Reply::json(200, customer("a", "PENDING", EARLY)).once_let(held));
    let mut customers = scene.customers();
    let slow = tokio::spawn(async move { customers.get_customer(get("a")).await });
    scene.upstream.wait_for_requests(1).await;
    scene.says("a", "APPROVED", LATER);
    assert_eq!(scene.deliver(&webhook("2", "a", "APPROVED", LATER, LATER)).await.status, 200);
    assert_eq!(watcher.hear().await, "a APPROVED");
    gate.add_permits(1);
    let answer = soon("the slow answer", slow).await.unwrap().unwrap().into_inner().customer.unwrap();
    assert_eq!(answer.kyc_status_raw, "PENDING", "the caller hears what Grid said");

    // Grid is asked once more, and has it as it is.
    scene.upstream.wait_for_requests(2).await;
    assert_eq!(scene.deliver(&webhook("3", "z", "PENDING", EARLY, EARLY)).await.status, 200);
    assert_eq!(watcher.hear().await, "z PENDING", "nothing came between");
    let settled = async {
        while scene.recorded().await.len() < 5 {
            tokio::task::yield_now().await;
        }
    };
    soon("the doubt is settled", settled).await;
    let mut recorded = scene.recorded().await;
    recorded.retain(|said| said.starts_with('a'));
    assert_eq!(recorded, ["a PENDING", "a APPROVED", "a PENDING (Unresolved)", "a APPROVED (Confirmation)"]);
    assert_eq!(scene.status("a").await, "APPROVED");
}
