//! From files to what rustls works with.

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

/// The largest file that is read, in bytes: many times a chain of certificates, or a bundle of all public CAs.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Where certificates are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate and those between it and the CA, in PEM, its own first.
    pub certificate: PathBuf,
    /// Its private key, in PEM, not encrypted.
    pub key: PathBuf,
    /// Whose clients are let in. `None`: they are not asked for a certificate.
    pub clients: Option<ClientFiles>,
}

/// What clients are verified by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificates of CAs, in PEM, that their certificates are verified against.
    pub ca: PathBuf,
    /// Whether they have to have one.
    pub needed: ClientCertificates,
}

/// Whether a client has to show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Who shows none is let in as nobody in particular. One that is shown has to be good.
    Optional,
    /// Who shows none is not let in.
    Required,
}

/// Certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is larger than any that is meant.
    #[error("{path} is larger than 4 MiB")]
    TooLarge {
        /// Its path.
        path: PathBuf,
    },
    /// What a file holds cannot be used: something in it cannot be read, or is something else.
    #[error("{path} {problem}")]
    Pem {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        problem: PemError,
    },
    /// The certificate and the key cannot be used, as they do not belong together for example.
    #[error("{certificate} and {key} cannot be used together: {source}")]
    Pair {
        /// The path of the certificate.
        certificate: PathBuf,
        /// The path of the key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The CAs of clients cannot be used.
    #[error("{path} has no CA certificates that can be used: {problem}")]
    ClientCa {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl TlsError {
    /// The file that it is about; of a pair, the certificate.
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

/// What the files say.
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

    /// A number for these contents, to tell whether they changed without keeping a private key around.
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

    /// A configuration of these contents.
    pub(super) fn configure(&self, files: &TlsFiles, alpn: &[Vec<u8>]) -> Result<ServerConfig, TlsError> {
        // This one and no other, whatever the process has installed.
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
            // A session that is resumed does not show its certificate again, and would outlive its expiry, and its CA.
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
