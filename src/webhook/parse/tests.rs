//! What bodies say, well-formed and not.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::kyc::event::Observation;
use crate::kyc::event::{Origin, Subject};
use crate::webhook::testing::Signer;

fn read(body: &[u8]) -> Result<Delivery, NotAWebhook> {
    thread_local!(static GRID: Signer = Signer::p256());
    GRID.with(|grid| parse(&grid.verified(body)))
}

fn webhook(webhook_type: &str, data: Value) -> Delivery {
    let body = json!({
        "id": "Webhook:7", "type": webhook_type, "timestamp": "2025-08-15T14:32:00Z", "data": data, "new": [1],
    });
    read(body.to_string().as_bytes()).unwrap()
}

fn observation(webhook_type: &str, data: Value) -> Observation {
    match webhook(webhook_type, data).content {
        Content::Status { observation, type_disagrees: false } => *observation,
        other => panic!("{other:?}"),
    }
}

fn unreadable(webhook_type: &str, data: Value) -> Unreadable {
    match webhook(webhook_type, data).content {
        Content::Unreadable(unreadable) => unreadable,
        other => panic!("{other:?}"),
    }
}

fn individual() -> Value {
    json!({
        "id": "Customer:1", "platformCustomerId": "9f84e0c2a72c4fa", "customerType": "INDIVIDUAL", "region": "US",
        "kycStatus": "APPROVED", "fullName": "John Michael Doe", "birthDate": "1990-01-15",
        "address": {"line1": "123 Main Street", "postalCode": "98101", "country": "US"},
        "createdAt": "2025-07-21T17:32:28Z", "updatedAt": "2025-07-21T17:32:28.5Z", "isDeleted": false,
    })
}

fn with(mut data: Value, field: &str, value: Value) -> Value {
    data[field] = value;
    data
}

fn without(mut data: Value, field: &str) -> Value {
    data.as_object_mut().unwrap().remove(field).unwrap();
    data
}

#[test]
fn a_customers_status_is_observed() {
    let seen = observation("CUSTOMER.KYC_APPROVED", individual());
    assert_eq!(seen.id.as_str(), "Webhook:7");
    assert_eq!(seen.customer.as_str(), "Customer:1");
    assert_eq!(seen.platform_customer.unwrap().as_str(), "9f84e0c2a72c4fa");
    assert_eq!((seen.subject.status_word(), seen.subject.is_deleted()), ("APPROVED", false));
    assert_eq!(seen.updated_at, Some("2025-07-21T17:32:28.5Z".parse().unwrap()));
    assert_eq!(seen.origin, Origin::Webhook { timestamp: Some("2025-08-15T14:32:00Z".parse().unwrap()) });
}

#[test]
fn a_business_says_its_kyb_status_and_a_type_of_tomorrow_the_status_in_its_data() {
    let business = json!({"id": "Customer:2", "customerType": "BUSINESS", "kybStatus": "REJECTED", "kycStatus": null});
    assert_eq!(observation("CUSTOMER.KYB_REJECTED", business).subject.status_word(), "REJECTED");
    let held = with(individual(), "kycStatus", json!("HOLD"));
    assert_eq!(observation("CUSTOMER.KYC_HELD", held.clone()).subject.status_word(), "HOLD");
    assert_eq!(observation("CUSTOMER.UPDATED", held).subject.status_word(), "HOLD");
    let frozen = with(individual(), "kycStatus", json!("FROZEN"));
    assert_eq!(observation("CUSTOMER.KYC_FROZEN", frozen).subject.status_word(), "FROZEN");
    let agent = json!({"id": "Customer:3", "customerType": "AGENT", "kybStatus": "PENDING"});
    assert_eq!(observation("CUSTOMER.KYB_PENDING", agent).subject.status_word(), "PENDING");
    for yes in [json!(true), json!("true")] {
        let deleted = with(individual(), "isDeleted", yes);
        assert!(observation("CUSTOMER.DELETED", deleted).subject.is_deleted());
    }
}

