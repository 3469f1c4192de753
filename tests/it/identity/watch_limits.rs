//! What of the events a caller may see: what goes beyond is refused, with the filter that does.

use gridgate::identity::NewToken;
use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::{GetKycStatusRequest, ListKycEventsRequest, WatchKycStatusRequest};
use tonic::{Code, Request, Status};

use super::rig::{Rig, bearer, caller, token};
use crate::support::details::Details;
use crate::support::soon;

const CUSTOMER_STATUS: i32 = pb::KycEventKind::CustomerStatus as i32;
const VERIFICATION: i32 = pb::KycEventKind::Verification as i32;

fn request<T>(token: &NewToken, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", bearer(token).parse().unwrap());
    request
}

/// What a request that is not allowed names.
#[track_caller]
fn named(refused: Result<(), Status>) -> String {
    let status = refused.expect_err("it asks for too much");
    let details = Details::of(&status);
    assert_eq!((status.code(), details.reason.as_str()), (Code::PermissionDenied, "WATCH_NOT_ALLOWED"), "{status:?}");
    assert!(status.message().starts_with(&details.metadata["filter"]), "{status:?}");
    details.metadata["filter"].clone()
}

async fn watch(rig: &Rig, token: &NewToken, message: WatchKycStatusRequest) -> Result<(), Status> {
    let mut client = KycEventServiceClient::new(rig.app.channel().await);
    let mut stream = soon("a stream", client.watch_kyc_status(request(token, message))).await?.into_inner();
    soon("a first word", stream.message()).await.map(|_| ())
}

async fn list(rig: &Rig, token: &NewToken, message: ListKycEventsRequest) -> Result<(), Status> {
    let mut client = KycEventServiceClient::new(rig.app.channel().await);
    soon("a list", client.list_kyc_events(request(token, message))).await.map(|_| ())
}

async fn get(rig: &Rig, token: &NewToken, id: &str) -> Result<(), Status> {
    let mut client = KycEventServiceClient::new(rig.app.channel().await);
    let message = GetKycStatusRequest { customer_id: id.to_owned(), ..Default::default() };
    soon("a status", client.get_kyc_status(request(token, message))).await.map(|_| ())
}

#[tokio::test]
async fn a_limit_to_kinds() {
    let token = token();
    let lines = "methods = [\"*/*\"]\nwatch = { kinds = [\"verification\"] }";
    let rig = Rig::with(&caller("a", &token, lines)).await;
    let of = |kinds: &[i32]| WatchKycStatusRequest { kinds: kinds.to_vec(), ..Default::default() };
    assert_eq!(named(watch(&rig, &token, of(&[])).await), "kinds");
    assert_eq!(named(watch(&rig, &token, of(&[CUSTOMER_STATUS])).await), "kinds");
    assert_eq!(named(watch(&rig, &token, of(&[VERIFICATION, CUSTOMER_STATUS])).await), "kinds");
    watch(&rig, &token, of(&[VERIFICATION])).await.unwrap();
    watch(&rig, &token, WatchKycStatusRequest { with_snapshot: true, ..of(&[VERIFICATION]) }).await.unwrap();
    let decided = WatchKycStatusRequest {
        customer_ids: vec!["Customer:1".to_owned()],
        until_decided: true,
        ..of(&[VERIFICATION])
    };
    assert_eq!(named(watch(&rig, &token, decided).await), "until_decided");
    let of = |kinds: &[i32]| ListKycEventsRequest { kinds: kinds.to_vec(), ..Default::default() };
    assert_eq!(named(list(&rig, &token, of(&[])).await), "kinds");
    list(&rig, &token, of(&[VERIFICATION])).await.unwrap();
    assert_eq!(named(get(&rig, &token, "Customer:1").await), "customer_id");
    // What can never be right is told first.
    let wrong = WatchKycStatusRequest { kinds: vec![77], ..Default::default() };
    assert_eq!(watch(&rig, &token, wrong).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_limit_to_customers() {
    let token = token();
    let lines = "methods = [\"*/*\"]\nwatch = { customer_ids = [\"Customer:1\"], platform_customer_ids = [\"p-1\"] }";
    let rig = Rig::with(&caller("a", &token, lines)).await;
    let of = |ids: &[&str], platform_ids: &[&str]| WatchKycStatusRequest {
        customer_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        platform_customer_ids: platform_ids.iter().map(|id| (*id).to_owned()).collect(),
        ..Default::default()
    };
    assert_eq!(named(watch(&rig, &token, of(&[], &[])).await), "customer_ids");
    assert_eq!(named(watch(&rig, &token, of(&["Customer:2"], &[])).await), "customer_ids");
    assert_eq!(named(watch(&rig, &token, of(&["Customer:1", "Customer:2"], &["p-1"])).await), "customer_ids");
    assert_eq!(named(watch(&rig, &token, of(&["Customer:1"], &["p-2"])).await), "platform_customer_ids");
    // An id of one sort is none of the other.
    assert_eq!(named(watch(&rig, &token, of(&["p-1"], &[])).await), "customer_ids");
    for (ids, platform_ids) in [(&["Customer:1"][..], &[][..]), (&[], &["p-1"]), (&["Customer:1"], &["p-1"])] {
        watch(&rig, &token, of(ids, platform_ids)).await.unwrap();
    }
    assert_eq!(named(list(&rig, &token, ListKycEventsRequest::default()).await), "customer_ids");
    let only = ListKycEventsRequest { platform_customer_ids: vec!["p-1".to_owned()], ..Default::default() };
    list(&rig, &token, only).await.unwrap();
}

#[tokio::test]
async fn a_status_is_told_by_either_id_and_who_may_not_know_it_does_not_learn_that_there_is_one() {
    let (limited, all) = (token(), token());
    let policy = [
        caller("limited", &limited, "methods = [\"*/*\"]\nwatch = { platform_customer_ids = [\"mine\"] }"),
        caller("all", &all, "methods = [\"*/*\"]"),
    ];
    let rig = Rig::with(&policy.concat()).await;
    let mut customers = CustomerServiceClient::new(rig.app.channel().await);
    let mut ids = Vec::new();
    for platform_id in ["mine", "yours"] {
        let message = pb::CreateCustomerRequest {
            platform_customer_id: Some(platform_id.to_owned()),
            customer_type: pb::CustomerType::Individual.into(),
            ..Default::default()
        };
        let created = soon("a customer", customers.create_customer(request(&all, message))).await.unwrap();
        ids.push(created.into_inner().customer.unwrap().id);
    }
    for id in &ids {
        get(&rig, &all, id).await.unwrap();
    }
    get(&rig, &limited, &ids[0]).await.unwrap();
    let (yours, nobody) = (get(&rig, &limited, &ids[1]).await, get(&rig, &limited, "Customer:none").await);
    assert_eq!(yours.as_ref().unwrap_err().message(), nobody.as_ref().unwrap_err().message());
    assert_eq!((named(yours), named(nobody)), ("customer_id".to_owned(), "customer_id".to_owned()));
    assert_eq!(get(&rig, &all, "Customer:none").await.unwrap_err().code(), Code::NotFound);
}
