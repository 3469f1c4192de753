//! HTTP clients for one address, with the system's CA certificates where that address needs them, and only then.
//!
//! An image without certificates is enough for a gridgate that calls nothing over TLS, such as one with a sandbox. Where they
//! are needed and missing, the error names the address that needs them.

use reqwest::{Certificate, Client, ClientBuilder, Url};
use rustls::pki_types::CertificateDer;
use std::env;

/// An address needs TLS, and there are no CA certificates to verify its server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} is reached over TLS, and there are no CA certificates to verify it by{why}: install the system's \
     (ca-certificates), or name a file of them in SSL_CERT_FILE"
)]
pub struct NoRoots {
    /// The address that needs them.
    address: String,
    /// The error of loading them, in brackets; empty if there are none to load.
    why: String,
}

/// An HTTP client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum HttpSetupError {
    /// There are no CA certificates.
    #[error(transparent)]
    Roots(#[from] NoRoots),
    /// The client refuses its settings.
    #[error("the HTTP client refuses its settings")]
    Client(#[source] reqwest::Error),
}

/// A client for this address, with these settings. Addresses on this host are reached without a proxy.
///
/// # Errors
/// It needs CA certificates and there are none, or the client refuses its settings.
pub fn client(url: &Url, settings: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Result<Client, HttpSetupError> {
    client_trusting(url, None, settings)
}

/// The same, with CAs that are trusted instead of the system's.
///
/// # Errors
/// The same.
pub fn client_trusting(
    url: &Url,
    ca: Option<&[CertificateDer<'_>]>,
    settings: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Client, HttpSetupError> {
    let unusable = |error: reqwest::Error| HttpSetupError::Client(error.without_url());
    let is_here = is_loopback(url);
    let mut builder = Client::builder();
    if is_here {
        // A proxy of the environment is for addresses outside this host.
        builder = builder.no_proxy();
    }
    let needs_roots = url.scheme() == "https" || (!is_here && is_proxy_secured());
    builder = match ca {
        Some(ca) => {
            let ca = ca.iter().map(|certificate| Certificate::from_der(certificate)).collect::<Result<Vec<_>, _>>();
            builder.tls_certs_only(ca.map_err(unusable)?)
        }
        None if needs_roots => {
            check_roots(&url.origin().ascii_serialization())?;
            builder
        }
        None => without_roots(builder),
    };
    settings(builder).build().map_err(unusable)
}

/// The same for a client of plain HTTP without a proxy. It trusts no CA, so TLS would fail.
pub fn without_roots(builder: ClientBuilder) -> ClientBuilder {
    builder.tls_certs_only([])
}

/// Whether there are CA certificates by which this address can be verified.
///
/// # Errors
/// There are none.
pub fn check_roots(address: &str) -> Result<(), NoRoots> {
    let loaded = rustls_native_certs::load_native_certs();
    if !loaded.certs.is_empty() {
        return Ok(());
    }
    let why = loaded.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
    Err(NoRoots { address: address.to_owned(), why })
}

/// Whether the environment names a proxy to which TLS is spoken, also for what is plain behind it.
fn is_proxy_secured() -> bool {
    ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].iter().any(|name| {
        env::var(name).is_ok_and(|proxy| proxy.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")))
    })
}

/// Whether a URL's host is this machine for certain: `localhost`, or a loopback address.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback() {
        for (url, expected) in [
            ("http://localhost:1/", true),
            ("http://127.0.0.1/", true),
            ("http://[::1]:80/", true),
            ("http://localhost.example/", false),
            ("http://10.0.0.1/", false),
            ("http://127.0.0.1.example/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
