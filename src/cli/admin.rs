//! A client of the admin port of a running gridgate.

use super::output::chain;
use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take. Where Grid is asked for it, that takes up to ten seconds.
const ANSWER: Duration = Duration::from_secs(30);

/// Why the admin port did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    /// Nobody answers there.
    #[error(
        "the admin port {addr} cannot be reached ({why}); is gridgate running here, and is this its --admin-addr \
         (GRIDGATE_ADMIN_ADDR)?"
    )]
    Unreachable {
        /// Where.
        addr: SocketAddr,
        /// What went wrong.
        why: String,
    },
    /// It refuses.
    #[error("{error}")]
    Refused {
        /// The word for it.
        code: String,
        /// The sentence for it.
        error: String,
    },
    /// What answers is something else.
    #[error("what answers at {addr} is no admin port of this gridgate's version (HTTP {status} at {path})")]
    Foreign {
        /// Where.
        addr: SocketAddr,
        /// What was asked for.
        path: &'static str,
        /// What it answered.
        status: StatusCode,
    },
    /// No request can be made.
    #[error("no request can be made")]
    Client(#[source] reqwest::Error),
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    error: String,
}

/// Asks one admin port.
#[derive(Debug, Clone)]
pub(super) struct AdminClient {
    addr: SocketAddr,
    http: Client,
}

impl AdminClient {
    /// Of the gridgate whose admin port this is.
    pub(super) fn new(addr: SocketAddr) -> Result<Self, AdminError> {
        let http = Client::builder().redirect(redirect::Policy::none()).no_proxy();
        let http = http.connect_timeout(CONNECT).timeout(ANSWER).build().map_err(AdminError::Client)?;
        Ok(Self { addr, http })
    }

    /// What a path says.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &'static str,
        query: &impl Serialize,
    ) -> Result<T, AdminError> {
        let answer = self.send(path, self.http.get(self.url(path)).query(query)).await?;
        serde_json::from_slice(&answer.body).map_err(|_| self.foreign(path, answer.status))
    }

    /// The status and text of a probe.
    pub(super) async fn probe(&self, path: &'static str) -> Result<(StatusCode, String), AdminError> {
        let Answer { status, body } = self.exchange(self.http.get(self.url(path))).await?;
        Ok((status, String::from_utf8_lossy(&body).trim().chars().take(200).collect()))
    }

    /// Has something done, and says what came of it.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &'static str,
        body: &impl Serialize,
    ) -> Result<T, AdminError> {
        let answer = self.send(path, self.http.post(self.url(path)).json(body)).await?;
        // No content says as much as null.
        let body = if answer.body.is_empty() { &b"null"[..] } else { &answer.body };
        serde_json::from_slice(body).map_err(|_| self.foreign(path, answer.status))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    fn foreign(&self, path: &'static str, status: StatusCode) -> AdminError {
        AdminError::Foreign { addr: self.addr, path, status }
    }

    async fn send(&self, path: &'static str, request: RequestBuilder) -> Result<Answer, AdminError> {
        let answer = self.exchange(request).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        match serde_json::from_slice(&answer.body) {
            Ok(Refusal { code, error }) => Err(AdminError::Refused { code, error }),
            Err(_) => Err(self.foreign(path, answer.status)),
        }
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, AdminError> {
        let unreachable = |error: reqwest::Error| {
            // The address is named once.
            let why = chain(&error.without_url());
            AdminError::Unreachable { addr: self.addr, why }
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?.to_vec();
        Ok(Answer { status, body })
    }
}

struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}
