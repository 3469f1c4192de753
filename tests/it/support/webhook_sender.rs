//! Who sends webhooks: Grid with its key, and others. HTTP/1.1 by hand, so that a request can be wrong in any way.

use std::net::SocketAddr;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Where Grid posts webhooks.
pub const PATH: &str = "/webhooks/grid";

/// Grid, as far as it signs.
pub struct WebhookSender(EcdsaKeyPair);

impl WebhookSender {
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    /// As the dashboard shows it: SPKI, PEM.
    pub fn public_key(&self) -> String {
        let spki = STANDARD.encode(self.0.public_key().as_der().unwrap().as_ref());
        let lines: Vec<_> = spki.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// DER.
    pub fn sign(&self, body: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), body).unwrap().as_ref().to_vec()
    }

    /// The header's value.
    pub fn signature(&self, body: &[u8]) -> String {
        format!(r#"{{"v": "1", "s": "{}"}}"#, STANDARD.encode(self.sign(body)))
    }

    pub fn webhook(&self, body: impl AsRef<[u8]>) -> Request {
        let body = body.as_ref();
        Request::post(body).header("X-Grid-Signature", self.signature(body))
    }
}

/// A `CUSTOMER.KYC_…` of this id about this customer, as Grid writes it.
pub fn kyc(id: &str, customer: &str, status: &str) -> String {
    json!({
        "id": id, "type": format!("CUSTOMER.KYC_{status}"), "timestamp": "2025-08-15T14:32:00Z",
        "data": {
            "id": customer, "platformCustomerId": "9f84e0c2a72c4fa", "customerType": "INDIVIDUAL", "region": "US",
            "currencies": ["USD"], "umaAddress": "$john.doe@uma.domain.com", "kycStatus": status,
            "fullName": "John Michael Doe", "birthDate": "1990-01-15", "nationality": "US",
            "createdAt": "2025-07-21T17:32:28Z", "updatedAt": "2025-07-21T17:32:28Z", "isDeleted": false,
        },
    })
    .to_string()
}

/// A webhook of any type.
pub fn webhook(id: &str, webhook_type: &str, data: Value) -> String {
    json!({ "id": id, "type": webhook_type, "timestamp": "2025-08-15T14:32:00Z", "data": data }).to_string()
}

/// One request, byte for byte.
#[derive(Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    pub fn post(body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref().to_vec();
        let headers = vec![
            ("Host".to_owned(), b"gridgate.test".to_vec()),
            ("Content-Type".to_owned(), b"application/json".to_vec()),
            ("Content-Length".to_owned(), body.len().to_string().into_bytes()),
        ];
        Self { method: "POST".to_owned(), path: PATH.to_owned(), headers, body }
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub fn method(self, method: &str) -> Self {
        Self { method: method.to_owned(), ..self }
    }

    pub fn path(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// The body in chunks of this size, so that its length is not announced.
    pub fn chunked(self, size: usize) -> Self {
        let mut request = self.without("Content-Length").header("Transfer-Encoding", "chunked");
        let mut body = Vec::new();
        for chunk in request.body.chunks(size) {
            body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n\r\n");
        request.body = body;
        request
    }

    /// What goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends it on a connection of its own. Goes on sending while it reads, and reads although it could not send all.
    pub async fn send(&self, to: SocketAddr) -> Response {
        let stream = TcpStream::connect(to).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let bytes = self.bytes();
        let writing = tokio::spawn(async move {
            let _ = writing.write_all(&bytes).await;
            writing
        });
        let response = Response::read(&mut reading).await.expect("an answer");
        writing.abort();
        response
    }
}

/// One response.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The next response on a connection; none when it is closed before it is complete.
    pub async fn read(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(from.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").map_or("0", |(_, value)| value);
        let mut body = vec![0; length.parse().unwrap()];
        from.read_exact(&mut body).await.ok()?;
        Some(Self { status, headers, body })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The word for what became of the webhook.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(body["status"], self.status);
        body["code"].as_str().unwrap().to_owned()
    }
}
