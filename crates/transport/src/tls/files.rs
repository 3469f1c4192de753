//! Reads certificate files and builds rustls' server configuration from them.

use gridgate_io::pem::{self, PemError};
use gridgate_io::small_file;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use secrecy::{ExposeSecret as _, SecretSlice};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest file to read, in bytes: many times a certificate chain or a bundle of all public CAs.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The paths of a server's certificate files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate chain in PEM: its own first, then the intermediates.
    pub certificate: PathBuf,
    /// The server's private key in PEM, unencrypted.
    pub key: PathBuf,
    /// How client certificates are verified. `None`: the server requests no client certificate.
    pub clients: Option<ClientFiles>,
}

/// How client certificates are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// The CA certificates, in PEM, that client certificates are verified against.
    pub ca: PathBuf,
    /// Whether the handshake fails without a client certificate.
    pub needed: ClientCertificates,
}

/// Whether a client must present a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Also admits clients without a certificate, as anonymous ones. One that is sent must be valid.
    Optional,
    /// Fails the handshake of a client without a valid certificate.
    Required,
}

/// Why certificate files are unusable.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A file is larger than the limit of 4 MiB.
    #[error("{path} is larger than 4 MiB")]
    TooLarge {
        /// Its path.
        path: PathBuf,
    },
    /// A file's PEM is malformed, or holds a different kind of object than expected.
    #[error("{path} {problem}")]
    Pem {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        problem: PemError,
    },
    /// rustls rejected the certificate with its key; for example, the key belongs to another certificate.
    #[error("{certificate} and {key} cannot be used together: {source}")]
    Pair {
        /// The path of the certificate.
        certificate: PathBuf,
        /// The path of the key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// rustls rejected the CA certificates for clients.
    #[error("{path} has no CA certificates that can be used: {problem}")]
    ClientCa {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl TlsError {
    /// The file at fault; for a pair, the certificate.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            TlsError::Unreadable { path, source: _ }
            | TlsError::TooLarge { path }
            | TlsError::Pem { path, problem: _ }
            | TlsError::Pair { certificate: path, key: _, source: _ }
            | TlsError::ClientCa { path, problem: _ } => path,
        }
    }
}

/// The bytes of the files, unparsed.
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: SecretSlice<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Contents {
    pub(super) async fn read(files: &TlsFiles) -> Result<Contents, TlsError> {
        let TlsFiles { certificate, key, clients } = files;
        Ok(Contents {
            certificate: read(certificate).await?,
            key: read(key).await?.into(),
            client_ca: match clients {
                Some(ClientFiles { ca, needed: _ }) => Some(read(ca).await?),
                None => None,
            },
        })
    }

    /// A SHA-256 digest of the contents, to detect a change without keeping the private key in memory.
    pub(super) fn digest(&self) -> [u8; 32] {
        let Contents { certificate, key, client_ca } = self;
        let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for part in
            [Some(certificate.as_slice()), Some(key.expose_secret()), client_ca.as_deref()].into_iter().flatten()
        {
            digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        let mut bytes = [0; 32];
        for (byte, digested) in bytes.iter_mut().zip(digest.finish().as_ref()) {
            *byte = *digested;
        }
        bytes
    }

    /// Parses the contents and builds the server configuration.
    pub(super) fn configure(&self, files: &TlsFiles, alpn: &[Vec<u8>]) -> Result<ServerConfig, TlsError> {
        // Explicit, so that it does not depend on the provider that the process installed as its default.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |problem| TlsError::Pem { path, problem }
        };
        let chain = pem::chain(&self.certificate).map_err(unusable(&files.certificate))?;
        let key = pem::private_key(self.key.expose_secret()).map_err(unusable(&files.key))?;
        let pair = |source| TlsError::Pair { certificate: files.certificate.clone(), key: files.key.clone(), source };
        let versions = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(pair)?;
        let authenticates = self.client_ca.is_some();
        let clients = match (&files.clients, &self.client_ca) {
            (Some(ClientFiles { ca, needed }), Some(pem)) => {
                versions.with_client_cert_verifier(client_verifier(ca, pem, *needed, provider)?)
            }
            (None, _) | (_, None) => versions.with_no_client_auth(),
        };
        let mut config = clients.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = alpn.to_vec();
        if authenticates {
            // A resumed session does not present its certificate again, so it would outlive the certificate's expiry and
            // its CA's removal.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    small_file::read(path, MAX_BYTES).await.map_err(|source| match source.kind() {
        io::ErrorKind::FileTooLarge => TlsError::TooLarge { path: path.to_owned() },
        _ => TlsError::Unreadable { path: path.to_owned(), source },
    })
}

fn client_verifier(
    path: &Path,
    pem: &[u8],
    needed: ClientCertificates,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let unusable = |problem: String| TlsError::ClientCa { path: path.to_owned(), problem };
    let mut roots = RootCertStore::empty();
    let certificates = pem::bundle(pem).map_err(|problem| TlsError::Pem { path: path.to_owned(), problem })?;
    for (number, certificate) in (1..).zip(certificates) {
        roots.add(certificate).map_err(|error| unusable(format!("certificate {number}: {error}")))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match needed {
        ClientCertificates::Optional => builder.allow_unauthenticated(),
        ClientCertificates::Required => builder,
    };
    builder.build().map_err(|error| unusable(error.to_string()))
}
