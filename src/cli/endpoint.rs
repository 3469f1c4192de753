//! How a command reaches a running gridgate.

use crate::config::{CallerConfig, CallerTlsConfig};
use std::io;
use std::path::{Path, PathBuf};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// It cannot be reached, as it is configured.
#[derive(Debug, thiserror::Error)]
pub(super) enum EndpointError {
    #[error("cannot read {0}")]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("TLS cannot be set up")]
    Tls(#[from] tonic::transport::Error),
}

/// The port to call, in TLS where that is asked for. Nothing is connected yet.
pub(super) fn endpoint(config: &CallerConfig) -> Result<Endpoint, EndpointError> {
    let CallerConfig { addr, tls } = config;
    let Some(CallerTlsConfig { ca, server_name, identity }) = tls else {
        return Ok(Endpoint::from_shared(format!("http://{addr}"))?);
    };
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca)?)).domain_name(server_name);
    if let Some((certificate, key)) = identity {
        tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    Ok(Endpoint::from_shared(format!("https://{addr}"))?.tls_config(tls)?)
}

fn read(path: &Path) -> Result<Vec<u8>, EndpointError> {
    std::fs::read(path).map_err(|error| EndpointError::Unreadable(path.to_owned(), error))
}
