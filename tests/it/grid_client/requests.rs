//! What goes out, and how successes are read.

use futures_util::stream;
use gridgate::grid::model::{ContactVerificationConfirm, CustomerType, KycLinkRequest};
use gridgate::grid::{Client, ClientConfig, CustomerFilter, Operation, PageRequest, UpdateOutcome, VerificationFilter};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::support::fake_grid::{FakeGrid, Reply};

#[tokio::test]
async fn every_operation_goes_to_its_method_and_path_with_credentials() {
    let upstream = FakeGrid::start().await;
    let client = client(upstream.base_url());
    for operation in operations(|_| true) {
        let path = path_of(operation);
        upstream.on(operation.method().as_str(), &path, Reply::json(200, any_success()));
        let performed = perform(&client, &call(), operation).await;
        assert!(performed.is_ok(), "{operation}: {performed:?}");
        let request = upstream.requests().pop().expect("a request");
        assert_eq!((request.method.as_str(), &request.path), (operation.method().as_str(), &path), "{operation}");
        assert_eq!(request.header("authorization"), Some("Basic Y2xpZW50LWlkOmNsaWVudC1zZWNyZXQ="), "{operation}");
        assert_eq!(request.header("accept"), Some("application/json"), "{operation}");
        assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("gridgate/")), "{operation}");
        assert!(
            request.header("content-length").is_some()
                || request.body.is_empty()
                || request.header("transfer-encoding").is_some()
        );
    }
    assert_eq!(upstream.requests().len(), Operation::ALL.len());
    assert_eq!(upstream.connections(), 1, "the connection is kept");
}

#[tokio::test]
async fn a_base_url_with_a_slash_at_its_end_is_the_same() {
    let upstream = FakeGrid::start().await;
    upstream.on("GET", "/config", Reply::json(200, json!({ "id": "PlatformConfig:1" })));
    let config = client(format!("{}/", upstream.base_url())).get_platform_config(&call()).await.unwrap();
    assert_eq!(config.id, "PlatformConfig:1");
}

#[tokio::test]
async fn ids_are_one_encoded_segment() {
    let upstream = FakeGrid::start().await;
    upstream.on("GET", "/customers/*", Reply::json(200, customer_json()));
    client(upstream.base_url()).get_customer(&call(), &id("Kund:ü&1")).await.unwrap();
    assert_eq!(upstream.requests()[0].path, "/customers/Kund:%C3%BC%261");
}

