//! What people do in the story: the applicant on the hosted page, a reviewer, the device with the customer's wallet. The
//! demo does it on the sandbox directly, apart from Grid's API.

use super::tree::Tree;
use crate::http_client;
use crate::sandbox::CONTROL_PATH;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Url, redirect};
use serde_json::Value;
use std::time::Duration;

/// How long the sandbox may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The sandbox cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    #[error("the sandbox does not answer")]
    Unreachable(#[from] reqwest::Error),
    #[error("{0} is no address of this sandbox")]
    Address(String),
}

/// A client of the sandbox's control API and hosted page.
#[derive(Debug, Clone)]
pub(super) struct Control {
    http: reqwest::Client,
    /// Scheme, host and port.
    base: Url,
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
        let url = self.url(&format!("{CONTROL_PATH}/requests"))?;
        let answer: Value = self.http.get(url).send().await?.error_for_status()?.json().await?;
        let entries = answer.get("requests").and_then(Value::as_array).into_iter().flatten();
        Ok(entries.filter_map(|entry| entry.get("number")?.as_u64()).max().unwrap_or(0))
    }

    /// The path that a step's call leads to: itself, or that of a link. The page behind a link is the sandbox's own, even
    /// where the link names it by another host, as in a container.
    pub(super) fn path(called: &str) -> String {
        Url::parse(called).map_or_else(|_| called.to_owned(), |link| link.path().to_owned())
    }

    /// Posts JSON to a path, or a form to the hosted page. Returns the HTTP status and what came back.
    ///
    /// # Errors
    /// The sandbox cannot be asked.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<(u16, Tree), ControlError> {
        let request = self.http.post(self.url(path)?);
        let request = if path.starts_with(CONTROL_PATH) {
            request.json(body)
        } else {
            // Its fields are words, which need no escapes.
            let fields = body.as_object().into_iter().flatten();
            let fields = fields.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()));
            let form = fields.collect::<Vec<_>>().join("&");
            request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
        };
        let response = request.send().await?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE);
        let is_page = content_type.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let text = response.text().await?;
        let came = match serde_json::from_str::<Value>(&text) {
            Ok(value) => value.into(),
            Err(_) if text.is_empty() => Tree::Object(Vec::new()),
            Err(_) if is_page => Tree::field("page", heading(&text).into()),
            Err(_) => Tree::Note(format!("{} bytes", text.len())),
        };
        Ok((status, came))
    }

    fn url(&self, path: &str) -> Result<Url, ControlError> {
        self.base.join(path).map_err(|_| ControlError::Address(path.to_owned()))
    }
}

/// The first heading of a page.
fn heading(html: &str) -> &str {
    let text = html.split_once("<h1>").and_then(|(_, rest)| rest.split_once("</h1>"));
    text.map_or("a page without a heading", |(heading, _)| heading)
}
