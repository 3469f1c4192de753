//! TLS to a collector, with the files that OpenTelemetry's variables name.

use super::setup_error::TraceSetupError;
use super::variables::{NamedFile, TlsFiles};
use crate::http_client;
use crate::pem::{self, PemError};
use crate::small_file;
use reqwest::Url;
use rustls::pki_types::CertificateDer;
use secrecy::{ExposeSecret as _, SecretString};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// The largest file that is read, in bytes: many times a bundle of all public CAs.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// What the files hold.
pub(super) struct CollectorTls {
    /// The CAs of the collector; none: the system's.
    pub(super) ca: Option<Vec<CertificateDer<'static>>>,
    /// The certificate to show, and its key, in PEM.
    identity: Option<(String, SecretString)>,
}

impl CollectorTls {
    /// Reads them.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub(super) fn read(files: &TlsFiles) -> Result<Self, TraceSetupError> {
        let TlsFiles { ca, identity } = files;
        let identity = match identity {
            Some((certificate, key)) => {
                let (certificates, key) = (held(certificate, pem::chain)?, held(key, pem::private_key)?);
                Some((pem::write_certificates(&certificates), pem::write_key(&key)))
            }
            None => None,
        };
        Ok(Self { ca: ca.as_ref().map(|ca| held(ca, pem::bundle)).transpose()?, identity })
    }

    /// The certificate to show, for HTTP.
    ///
    /// # Errors
    /// It and its key do not belong together.
    pub(super) fn identity(&self) -> Result<Option<reqwest::Identity>, TraceSetupError> {
        let Some((certificate, key)) = &self.identity else { return Ok(None) };
        let pem = SecretString::from(format!("{certificate}{}", key.expose_secret()));
        let identity = reqwest::Identity::from_pem(pem.expose_secret().as_bytes());
        identity.map(Some).map_err(|_| TraceSetupError::Identity)
    }

    /// All of it, for gRPC. `None` where the collector is spoken to without TLS.
    ///
    /// # Errors
    /// There is nothing to verify the collector by.
    pub(super) fn for_grpc(&self, collector: &Url) -> Result<Option<ClientTlsConfig>, TraceSetupError> {
        if collector.scheme() != "https" {
            return Ok(None);
        }
        let mut config = ClientTlsConfig::new();
        config = match &self.ca {
            Some(ca) => config.ca_certificate(Certificate::from_pem(pem::write_certificates(ca))),
            None => {
                let address = collector.origin().ascii_serialization();
                http_client::check_roots(&address).map_err(http_client::HttpSetupError::from)?;
                config.with_native_roots()
            }
        };
        Ok(Some(match &self.identity {
            Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key.expose_secret())),
            None => config,
        }))
    }
}

fn held<T>(file: &NamedFile, read: impl FnOnce(&[u8]) -> Result<T, PemError>) -> Result<T, TraceSetupError> {
    let NamedFile { variable, path } = file;
    let unusable = |problem: String| TraceSetupError::File { variable: variable.clone(), problem };
    let bytes = small_file::read_now(path, MOST_BYTES)
        .map_err(|error| unusable(format!("cannot read {}: {error}", path.display())))?;
    read(&bytes).map_err(|problem| unusable(format!("{} {problem}", path.display())))
}
