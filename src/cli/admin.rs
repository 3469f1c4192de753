//! A client of the admin port of a running gridgate.
//!
//! It speaks HTTP/1.1, with TLS if that port does. `Host` is always `localhost`, whatever the certificate's name: the port
//! rejects other names.

use super::calling::is_refused;
use super::output::chain;
use crate::config::{AdminCallerConfig, CallerTls};
use crate::http_client::{self, NoRoots};
use reqwest::header::{HOST, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Identity, RequestBuilder, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);
/// The longest wait for an answer. If gridgate calls Grid for it, that takes up to ten seconds.
const ANSWER: Duration = Duration::from_secs(30);

/// The largest answer that is read.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Why a call to the admin port failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    /// Nobody answers there.
    #[error(
        "the admin port {base} cannot be reached ({why}); is gridgate running here, is this its --admin-addr \
         (GRIDGATE_ADMIN_ADDR), and {tls}"
    )]
    Unreachable {
        /// Where, and with TLS or not.
        base: String,
        /// What to check about TLS.
        tls: &'static str,
        /// What went wrong.
        why: String,
        /// Whether nothing listens there at all.
        is_refused_connection: bool,
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
    #[error("the server at {base} is not the admin port of a gridgate of this version (HTTP {status} at {path})")]
    Foreign {
        /// Where.
        base: String,
        /// What was asked for.
        path: &'static str,
        /// What it answered.
        status: StatusCode,
    },
    /// A certificate or a key cannot be used.
    #[error("{0} cannot be used")]
    Certificate(&'static str, #[source] reqwest::Error),
    /// It is not a name, or not of the address that is asked.
    #[error("client.tls_server_name, {0:?}, is not a host name")]
    ServerName(String),
    /// There is nothing to verify its certificate by.
    #[error("{0}, or set client.tls_ca (GRIDGATE_CLIENT_TLS_CA)")]
    Roots(#[from] NoRoots),
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
    /// The address for people, with the scheme.
    base: String,
    /// The URL of requests. Its host is the name that the certificate must have; connections always go to the address.
    url: Url,
    http: Client,
}

impl AdminClient {
    /// Of the gridgate whose admin port this is.
    pub(super) fn new(config: AdminCallerConfig) -> Result<Self, AdminError> {
        let AdminCallerConfig { addr, tls } = config;
        let host = HeaderMap::from_iter([(HOST, HeaderValue::from_static("localhost"))]);
        let http = Client::builder().redirect(redirect::Policy::none()).no_proxy().http1_only().default_headers(host);
        let mut http = http.connect_timeout(CONNECT).timeout(ANSWER);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{addr}");
        let name = tls.as_ref().and_then(|tls| tls.server_name.clone()).unwrap_or_else(|| "localhost".to_owned());
        let url = match name.parse::<IpAddr>() {
            Ok(ip) if ip == addr.ip() => Url::parse(&base),
            Ok(_) => return Err(AdminError::ServerName(name)),
            Err(_) => Url::parse(&format!("{scheme}://{name}:{}", addr.port())),
        };
        let url = url.ok().filter(|url| url.path() == "/").ok_or_else(|| AdminError::ServerName(name.clone()))?;
        http = match tls {
            Some(tls) => with_tls(http, tls, &base)?,
            None => http_client::without_roots(http),
        };
        let http = http.resolve(url.host_str().unwrap_or(&name), addr).build().map_err(AdminError::Client)?;
        Ok(Self { base, url, http })
    }

    /// Reads a path.
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

    /// Posts a request, and reads its result.
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

    fn url(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }

    fn foreign(&self, path: &'static str, status: StatusCode) -> AdminError {
        AdminError::Foreign { base: self.base.clone(), path, status }
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
            let error = error.without_url();
            let (why, is_refused_connection) = (chain(&error), is_refused(&error));
            let tls = match self.url.scheme() {
                "https" => {
                    "is its certificate for localhost (or GRIDGATE_CLIENT_TLS_SERVER_NAME) and from GRIDGATE_CLIENT_TLS_CA?"
                }
                _ => "does it speak plain HTTP (or is GRIDGATE_ADMIN_TLS_CERTIFICATE missing here)?",
            };
            AdminError::Unreachable { base: self.base.clone(), tls, why, is_refused_connection }
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = read(response).await.map_err(unreachable)?;
        Ok(Answer { status, body })
    }
}

/// Adds the CA, and the client certificate.
fn with_tls(mut http: ClientBuilder, tls: CallerTls, address: &str) -> Result<ClientBuilder, AdminError> {
    let CallerTls { ca, identity, server_name: _ } = tls;
    match ca {
        Some(ca) => {
            let unusable = |error| AdminError::Certificate("the file of client.tls_ca", error);
            http = http.tls_certs_only(Certificate::from_pem_bundle(ca.as_bytes()).map_err(unusable)?);
        }
        None => http_client::check_roots(address)?,
    }
    if let Some((certificate, key)) = identity {
        let unusable = |error| AdminError::Certificate("the file of client.tls_certificate or client.tls_key", error);
        let pem = SecretString::from(format!("{certificate}\n{}", key.expose_secret()));
        http = http.identity(Identity::from_pem(pem.expose_secret().as_bytes()).map_err(unusable)?);
    }
    Ok(http)
}

/// The body of an answer, up to the limit. A truncated body does not parse.
pub(super) async fn read(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = MOST_BYTES.saturating_sub(body.len());
        body.extend(chunk.iter().take(room));
        if chunk.len() > room {
            break;
        }
    }
    Ok(body)
}

struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}
