//! Certificate authorities and the certificates that they give.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gridgate::config::{Sources, settings};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::soon;

/// A CA.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, in PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Ca {
    pub fn new() -> Ca {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Ca { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate with these names: SPIFFE ids, or DNS names.
    pub fn issue(&self, names: &[&str]) -> Pair {
        self.issue_for(names, Duration::from_secs(3600))
    }

    /// One that is no longer valid.
    pub fn issue_expired(&self, names: &[&str]) -> Pair {
        self.issue_for(names, Duration::ZERO)
    }

    fn issue_for(&self, names: &[&str], valid: Duration) -> Pair {
        let name = |name: &&str| match name.starts_with("spiffe:") {
            true => SanType::URI((*name).try_into().unwrap()),
            false => SanType::DnsName((*name).try_into().unwrap()),
        };
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names.iter().map(name).collect();
        let hour = Duration::from_secs(3600);
        params.not_before = (std::time::SystemTime::now() - 2 * hour).into();
        params.not_after = (std::time::SystemTime::now() + valid - hour / 3600).into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair { certificate, key: key.serialize_pem() }
    }

    /// Writes down what a server needs that shows a certificate of this CA for `localhost` and asks clients for one.
    pub fn write(&self, directory: &Path) -> ServerFiles {
        let file = |name: &str, text: &str| {
            let path = directory.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let Pair { certificate, key } = self.issue(&["localhost"]);
        ServerFiles {
            certificate: file("server.pem", &certificate),
            key: file("server.key", &key),
            ca: file("ca.pem", &self.pem),
        }
    }

    /// A connection with TLS to a server of this CA's, with a certificate of one's own or without.
    pub async fn connect(&self, addr: SocketAddr, with: Option<&Pair>) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match with {
            None => builder.with_no_client_auth(),
            Some(Pair { certificate, key }) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = soon("connected", TcpStream::connect(addr)).await?;
        let name = ServerName::try_from("localhost").unwrap();
        soon("a handshake", TlsConnector::from(Arc::new(config)).connect(name, stream)).await
    }
}

/// The files of a server's TLS.
pub struct ServerFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub ca: PathBuf,
}

impl ServerFiles {
    /// Settings with which the gRPC port speaks TLS and asks for certificates, without requiring one.
    pub fn set(&self, sources: Sources) -> Sources {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        sources
            .with(&settings::GRPC_TLS_CERTIFICATE, text(&self.certificate))
            .with(&settings::GRPC_TLS_KEY, text(&self.key))
            .with(&settings::GRPC_TLS_CLIENT_CA, text(&self.ca))
            .with(&settings::GRPC_TLS_CLIENT_CERTIFICATES, "optional")
    }
}
