//! A Grid that always answers with the same customer, and a collector that forgets.

use std::borrow::Cow;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const ID: &str = "Customer:0197c3a1-0000-7000-8000-000000000001";
const CUSTOMER: &str = r#"{"id":"Customer:0197c3a1-0000-7000-8000-000000000001","platformCustomerId":"bench-1","customerType":"INDIVIDUAL",
"region":"US","currencies":["USD","USDC"],"email":"pat@example.com","phoneNumber":"+15550001111","umaAddress":"$pat@bench.example",
"kycStatus":"APPROVED","fullName":"Pat Example","birthDate":"1990-02-03","nationality":"US","address":{"line1":"1 Main Street",
"line2":"Flat 2","city":"Springfield","state":"WA","postalCode":"98101","country":"US"},"createdAt":"2026-01-02T03:04:05Z",
"updatedAt":"2026-01-02T03:04:05Z","isDeleted":false}"#;

pub async fn start(servers: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let found = async |Path(id): Path<String>| {
        let customer = if id == ID { Cow::Borrowed(CUSTOMER) } else { Cow::Owned(CUSTOMER.replace(ID, &id)) };
        ([(CONTENT_TYPE, "application/json")], customer)
    };
    let created = || async { (StatusCode::CREATED, [(CONTENT_TYPE, "application/json")], CUSTOMER) };
    let router = Router::new()
        .route("/grid/2025-10-13/customers/{id}", get(found))
        .route("/grid/2025-10-13/customers", post(created))
        // Spans, for a server that exports them here.
        .route("/v1/traces", post(async || StatusCode::OK));
    servers.spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}
