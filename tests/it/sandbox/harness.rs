//! A sandbox on a free port, and a client that speaks Grid's REST to it.

use std::time::Duration;

use gridgate::sandbox::{CONTROL_PATH, Sandbox, SandboxConfig};
use reqwest::header::HeaderMap;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub const CLIENT_ID: &str = "client";
pub const SECRET: &str = "secret";

/// The smallest file that counts as a PDF.
pub const PDF: &[u8] = b"%PDF-1.4\n%%EOF\n";

/// A running sandbox. It stops when this is dropped.
pub struct Grid {
    pub base: String,
    pub origin: String,
    client: reqwest::Client,
    served: JoinHandle<()>,
    stop: DropGuard,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Grid {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A sandbox that decides at creation, as Grid's did until September 2026.
    pub async fn deciding_at_creation() -> Self {
        Self::with(|config| config.approve_at_creation = true).await
    }

    pub async fn with(change: impl FnOnce(&mut SandboxConfig)) -> Self {
        let mut config = SandboxConfig::new(CLIENT_ID, SECRET.to_owned().into());
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = Sandbox::new(config).serve(listener, stop.clone().cancelled_owned());
        let served = tokio::spawn(async { serving.await.unwrap() });
        Self {
            base: Sandbox::base_url(address),
            origin: format!("http://{address}"),
            client: reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap(),
            served,
            stop: stop.drop_guard(),
        }
    }

    /// Stops the sandbox, and waits until it has.
    pub async fn stop(self) {
        drop(self.stop);
        tokio::time::timeout(Duration::from_secs(10), self.served).await.unwrap().unwrap();
    }

    /// A request to a path of Grid, with credentials.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).basic_auth(CLIENT_ID, Some(SECRET))
    }

    /// A request to any path of the sandbox, without credentials.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.origin))
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn control(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = self.bare(method, &format!("{CONTROL_PATH}{path}"));
        send(if body.is_null() { request } else { request.json(&body) }).await
    }

    /// Moves the sandbox's clock.
    pub async fn advance(&self, seconds: u64) {
        self.control(Method::POST, "/clock", json!({ "advanceSeconds": seconds })).await.expect(200);
    }

    /// A reviewer's decision.
    pub async fn decide(&self, id: &str, status: &str) -> Value {
        self.control(Method::POST, "/decisions", json!({ "id": id, "status": status })).await.expect(200)
    }

    /// Creates a customer, and returns it.
    pub async fn create(&self, body: Value) -> Value {
        self.post("/customers", body).await.expect(201)
    }

    /// Creates a customer, and returns its id.
    pub async fn create_id(&self, body: Value) -> String {
        id(&self.create(body).await)
    }

    /// Uploads a document of this type, complete as far as its type asks for it.
    pub async fn upload(&self, holder: &str, kind: &str, side: Option<&str>) -> Value {
        let mut fields = vec![("documentHolder", holder), ("documentType", kind), ("country", "US")];
        fields.extend([("documentNumber", "A12345678"), ("issuingAuthority", "U.S. Department of State")]);
        fields.extend(side.map(|side| ("side", side)));
        self.upload_with(&fields, Some(("scan.pdf", PDF.to_vec()))).await.expect(201)
    }

    pub async fn upload_with(&self, fields: &[(&str, &str)], file: Option<(&str, Vec<u8>)>) -> Answer {
        send(self.request(Method::POST, "/documents").multipart(form(fields, file))).await
    }

    pub async fn replace_with(&self, id: &str, fields: &[(&str, &str)], file: Option<(&str, Vec<u8>)>) -> Answer {
        send(self.request(Method::PUT, &format!("/documents/{id}")).multipart(form(fields, file))).await
    }

    /// Creates a business that lacks nothing, with one owner, and returns both ids.
    pub async fn complete_business(&self, registration_number: &str, last_name: &str) -> (String, String) {
        let customer = self.create_id(business(registration_number)).await;
        for kind in ["CERTIFICATE_OF_INCORPORATION", "TRUST_AGREEMENT", "UTILITY_BILL"] {
            self.upload(&customer, kind, None).await;
        }
        let owner = id(&self.post("/beneficial-owners", owner(&customer, last_name)).await.expect(201));
        self.upload(&owner, "PASSPORT", None).await;
        (customer, owner)
    }

