//! The real program in front of a scripted Grid, with a key of Grid's to sign webhooks with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};

use crate::support::fake_grid::{FakeGrid, Reply};
use crate::support::process::Process;
use crate::support::soon;

pub struct Scene {
    pub upstream: FakeGrid,
    pub program: Process,
    ready: BTreeMap<String, String>,
    key: EcdsaKeyPair,
    /// Its event log is there.
    directory: tempfile::TempDir,
}

impl Scene {
    /// With more variables.
    pub async fn start(variables: &[(&str, &str)]) -> Self {
        Self::with(&[], variables).await
    }

    /// With more arguments and variables.
    pub async fn with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let upstream = FakeGrid::start().await;
        upstream.on("GET", "/customers", Reply::json(200, json!({ "data": [], "hasMore": false })));
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (program, ready) = serve(directory.path(), &upstream, &key, arguments, variables).await;
        Self { upstream, program, ready, key, directory }
    }

    /// Stops it, and starts it again on the same log, with other arguments.
    pub async fn restart(self, arguments: &[&str]) -> Self {
        let Self { upstream, program, ready: _, key, directory } = self;
        program.signal("TERM").await;
        let ended = program.ended().await;
        assert!(ended.status.success(), "{}", ended.stderr);
        let (program, ready) = serve(directory.path(), &upstream, &key, arguments, &[]).await;
        Self { upstream, program, ready, key, directory }
    }

    /// A new connection to the gRPC port.
    pub async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.ready["grpc"])).unwrap();
        soon("connected", endpoint.connect()).await.unwrap()
    }

    /// Where one of its ports is.
    pub fn address(&self, port: &str) -> SocketAddr {
        self.ready[port].parse().unwrap()
    }

    /// A URL of the admin port.
    pub fn admin(&self, path: &str) -> String {
        format!("http://{}{path}", self.ready["admin"])
    }

    /// A URL of the webhook port.
    pub fn door(&self, path: &str) -> String {
        format!("http://{}{path}", self.ready["webhook"])
    }

    /// Every metric, as text.
    pub async fn metrics(&self) -> String {
        let answer = soon("metrics", reqwest::get(self.admin("/metrics"))).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    }

    /// Delivers a webhook as Grid does, and says what it was answered.
    pub async fn deliver(&self, webhook: &Value) -> u16 {
        let body = webhook.to_string();
        let signature = self.key.sign(&SystemRandom::new(), body.as_bytes()).unwrap();
        let signature = json!({ "v": "1", "s": STANDARD.encode(signature.as_ref()) }).to_string();
        let request = reqwest::Client::new()
            .post(self.door("/webhooks/grid"))
            .header("content-type", "application/json")
            .header("x-grid-signature", signature)
            // Of someone who would like to choose what is traced.
            .header("traceparent", "00-0000000000000000000000000000dead-000000000000dead-01")
            .body(body);
        soon("an answer", request.send()).await.unwrap().status().as_u16()
    }
}

/// The program, once it is ready, and where its ports are.
async fn serve(
    directory: &Path,
    upstream: &FakeGrid,
    key: &EcdsaKeyPair,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (Process, BTreeMap<String, String>) {
    let spki = STANDARD.encode(key.public_key().as_der().unwrap().as_ref());
    // Behind another key, as when one is being rotated, and pasted without a line break between them.
    let other = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let other = STANDARD.encode(other.public_key().as_der().unwrap().as_ref());
    let pem =
        [other, spki].map(|spki| format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----")).concat();
    let base_url = upstream.base_url();
    let ports = ["--grpc-addr=127.0.0.1:0", "--webhook-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"];
    let account = [
        ("GRID_CLIENT_ID", "id"),
        ("GRID_CLIENT_SECRET", "secret"),
        ("LIGHTSPARK_GRID_BASE_URL", base_url.as_str()),
        ("GRID_WEBHOOK_PUBKEY", pem.as_str()),
    ];
    let arguments = [&["serve"], &ports[..], arguments].concat();
    let mut program = Process::start_in(directory, &arguments, &[&account[..], variables].concat());
    let ready = program.json_line().await;
    (program, ready)
}

/// A webhook about a customer's status.
pub fn kyc(id: &str, customer: &str, status: &str) -> Value {
    json!({
        "id": id, "type": format!("CUSTOMER.KYC_{status}"), "timestamp": "2025-08-15T14:32:00Z",
        "data": {
            "id": customer, "platformCustomerId": "p-1", "customerType": "INDIVIDUAL", "kycStatus": status,
            "fullName": "Jane Doe", "birthDate": "1990-01-15", "updatedAt": "2025-07-21T17:32:28Z", "isDeleted": false,
        },
    })
}
