//! The people in the story: the applicant on the hosted page, the reviewer, the device with the customer's wallet, and
//! whoever runs the platform. They act on the sandbox directly, apart from Grid's API.

use super::step::Call;
use super::tree::Tree;
use crate::http_client;
use crate::sandbox::CONTROL_PATH;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Url, redirect};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the sandbox may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The part of somebody.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// A reviewer decides about a customer or a verification.
    Decide { id: String, status: &'static str },
    /// The applicant opens the link, finishes the hosted flow, and it ends like this: `submit`, `approve`, ….
    FinishHostedFlow { kyc_url: String, decision: &'static str },
    /// The platform becomes a regulated one, or ceases to be.
    SetRegulated(bool),
    /// The sandbox decides about individuals when they are created, or not any more.
    SetApproveAtCreation(bool),
    /// The customer gets an embedded wallet that signs in by email.
    TieWallet { customer_id: String },
    /// The wallet's device signs.
    Sign { customer_id: String, payload: String },
}

/// The sandbox cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    /// It does not answer.
    #[error("the sandbox cannot be asked")]
    Unreachable(#[from] reqwest::Error),
    /// The address of the page is none.
    #[error("the link is no web address of this sandbox")]
    Link,
}

/// A client of the sandbox's control API and hosted page.
#[derive(Debug, Clone)]
pub(super) struct Control {
    http: reqwest::Client,
    /// Scheme, host and port.
    base: Url,
}

/// A request to the sandbox, ready to go.
struct Prepared {
    method: Method,
    path: String,
    body: Value,
    form: Option<String>,
}

impl Control {
    /// A client of the sandbox at this address, of which only scheme, host and port count.
    ///
    /// # Errors
    /// HTTP cannot be set up.
    pub(super) fn new(base: Url) -> Result<Self, ControlError> {
        let http = http_client::without_roots(reqwest::Client::builder()).no_proxy();
        let http = http.timeout(PATIENCE).redirect(redirect::Policy::none()).build()?;
        Ok(Control { http, base })
    }

    /// How many requests on Grid's paths the sandbox has seen so far: the number of the latest.
    ///
    /// # Errors
    /// It does not answer, or is no sandbox.
    pub(super) async fn requests_seen(&self) -> Result<u64, ControlError> {
        let url = self.base.join(&format!("{CONTROL_PATH}/requests")).map_err(|_| ControlError::Link)?;
        let answer: Value = self.http.get(url).send().await?.error_for_status()?.json().await?;
        let entries = answer.get("requests").and_then(Value::as_array).into_iter().flatten();
        Ok(entries.filter_map(|entry| entry.get("number")?.as_u64()).max().unwrap_or(0))
    }

    /// Plays a part. Returns the call, what went in, the HTTP status and what came back.
    ///
    /// # Errors
    /// The sandbox cannot be asked.
    pub(super) async fn play(&self, act: Act) -> Result<(Call, Tree, u16, Tree), ControlError> {
        let Prepared { method, path, body, form } = self.prepare(act)?;
        let url = self.base.join(&path).map_err(|_| ControlError::Link)?;
        let call = Call::Sandbox { method: method.to_string(), path };
        let request = self.http.request(method, url);
        let request = match form {
            Some(form) => request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form),
            None => request.json(&body),
        };
        let response = request.send().await?;
        let status = response.status().as_u16();
        let is_page =
            response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let text = response.text().await?;
        let came = match serde_json::from_str::<Value>(&text) {
            Ok(value) => value.into(),
            Err(_) if text.is_empty() => Tree::Object(Vec::new()),
            Err(_) if is_page => Tree::field("page", heading(&text).into()),
            Err(_) => Tree::Note(format!("{} bytes", text.len())),
        };
        Ok((call, body.into(), status, came))
    }

    fn prepare(&self, act: Act) -> Result<Prepared, ControlError> {
        let post = |path: &str, body| Prepared {
            method: Method::POST,
            path: format!("{CONTROL_PATH}/{path}"),
            body,
            form: None,
        };
        Ok(match act {
            Act::Decide { id, status } => post("decisions", json!({ "id": id, "status": status })),
            Act::SetRegulated(regulated) => post("platform", json!({ "regulated": regulated })),
            Act::SetApproveAtCreation(switched_on) => post("platform", json!({ "approveAtCreation": switched_on })),
            Act::TieWallet { customer_id } => post("wallets", json!({ "customerId": customer_id, "emailOtp": true })),
            Act::Sign { customer_id, payload } => {
                post("wallets/sign", json!({ "customerId": customer_id, "payloadToSign": payload }))
            }
            Act::FinishHostedFlow { kyc_url, decision } => {
                let url = Url::parse(&kyc_url).map_err(|_| ControlError::Link)?;
                // The page is the sandbox's own: the link may name it by another host, in a container for example.
                let form = Some(format!("decision={decision}"));
                Prepared {
                    method: Method::POST,
                    path: url.path().to_owned(),
                    body: json!({ "decision": decision }),
                    form,
                }
            }
        })
    }
}

/// The first heading of a page.
fn heading(html: &str) -> &str {
    let text = html.split_once("<h1>").and_then(|(_, rest)| rest.split_once("</h1>"));
    text.map_or("a page without a heading", |(heading, _)| heading)
}
