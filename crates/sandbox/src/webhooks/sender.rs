//! Sends a webhook once.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, ClientBuilder, Response, Url, redirect};

use gridgate_io::http_client::{self, HttpSetupError};

const ANSWER: Duration = Duration::from_secs(10);

/// HTTP clients for endpoints with and without TLS, each made when it is first needed.
#[derive(Default)]
pub(crate) struct Sender {
    plain: OnceLock<Client>,
    tls: OnceLock<Client>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("it could not be signed")]
    Unsigned,
    #[error("the endpoint is no URL")]
    NoUrl,
    #[error("no client can be made")]
    Client(#[source] reqwest::Error),
    #[error(transparent)]
    Tls(#[from] HttpSetupError),
    #[error("the endpoint did not answer")]
    Unanswered(#[source] reqwest::Error),
}

impl Sender {
    /// Makes the client for endpoints without TLS.
    pub(crate) fn plain(&self) -> Result<&Client, reqwest::Error> {
        let made = match self.plain.get() {
            Some(client) => return Ok(client),
            None => configured(http_client::without_roots(Client::builder())).build()?,
        };
        Ok(self.plain.get_or_init(|| made))
    }

    fn tls(&self, endpoint: &Url) -> Result<&Client, HttpSetupError> {
        let made = match self.tls.get() {
            Some(client) => return Ok(client),
            None => http_client::client(endpoint, configured)?,
        };
        Ok(self.tls.get_or_init(|| made))
    }

    pub(crate) async fn send(
        &self,
        endpoint: &str,
        signature: Option<String>,
        body: Vec<u8>,
    ) -> Result<Response, SendError> {
        let signature = signature.and_then(|value| HeaderValue::try_from(value).ok()).ok_or(SendError::Unsigned)?;
        let endpoint = Url::parse(endpoint).map_err(|_| SendError::NoUrl)?;
        let client = match endpoint.scheme() {
            "https" => self.tls(&endpoint)?,
            _ => self.plain().map_err(SendError::Client)?,
        };
        let request = client.post(endpoint).header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.header("X-Grid-Signature", signature).body(body).send().await.map_err(SendError::Unanswered)
    }
}

fn configured(builder: ClientBuilder) -> ClientBuilder {
    builder.redirect(redirect::Policy::none()).no_proxy().timeout(ANSWER)
}