#[test]
fn what_is_not_kept_may_be_of_any_shape() {
    let mut data = individual();
    for field in ["fullName", "birthDate", "address", "createdAt", "region", "currencies", "beneficialOwners"] {
        data[field] = json!([{"not": ["what", 1, null, "was", true]}]);
    }
    assert_eq!(observation("CUSTOMER.KYC_APPROVED", data).subject.status_word(), "APPROVED");
    for (field, value) in [
        ("updatedAt", json!("yesterday")),
        ("updatedAt", json!(1_755_268_320)),
        ("updatedAt", json!(null)),
        ("platformCustomerId", json!("")),
        ("platformCustomerId", json!(4)),
        ("platformCustomerId", json!("x".repeat(2000))),
        ("isDeleted", json!(null)),
        ("isDeleted", json!("false")),
        ("customerType", json!(5)),
        ("customerType", json!(true)),
        ("customerType", json!([])),
        ("customerType", json!({})),
        ("customerType", json!("a person")),
        ("customerType", json!(null)),
    ] {
        let seen = observation("CUSTOMER.KYC_APPROVED", with(individual(), field, value));
        assert_eq!(seen.subject.status_word(), "APPROVED", "{field}");
    }
}

#[test]
fn the_type_says_the_status_where_the_data_does_not_and_the_data_counts_where_both_do() {
    let silent = without(individual(), "kycStatus");
    assert_eq!(observation("CUSTOMER.KYC_PENDING", silent.clone()).subject.status_word(), "PENDING");
    assert_eq!(unreadable("CUSTOMER.UPDATED", silent).reason, Reason::Missing("kycStatus or kybStatus"));
    match webhook("CUSTOMER.KYC_PENDING", individual()).content {
        Content::Status { observation, type_disagrees: true } => {
            assert_eq!(observation.subject.status_word(), "APPROVED");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_verification_is_observed_with_what_stands_in_its_way() {
    let data = json!({
        "id": "Verification:1", "customerId": "Customer:1", "verificationStatus": "RESOLVE_ERRORS",
        "errors": [
            {"resourceId": "Customer:1", "type": "MISSING_FIELD", "field": "address.line1", "reason": "Canary's street"},
            {"resourceId": "Customer:1", "type": "MISSING_IDENTITY_DOCUMENT", "acceptedDocumentTypes": ["PASSPORT"]},
            {"type": "INVALID_FIELD", "field": "Jane Canary"}, {"type": "Jane Canary"}, {"field": "x"}, 3, "text", null,
        ],
        "createdAt": "2025-08-15T14:00:00Z", "updatedAt": "2025-08-15T14:01:00Z",
    });
    let seen = observation("VERIFICATION.RESOLVE_ERRORS", data);
    assert_eq!((seen.customer.as_str(), &seen.platform_customer), ("Customer:1", &None));
    let Subject::Verification { id, status, problems } = &seen.subject else { panic!("{seen:?}") };
    assert_eq!((id.as_str(), status.as_str()), ("Verification:1", "RESOLVE_ERRORS"));
    let problems: Vec<_> = problems.iter().map(|problem| (&*problem.kind, problem.field.as_deref())).collect();
    let expected =
        [("INVALID_FIELD", None), ("MISSING_FIELD", Some("address.line1")), ("MISSING_IDENTITY_DOCUMENT", None)];
    assert_eq!(problems, expected);
    assert!(!format!("{seen:?}").contains("Canary"));
}

#[test]
fn every_verification_status_is_taken_and_its_errors_may_be_anything() {
    for word in ["READY_FOR_VERIFICATION", "IN_PROGRESS", "PENDING_MANUAL_REVIEW", "APPROVED", "REJECTED", "PAUSED"] {
        for errors in [json!([]), json!(null), json!({"a": 1}), json!("none")] {
            let data = json!({
                "id": "Verification:1", "customerId": "Customer:1", "verificationStatus": word, "errors": errors,
            });
            assert_eq!(observation(&format!("VERIFICATION.{word}"), data).subject.status_word(), word);
        }
    }
    let silent = json!({"id": "Verification:1", "customerId": "Customer:1"});
    assert_eq!(observation("VERIFICATION.IN_PROGRESS", silent.clone()).subject.status_word(), "IN_PROGRESS");
    assert_eq!(unreadable("VERIFICATION.SEEN", silent).reason, Reason::Missing("verificationStatus"));
}

#[test]
fn kyc_that_cannot_be_understood_says_why_and_of_whom_and_nothing_else() {
    let customer = |data| {
        let Unreadable { reason, field_names: _, customer } = unreadable("CUSTOMER.KYC_APPROVED", data);
        (reason, customer.map(|id| id.as_str().to_owned()))
    };
    let of_one = || Some("Customer:1".to_owned());
    assert_eq!(customer(Value::Null), (Reason::NoData, None));
    assert_eq!(customer(json!(["Customer:1", "p", "INDIVIDUAL", "APPROVED"])), (Reason::NotAnObject, None));
    assert_eq!(customer(json!("Customer:1")), (Reason::NotAnObject, None));
    assert_eq!(customer(without(individual(), "id")), (Reason::Missing("id"), None));
    assert_eq!(customer(json!({"customerId": "Customer:1"})), (Reason::Missing("id"), of_one()));
    assert_eq!(customer(with(individual(), "id", json!(7))), (Reason::Invalid("id"), None));
    assert_eq!(customer(with(individual(), "id", json!("a\u{0}b"))), (Reason::Invalid("id"), None));
    assert_eq!(customer(with(individual(), "kycStatus", json!({}))), (Reason::Invalid("kycStatus"), of_one()));
    assert_eq!(customer(with(individual(), "kycStatus", json!("Jane C."))), (Reason::Invalid("kycStatus"), of_one()));
    assert_eq!(customer(with(individual(), "isDeleted", json!("no"))), (Reason::Invalid("isDeleted"), of_one()));
    let kept = unreadable("CUSTOMER.KYC_APPROVED", with(individual(), "kycStatus", json!(1)));
    assert!(kept.field_names.iter().any(|name| name == "address.line1"), "{kept:?}");
    assert!(!format!("{kept:?}").contains("John"));
    let verification = unreadable("VERIFICATION.APPROVED", json!({"id": 4, "customerId": "Customer:1"}));
    assert_eq!((verification.reason, verification.customer.is_some()), (Reason::Invalid("id"), true));
}

#[test]
fn the_rest_is_told_by_its_type() {
    assert_eq!(webhook("TEST", json!({})).content, Content::Test);
    assert_eq!(webhook("BULK_UPLOAD.FAILED", json!({"id": "Job:1"})).content, Content::BulkUpload);
    for other in ["INCOMING_PAYMENT.PENDING", "CARD.STATE_CHANGE", "TEST.ME", "CUSTOMERS.X", "customer.x", "CUSTOMER"] {
        let delivery = webhook(other, json!({"id": "x"}));
        assert_eq!(delivery.content, Content::Other, "{other}");
        assert_eq!(delivery.webhook_type.awaits_approval(), other == "INCOMING_PAYMENT.PENDING");
    }
}

#[test]
fn a_pending_payment_awaits_approval_however_its_type_is_written() {
    let awaits = |webhook_type: &str| webhook(webhook_type, json!({"id": "x"})).webhook_type.awaits_approval();
    for pending in ["INCOMING_PAYMENT.PENDING", " INCOMING_PAYMENT.PENDING", "Incoming_Payment.Pending \u{a0}"] {
        assert!(awaits(pending), "{pending}");
    }
    for other in ["INCOMING_PAYMENT.COMPLETED", "INCOMING_PAYMENT.PENDING.X", "OUTGOING_PAYMENT.PENDING"] {
        assert!(!awaits(other), "{other}");
    }
    // A type that lost a part could be this one.
    for lost in [&b"INCOMING_PAYMENT.PENDI\xffNG"[..], br"INCOMING_PAYMENT.PENDING\ud83d", "TEST\u{fffd}".as_bytes()] {
        let body = [br#"{"id":"Webhook:7","type":""#, lost, br#"","data":{}}"#].concat();
        assert_eq!(read(&body), Err(NotAWebhook::NoType), "{}", String::from_utf8_lossy(lost));
    }
}

#[test]
fn what_has_no_id_and_type_is_no_webhook() {
    let long = format!(r#"{{"id":"{}","type":"TEST"}}"#, "x".repeat(257));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases: [(&[u8], NotAWebhook); 21] = [
        (b"", NotAWebhook::NotAnObject),
        (b"null", NotAWebhook::NotAnObject),
        (b"[]", NotAWebhook::NotAnObject),
        (br#"["Webhook:1","TEST"]"#, NotAWebhook::NotAnObject),
        (br#"{"id":"Webhook:1","type":"TEST""#, NotAWebhook::NotAnObject),
        (br#"{"id":"Webhook:1","type":"TEST"} x"#, NotAWebhook::NotAnObject),
        (br#"{"id":"Webhook:1","id":"Webhook:2","type":"TEST"}"#, NotAWebhook::NotAnObject),
        (b"{\"id\":\"\xff\",\"type\":\"TEST\"}", NotAWebhook::NoId),
        (b"\xef\xbb\xbf{}", NotAWebhook::NoId),
        (b"{}", NotAWebhook::NoId),
        (br#"{"id":1,"type":"TEST"}"#, NotAWebhook::NoId),
        (br#"{"id":1,"webhookId":"Webhook:1","type":"TEST"}"#, NotAWebhook::NoId),
        (br#"{"webhookId":1,"type":"TEST"}"#, NotAWebhook::NoId),
        (br#"{"webhookId":"Webhook:1","type":"CUSTOMER.KYC_APPROVED","data":{"id":"Customer:1"}}"#, NotAWebhook::NoId),
        (br#"{"webhookId":"Webhook:1","type":"INCOMING_PAYMENT.PENDING","data":{}}"#, NotAWebhook::NoId),
        (br#"{"webhookId":"Webhook:1"}"#, NotAWebhook::NoId),
        (br#"{"id":"","type":"TEST"}"#, NotAWebhook::NoId),
        (long.as_bytes(), NotAWebhook::NoId),
        (br#"{"id":"Webhook:1"}"#, NotAWebhook::NoType),
        (br#"{"id":"Webhook:1","type":"A\nB"}"#, NotAWebhook::NoType),
        (deep.as_bytes(), NotAWebhook::NotAnObject),
    ];
    for (body, expected) in cases {
        let body_start = String::from_utf8_lossy(&body[..body.len().min(60)]);
        assert_eq!(read(body), Err(expected), "{body_start}");
    }
}

#[test]
fn text_that_is_not_unicode_hides_no_status() {
    let whole = |name: &[u8]| {
        let before = br#"{"id":"Webhook:7","type":"CUSTOMER.KYC_APPROVED","timestamp":"2025-08-15T14:32:00Z","data":{"id":"Customer:1","fullName":""#;
        let after = br#"","kycStatus":"APPROVED","updatedAt":"2025-07-21T17:32:28Z"}}"#;
        [before, name, after].concat()
    };
    let seen = |body: &[u8]| match read(body).unwrap().content {
        Content::Status { observation, .. } => {
            (observation.customer.as_str().to_owned(), observation.updated_at.is_some())
        }
        other => panic!("{other:?} of {}", String::from_utf8_lossy(body)),
    };
    let ordinary = whole(b"Jane");
    let text = String::from_utf8(ordinary.clone()).unwrap();
    for body in [
        whole(br"Acme \ud83d"),
        whole(b"Ren\xe9e"),
        whole(b"two\nlines"),
        whole(br#"x","n":NaN,"m":1e999,"l":"x"#),
        [b"\xef\xbb\xbf".as_slice(), &ordinary].concat(),
        [vec![0xff, 0xfe], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat(),
    ] {
        assert_eq!(seen(&body), ("Customer:1".to_owned(), true));
    }
    // Of the fields that are read, each by itself.
    let odd_time = text.replace("2025-07-21T17:32:28Z", r"2025-07-21\ud83d");
    assert_eq!(seen(odd_time.as_bytes()), ("Customer:1".to_owned(), false));
    let odd = |from: &str, to: &str| read(text.replace(from, to).as_bytes());
    for (from, to, reason) in [
        ("Customer:1", r"Customer:1\ud83d", Reason::Invalid("id")),
        (r#""APPROVED""#, r#""APPROVED\ud83d""#, Reason::Invalid("kycStatus")),
    ] {
        let Content::Unreadable(unreadable) = odd(from, to).unwrap().content else { panic!("{to}") };
        assert_eq!(unreadable.reason, reason);
    }
    assert_eq!(odd("Webhook:7", r"Webhook:7\ud83d"), Err(NotAWebhook::NoId));
    // A field that comes twice hides nothing where nothing is read.
    for harmless in [r#"{"a":1,"a":2}"#, r#"[{"id":1,"id":2}]"#, r#"{"data":{"id":1,"id":2}}"#] {
        for name in ["Jane", r"Jane\ud83d"] {
            let field = format!(r#"{name}","new":{harmless},"x":""#);
            assert_eq!(seen(&whole(field.as_bytes())), ("Customer:1".to_owned(), true), "{field}");
            let body = odd(r#""data""#, &format!(r#""new":{harmless},"x":"{name}","data""#)).unwrap();
            assert!(matches!(body.content, Content::Status { .. }), "{body:?}");
        }
    }
    for unclear in [
        r#"{"id":"W","type":"TEST","n":NaN,"data":{"id":"A","id":"B"}}"#,
        r#"{"id":"W","type":"TEST","n":NaN} x"#,
        r#"{"id":"W","id":"V","type":"TEST","n":NaN}"#,
        r#"{"id":"W","type":"TEST","n":NaN"#,
    ] {
        assert_eq!(read(unclear.as_bytes()), Err(NotAWebhook::NotAnObject), "{unclear}");
    }
}

#[test]
fn depth_is_bounded_where_it_is_read_and_ignored_where_it_is_not() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = |data: &str| format!(r#"{{"id":"W","type":"CUSTOMER.KYC_APPROVED","timestamp":{deep},"data":{data}}}"#);
    let data = format!(r#"{{"id":"Customer:1","kycStatus":"APPROVED","new":{deep},"updatedAt":{deep}}}"#);
    let delivery = read(body(&data).as_bytes()).unwrap();
    assert!(matches!(delivery.content, Content::Status { .. }), "{delivery:?}");
    assert_eq!(delivery.timestamp, None);
    let data = format!(r#"{{"id":"Customer:1","kycStatus":{deep}}}"#);
    let delivery = read(body(&data).as_bytes()).unwrap();
    assert!(matches!(delivery.content, Content::Unreadable(_)), "{delivery:?}");
    let delivery = read(body(&deep).as_bytes()).unwrap();
    assert!(matches!(delivery.content, Content::Unreadable(_)), "{delivery:?}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = "[A-Za-z_. é\u{0}]{0,12}|APPROVED|PENDING|INDIVIDUAL|Customer:1";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let key = "id|type|timestamp|data|customerId|customerType|kycStatus|kybStatus|isDeleted|errors|field|[a-z]{0,3}";
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&body).is_err());
    }

    #[test]
    fn any_data_under_a_kyc_type_is_a_status_or_unreadable(
        data in any_json(),
        webhook_type in "(CUSTOMER|VERIFICATION)\\.(KYC_|KYB_)?(APPROVED|NEW)",
    ) {
        let delivery = webhook(&webhook_type, data);
        let understood = matches!(delivery.content, Content::Status { .. } | Content::Unreadable(_));
        prop_assert!(understood);
    }

    #[test]
    fn any_json_is_a_webhook_or_none(body in any_json()) {
        let read = read(body.to_string().as_bytes());
        let has = |field: &str| body.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        prop_assert!(read.is_err() || (has("id") && has("type")));
    }
}