    pub async fn submit(&self, customer_id: &str) -> Answer {
        self.post("/verifications", json!({ "customerId": customer_id })).await
    }

    /// The customer's status, whichever of the two it has.
    pub async fn status(&self, id: &str) -> String {
        let customer = self.get(&format!("/customers/{id}")).await.expect(200);
        let status = customer.get("kycStatus").or(customer.get("kybStatus")).unwrap();
        status.as_str().unwrap().to_owned()
    }
}

impl Answer {
    /// The body, of an answer that has to have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// The code of an error, whose body has to be Grid's.
    #[track_caller]
    pub fn error(&self, status: u16) -> &str {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert!(self.body.get("status").is_none() && self.body.get("message").is_none(), "{}", self.body);
        assert!(self.body["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
        self.body["code"].as_str().unwrap()
    }

    /// The paths of the bad fields of a 400, sorted.
    #[track_caller]
    pub fn bad_fields(&self) -> Vec<&str> {
        self.error(400);
        let errors = self.body["details"]["errors"].as_array().expect("details.errors");
        let mut fields: Vec<&str> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert!(errors.iter().all(|error| error["message"].as_str().is_some_and(|text| !text.is_empty())));
        fields.sort_unstable();
        fields
    }
}

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap_or_else(|_| text()) };
    Answer { status, headers, body }
}

pub fn form(fields: &[(&str, &str)], file: Option<(&str, Vec<u8>)>) -> Form {
    let mut form = Form::new();
    for (name, value) in fields {
        form = form.text((*name).to_owned(), (*value).to_owned());
    }
    match file {
        Some((name, bytes)) => form.part("file", Part::bytes(bytes).file_name(name.to_owned())),
        None => form,
    }
}

#[track_caller]
pub fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

pub fn address() -> Value {
    json!({ "line1": "123 Pine Street", "city": "Seattle", "state": "WA", "postalCode": "98101", "country": "US" })
}

/// An individual about whom everything is said but the document.
pub fn individual(name: &str) -> Value {
    json!({
        "customerType": "INDIVIDUAL",
        "fullName": name,
        "birthDate": "1985-06-15",
        "nationality": "US",
        "idType": "SSN",
        "identifier": "123-45-6789",
        "address": address(),
    })
}

/// A business about which everything is said.
pub fn business(registration_number: &str) -> Value {
    json!({
        "customerType": "BUSINESS",
        "address": address(),
        "businessInfo": {
            "legalName": "Acme Corporation",
            "country": "US",
            "registrationNumber": registration_number,
            "taxId": "47-1234567",
            "incorporatedOn": "2018-03-14",
            "countriesOfOperation": ["US"],
        },
    })
}

/// An owner about whom everything is said.
pub fn owner(customer_id: &str, last_name: &str) -> Value {
    json!({
        "customerId": customer_id,
        "roles": ["UBO", "CONTROL_PERSON"],
        "ownershipPercentage": 51,
        "personalInfo": {
            "firstName": "Jane",
            "lastName": last_name,
            "birthDate": "1978-06-15",
            "nationality": "US",
            "address": address(),
            "idType": "SSN",
            "identifier": "123-45-6789",
        },
    })
}

/// `value` with the fields of `change` on top, objects merged and `null` taking a field away.
pub fn with(mut value: Value, change: &Value) -> Value {
    let (Value::Object(target), Value::Object(source)) = (&mut value, change) else { return change.clone() };
    for (key, change) in source {
        if change.is_null() {
            target.remove(key);
        } else {
            let before = target.remove(key).unwrap_or(Value::Null);
            let after = if before.is_object() { with(before, change) } else { change.clone() };
            target.insert(key.clone(), after);
        }
    }
    value
}
