//! Where Grid is, and as whom it is called.

use base64::Engine as _;
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::{ClientSetupError, Server};

/// Reads and judges the base URL.
pub(super) fn check_base_url(text: &str) -> Result<Url, ClientSetupError> {
    let url = Url::parse(text).map_err(|_| ClientSetupError::BaseUrl("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ClientSetupError::BaseUrl("is neither http nor https"));
    }
    if !url.has_host() {
        return Err(ClientSetupError::BaseUrl("has no host"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(ClientSetupError::BaseUrl("must not have a query or a fragment"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ClientSetupError::BaseUrl("must not hold credentials"));
    }
    Ok(url)
}

/// The `Authorization` header of HTTP Basic (RFC 7617), marked sensitive so that nothing prints it.
pub(super) fn basic_auth(client_id: &str, secret: &SecretString) -> Result<HeaderValue, ClientSetupError> {
    if client_id.is_empty() {
        return Err(ClientSetupError::ClientId("is empty"));
    }
    if client_id.contains(':') {
        return Err(ClientSetupError::ClientId("must not contain a colon"));
    }
    let pair = SecretString::from(format!("{client_id}:{}", secret.expose_secret()));
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair.expose_secret());
    let mut value = HeaderValue::from_str(&format!("Basic {encoded}"))
        .map_err(|_| ClientSetupError::ClientId("can't be sent in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What an `Authorization` header of [`basic_auth`] says.
pub(super) struct Credentials {
    pub(super) client_id: String,
    pub(super) secret: String,
    /// Both, as the header has them.
    pub(super) encoded: String,
}

/// Reads an `Authorization` header of [`basic_auth`].
pub(super) fn credentials(authorization: &HeaderValue) -> Credentials {
    let encoded = authorization.to_str().unwrap_or_default().trim_start_matches("Basic ");
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap_or_default();
    let pair = String::from_utf8(decoded).unwrap_or_default();
    let (client_id, secret) = pair.split_once(':').unwrap_or_default();
    Credentials { client_id: client_id.to_owned(), secret: secret.to_owned(), encoded: encoded.to_owned() }
}

/// Where a base URL leads.
pub(super) fn server_of(url: &Url) -> Server {
    Server { address: url.host_str().unwrap_or_default().into(), port: url.port_or_known_default().unwrap_or_default() }
}