#[tokio::test]
async fn every_filter_of_customers_is_sent() {
    let upstream = FakeGrid::start().await;
    let rows = json!({ "data": [customer_json()], "hasMore": true, "nextCursor": "next", "totalCount": 7 });
    upstream.on("GET", "/customers", Reply::json(200, rows));
    let filter = CustomerFilter {
        platform_customer_id: Some("user 1&2".to_owned()),
        customer_type: Some(CustomerType::Business),
        created_after: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        created_before: Some("2026-01-02T00:00:00.5Z".parse().unwrap()),
        updated_after: Some("2026-01-03T00:00:00Z".parse().unwrap()),
        updated_before: Some("2026-01-04T00:00:00Z".parse().unwrap()),
        region: Some("DE".to_owned()),
        currency: Some("EUR".to_owned()),
        uma_address: Some("$ada@example.com".to_owned()),
        is_including_deleted: Some(true),
    };
    let page = PageRequest { limit: 100, cursor: Some("a+b/=".to_owned()) };
    let listed = client(upstream.base_url()).list_customers(&call(), &filter, &page).await.unwrap();
    assert_eq!((listed.data.len(), listed.next_cursor.as_deref(), listed.total_count), (1, Some("next"), Some(7)));
    let request = upstream.requests().remove(0);
    let expected = [
        ("platformCustomerId", "user 1&2"),
        ("customerType", "BUSINESS"),
        ("createdAfter", "2026-01-01T00:00:00Z"),
        ("createdBefore", "2026-01-02T00:00:00.5Z"),
        ("updatedAfter", "2026-01-03T00:00:00Z"),
        ("updatedBefore", "2026-01-04T00:00:00Z"),
        ("region", "DE"),
        ("currency", "EUR"),
        ("umaAddress", "$ada@example.com"),
        ("isIncludingDeleted", "true"),
        ("limit", "100"),
        ("cursor", "a+b/="),
    ];
    assert_eq!(request.query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn the_other_lists_send_their_filters() {
    let upstream = FakeGrid::start().await;
    for path in ["/beneficial-owners", "/documents", "/verifications"] {
        upstream.on("GET", path, Reply::json(200, json!({ "data": [], "hasMore": false })));
    }
    let client = client(upstream.base_url());
    client.list_beneficial_owners(&call(), &id("Customer:1"), &FIRST_PAGE).await.unwrap();
    client.list_documents(&call(), Some("BeneficialOwner:1"), &FIRST_PAGE).await.unwrap();
    let filter =
        VerificationFilter { customer_id: Some("Customer:1".to_owned()), verification_status: Some("NEW_WORD".into()) };
    client.list_verifications(&call(), &filter, &FIRST_PAGE).await.unwrap();
    let queries: Vec<_> = upstream.requests().into_iter().map(|request| request.query).collect();
    let expected = [
        vec![("customerId", "Customer:1"), ("limit", "20")],
        vec![("documentHolder", "BeneficialOwner:1"), ("limit", "20")],
        vec![("customerId", "Customer:1"), ("verificationStatus", "NEW_WORD"), ("limit", "20")],
    ];
    let owned = |query: Vec<(&str, &str)>| -> Vec<_> {
        query.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    assert_eq!(queries, expected.map(owned));
}

#[tokio::test]
async fn only_what_is_present_is_sent() {
    let upstream = FakeGrid::start().await;
    upstream.on("PATCH", "/customers/Customer:1", Reply::json(200, customer_json()));
    let mut changes = customer_input();
    changes.profile.currencies = Some(Vec::new());
    let outcome =
        client(upstream.base_url()).update_customer(&call(), &id("Customer:1"), &changes, None).await.unwrap();
    assert!(matches!(outcome, UpdateOutcome::Updated(customer) if customer.id == "Customer:1"));
    let request = upstream.requests().remove(0);
    assert_eq!(request.json(), json!({ "customerType": "INDIVIDUAL", "fullName": "Ada Byron", "currencies": [] }));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!((request.header("request-id"), request.header("grid-wallet-signature")), (None, None));
}

#[tokio::test]
async fn a_change_can_answer_a_challenge_whose_signature_is_sent_in_headers() {
    let upstream = FakeGrid::start().await;
    let challenge = json!({ "payloadToSign": "{}", "requestId": "Request:1", "expiresAt": "2026-01-01T00:00:00Z" });
    upstream.on(
        "PATCH",
        "/customers/Customer:1",
        Reply::sequence([Reply::json(202, challenge), Reply::json(200, customer_json())]),
    );
    let (client, one) = (client(upstream.base_url()), id("Customer:1"));
    let outcome = client.update_customer(&call(), &one, &customer_input(), None).await.unwrap();
    assert!(matches!(outcome, UpdateOutcome::Challenge(challenge) if challenge.request_id == "Request:1"));
    client.update_customer(&call(), &one, &customer_input(), Some(signed())).await.unwrap();
    let request = upstream.requests().remove(1);
    assert_eq!(request.header("request-id"), Some("Request:1"));
    assert_eq!(request.header("grid-wallet-signature"), Some("c3RhbXA"));
    assert_eq!(request.json(), upstream.requests()[0].json());
}

#[tokio::test]
async fn a_kyc_link_is_asked_for_with_its_key() {
    let upstream = FakeGrid::start().await;
    let link = json!({ "kycUrl": "https://kyc.example/x", "provider": "SUMSUB" });
    upstream.on("POST", "/customers/Customer:1/kyc-link", Reply::json(201, link));
    let key = Uuid::new_v4();
    let asked = KycLinkRequest { redirect_uri: Some("https://app.example".to_owned()) };
    let link = client(upstream.base_url()).create_kyc_link(&call(), &id("Customer:1"), &asked, key).await.unwrap();
    assert_eq!(link.provider, "SUMSUB");
    let request = upstream.requests().remove(0);
    assert_eq!(request.header("idempotency-key"), Some(key.to_string().as_str()));
    assert_eq!(request.json(), json!({ "redirectUri": "https://app.example" }));
}

#[tokio::test]
async fn codes_are_sent_and_confirmed() {
    let upstream = FakeGrid::start().await;
    upstream.on("POST", "/customers/Customer:1/verify-email", Reply::empty(204));
    upstream.on("POST", "/customers/Customer:1/verify-phone/confirm", Reply::json(200, customer_json()));
    let (client, one) = (client(upstream.base_url()), id("Customer:1"));
    client.send_email_verification(&call(), &one).await.unwrap();
    let code = ContactVerificationConfirm { code: "123456".to_owned() };
    client.confirm_phone_verification(&call(), &one, &code).await.unwrap();
    let requests = upstream.requests();
    assert_eq!((requests[0].header("content-length"), requests[0].body.len()), (Some("0"), 0));
    assert_eq!(requests[1].json(), json!({ "code": "123456" }));
}

#[tokio::test]
async fn a_document_goes_as_multipart_with_its_length() {
    let upstream = FakeGrid::start().await;
    let answer = json!({ "id": "Document:1", "documentHolder": "Customer:1", "documentType": "PASSPORT" });
    upstream.on("POST", "/documents", Reply::json(201, answer.clone()));
    upstream.on("PUT", "/documents/Document:1", Reply::json(200, answer));
    let client = client(upstream.base_url());
    let document = client.upload_document(&call(), document_fields(), document_file()).await.unwrap();
    assert_eq!(document.id, "Document:1");
    client.replace_document(&call(), &id("Document:1"), document_fields(), document_file()).await.unwrap();
    let requests = upstream.requests();
    for request in &requests {
        assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
        assert_eq!(request.header("transfer-encoding"), None);
        assert!(request.header("content-type").unwrap().starts_with("multipart/form-data; boundary="));
        let text = request.text();
        assert!(text.contains("name=\"documentType\"\r\n\r\nPASSPORT\r\n"), "{text}");
        assert!(text.contains("name=\"documentNumber\"\r\n\r\nC01X00T47\r\n"), "{text}");
        assert!(text.contains("name=\"file\"; filename=\"passport.pdf\"\r\n"), "{text}");
        assert!(text.to_lowercase().contains("content-type: application/pdf\r\n"), "{text}");
        let content = document_file().content;
        assert!(request.body.windows(content.len()).any(|window| window == content), "the bytes as they are");
    }
    assert!(requests[0].text().contains("name=\"documentHolder\"\r\n\r\nCustomer:1\r\n"));
    assert!(!requests[1].text().contains("documentHolder"), "a replacement has no holder");
}

#[tokio::test]
async fn a_csv_streams_through() {
    let upstream = FakeGrid::start().await;
    upstream.on("POST", "/customers/bulk/csv", Reply::json(202, json!({ "jobId": "Job:1", "status": "PENDING" })));
    let rows = stream::iter(["a,b\n", "1,2\n"].map(|row| Ok::<_, std::io::Error>(row.into())));
    let accepted = client(upstream.base_url()).import_customers(&call(), rows).await.unwrap();
    assert_eq!(accepted.job_id, "Job:1");
    let request = upstream.requests().remove(0);
    assert_eq!(request.header("transfer-encoding"), Some("chunked"));
    assert!(request.text().contains("\r\n\r\na,b\n1,2\n\r\n--"), "{}", request.text());
}

#[test]
fn settings_that_can_not_work_are_refused_with_their_reason() {
    let refused = |change: fn(&mut ClientConfig)| {
        let mut config = config("https://api.example/grid".to_owned());
        change(&mut config);
        Client::new(config).expect_err("refused").to_string()
    };
    assert_eq!(refused(|config| config.base_url = "grid".to_owned()), "the base URL is not a URL");
    assert_eq!(refused(|config| config.base_url = "ftp://h/".to_owned()), "the base URL is neither http nor https");
    assert_eq!(
        refused(|config| config.base_url = "https://u:p@h/".to_owned()),
        "the base URL must not hold credentials"
    );
    assert_eq!(
        refused(|config| config.base_url = "https://h/?a=b".to_owned()),
        "the base URL must not have a query or a fragment"
    );
    assert_eq!(refused(|config| config.client_id.clear()), "the client id is empty");
    assert_eq!(refused(|config| config.client_id = "a:b".to_owned()), "the client id must not contain a colon");
    assert!(refused(|config| config.max_concurrent = 0).contains("at least 1"));
    assert!(refused(|config| config.retry.budget_share = f32::NAN).contains("between"));
    assert!(refused(|config| config.breaker.open_for = Duration::MAX).contains("at most one hour"));
    assert!(refused(|config| config.breaker.failures = 0).contains("at least 1"));
}

#[test]
fn debug_output_holds_no_secret() {
    let config = config("https://api.example/grid".to_owned());
    let client = Client::new(config.clone()).unwrap();
    for text in [format!("{config:?}"), format!("{client:?}"), format!("{:?}", signed())] {
        assert!(!text.contains("client-secret") && !text.contains("c3RhbXA"), "{text}");
    }
}
