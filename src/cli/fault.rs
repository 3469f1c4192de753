//! Permanent faults of a call, which a retry does not fix: a wrong address, TLS, credentials, or protocol.
//!
//! Everything else may be temporary: nothing listens yet, a name does not resolve at the moment, a connection broke, a
//! server is busy.
//!
//! gRPC does not always say why a connection broke. If the server never answered, one more connection, made by hand, finds
//! out what it speaks.

use super::output::chain;
use crate::config::CallerTls;
use crate::rpc::code_name;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, Error as TlsError, RootCertStore};
use secrecy::ExposeSecret as _;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::{Code, Status};

/// The longest wait for an answer to a probe.
const PROBE: Duration = Duration::from_secs(1);
/// The most bytes that a probe reads to recognise the protocol.
const PROBE_BYTES: u64 = 1024;

/// What begins an HTTP/2 connection: the preface, and empty SETTINGS.
const HELLO_HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// A request of HTTP/1.1.
const HELLO_HTTP1: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// tonic's message for an answer without a gRPC status, before the HTTP status.
const NO_GRPC_STATUS: &str = "grpc-status header missing, mapped from HTTP status code ";
/// tonic's message for an answer whose body is not a gRPC message.
const NO_GRPC_MESSAGE: &str = "protocol error: received message with invalid compression flag";

/// A permanent fault, and what to change.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Lasting(String);

/// The protocol that is spoken at an address.
enum Speaks {
    Tls,
    Http1,
    /// HTTP/2 as expected, or nothing recognisable.
    Unknown,
}

/// A server that is called.
pub(super) struct Server {
    /// For messages: its URL.
    pub(super) name: String,
    pub(super) host: String,
    pub(super) port: u16,
    /// How TLS is spoken, where it is.
    pub(super) tls: Option<CallerTls>,
}

impl Server {
    fn lasting(&self, what: &str, advice: &str) -> Lasting {
        Lasting(format!("{} {what}; {advice}", self.name))
    }

    /// The permanent fault of a failed connection, if it is one.
    pub(super) fn fault_of_connecting(&self, error: &(dyn Error + 'static)) -> Option<Lasting> {
        if let Some(error) = tls_error(error) {
            return self.fault_of_tls(error);
        }
        // tonic's error for it is not public.
        let negotiated_otherwise = chain(error).contains("HTTP/2 was not negotiated");
        negotiated_otherwise.then(|| self.no_grpc("speaks TLS, but not HTTP/2"))
    }

    /// The permanent fault of a failed call, if it is one. If the connection broke before anything was `heard`, a probe finds out
    /// what the server speaks.
    pub(super) async fn fault_of_call(&self, status: &Status, heard: bool) -> Option<Lasting> {
        let Some(source) = status.source() else { return self.fault_of_status(status) };
        if let Some(fault) = self.fault_of_connecting(source) {
            return Some(fault);
        }
        if heard { None } else { self.fault_of_silence().await }
    }

    /// The permanent fault of a silent server, if it is one.
    pub(super) async fn fault_of_silence(&self) -> Option<Lasting> {
        if let Some(tls) = &self.tls {
            let error = timeout(PROBE, self.error_of_tls(tls)).await.ok()??;
            return self.fault_of_tls(&error);
        }
        match self.speaks().await {
            Speaks::Tls => Some(self.lasting(
                "speaks TLS, but was called without it",
                "use https:// (GRIDGATE_CLIENT_URL, or GRIDGATE_CLIENT_TLS_CA for the gridgate of this machine)",
            )),
            Speaks::Http1 => Some(self.no_grpc("speaks HTTP/1.1, not gRPC")),
            Speaks::Unknown => None,
        }
    }

    fn no_grpc(&self, what: &str) -> Lasting {
        self.lasting(what, "is it the gRPC port of a gridgate (GRIDGATE_CLIENT_URL, GRIDGATE_GRPC_ADDR)?")
    }

    /// The permanent fault that the server's own status means, if any.
    fn fault_of_status(&self, status: &Status) -> Option<Lasting> {
        if let Some(http) = status.message().strip_prefix(NO_GRPC_STATUS) {
            let number = http.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0_u16);
            let may_pass = matches!(number, 408 | 425 | 429 | 500..);
            return (!may_pass).then(|| self.no_grpc(&format!("answers HTTP {http} without a gRPC status")));
        }
        if status.message().starts_with(NO_GRPC_MESSAGE) {
            return Some(self.no_grpc("answers with something that is not a gRPC message"));
        }
        let said = format!("answered {}: {}", code_name(status.code()), status.message());
        let advice = match status.code() {
            Code::Unauthenticated => {
                "set GRIDGATE_CLIENT_TOKEN_FILE, or GRIDGATE_CLIENT_TLS_CERTIFICATE and GRIDGATE_CLIENT_TLS_KEY \
                 (docs/IDENTITY.md)"
            }
            Code::PermissionDenied => "the policy of that gridgate must allow it (docs/IDENTITY.md)",
            Code::Unimplemented => "is it a gridgate, and of a version that has this method?",
            Code::DataLoss => "an operator of that gridgate must check its event log",
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange => return Some(Lasting(format!("{} {said}", self.name))),
            Code::Ok
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Unavailable
            // Also what a connection that breaks looks like.
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal => return None,
        };
        Some(self.lasting(&said, advice))
    }

    fn fault_of_tls(&self, error: &TlsError) -> Option<Lasting> {
        let (what, advice) = match error {
            TlsError::InvalidMessage(_) => (
                "does not speak TLS, but was called with it".to_owned(),
                "use http:// (GRIDGATE_CLIENT_URL; without GRIDGATE_CLIENT_TLS_CA for the gridgate of this machine)",
            ),
            TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => (
                format!("has a certificate for another name ({error})"),
                "use a name of its certificate in the URL, or set GRIDGATE_CLIENT_TLS_SERVER_NAME to one",
            ),
            TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => (
                format!("has a certificate of a CA that this machine does not trust ({error})"),
                "set GRIDGATE_CLIENT_TLS_CA to the file of that CA",
            ),
            TlsError::InvalidCertificate(_) => (
                format!("has a certificate that is not valid ({error})"),
                "replace the certificate, or correct the clock of this machine",
            ),
            TlsError::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::NoCertificate) => (
                "requires a client certificate".to_owned(),
                "set GRIDGATE_CLIENT_TLS_CERTIFICATE and GRIDGATE_CLIENT_TLS_KEY",
            ),
            TlsError::AlertReceived(
                AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::DecryptError,
            ) => (
                format!("rejects the client certificate ({error})"),
                "GRIDGATE_CLIENT_TLS_CERTIFICATE must be from a CA that it trusts, and not expired",
            ),
            TlsError::AlertReceived(AlertDescription::NoApplicationProtocol) | TlsError::NoApplicationProtocol => {
                return Some(self.no_grpc("speaks TLS, but not HTTP/2"));
            }
            TlsError::AlertReceived(
                AlertDescription::HandshakeFailure
                | AlertDescription::ProtocolVersion
                | AlertDescription::InsufficientSecurity
                | AlertDescription::UnrecognisedName
                | AlertDescription::MissingExtension
                | AlertDescription::UnsupportedExtension,
            )
            | TlsError::PeerIncompatible(_)
            | TlsError::PeerMisbehaved(_)
            | TlsError::InappropriateMessage { .. }
            | TlsError::InappropriateHandshakeMessage { .. } => (
                format!("and this program have no TLS version or cipher in common ({error})"),
                "is it the gRPC port of a gridgate, and the name right?",
            ),
            _ => return None,
        };
        Some(self.lasting(&what, advice))
    }

    /// The TLS error, if any: a server may reject a client's certificate, or its absence, after the handshake.
    async fn error_of_tls(&self, tls: &CallerTls) -> Option<TlsError> {
        let Self { host, port, .. } = self;
        let name = ServerName::try_from(tls.server_name.as_deref().unwrap_or(host)).ok()?.to_owned();
        let connector = TlsConnector::from(Arc::new(tls_config(tls)?));
        let stream = TcpStream::connect((host.as_str(), *port)).await.ok()?;
        let error = match connector.connect(name, stream).await {
            Ok(mut stream) => stream.read(&mut [0; 9]).await.err()?,
            Err(error) => error,
        };
        tls_error(&error).cloned()
    }

    /// What a server speaks that was called without TLS.
    async fn speaks(&self) -> Speaks {
        let answer = self.answer_to(HELLO_HTTP2).await;
        match answer.as_slice() {
            // A frame of SETTINGS: all is well.
            [_, _, _, 4, ..] => Speaks::Unknown,
            [] => told_by(&self.answer_to(HELLO_HTTP1).await),
            _ => told_by(&answer),
        }
    }

    /// The beginning of the answer to these bytes.
    async fn answer_to(&self, hello: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        let asking = async {
            let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await.ok()?;
            stream.write_all(hello).await.ok()?;
            let mut reader = stream.take(PROBE_BYTES);
            // An alert of TLS has seven bytes, and the head of a frame nine: more comes only from those who speak HTTP/1.
            while answer.len() < 7 || answer.starts_with(b"HTTP/") {
                if reader.read_buf(&mut answer).await.ok()? == 0 {
                    break;
                }
            }
            Some(())
        };
        let _ = timeout(PROBE, asking).await;
        answer
    }
}

/// TLS as a call speaks it. `None`: with the system's CAs, which are not worth reading again; or with files that cannot be used,
/// which has been said by then.
fn tls_config(CallerTls { ca, identity, server_name: _ }: &CallerTls) -> Option<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(ca.as_ref()?.as_bytes()).filter_map(Result::ok));
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>().ok()?;
            let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes()).ok()?;
            builder.with_client_auth_cert(chain, key).ok()?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Some(config)
}

fn told_by(answer: &[u8]) -> Speaks {
    let text = String::from_utf8_lossy(answer);
    match answer {
        // An alert, of any version of TLS.
        [0x15, 3, ..] => Speaks::Tls,
        // Not gRPC, unless a proxy answers 5xx because the server behind it is away.
        _ if text.starts_with("HTTP/1") && !text.split(' ').nth(1).is_some_and(|status| status.starts_with('5')) => {
            // Several servers say so in the body.
            if text.contains("HTTPS") { Speaks::Tls } else { Speaks::Http1 }
        }
        _ => Speaks::Unknown,
    }
}

/// The error of TLS in a chain of causes. An I/O error does not count what it carries among its causes.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match carried {
            Some(carried) => Some(carried as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(answer: &[u8]) -> &'static str {
        match told_by(answer) {
            Speaks::Tls => "TLS",
            Speaks::Http1 => "HTTP/1",
            Speaks::Unknown => "",
        }
    }

    #[test]
    fn what_speaks_is_told_by_how_it_begins() {
        assert_eq!(said(b"\x15\x03\x03\x00\x02\x02\x32"), "TLS");
        assert_eq!(said(b"HTTP/1.1 404 Not Found\r\ncontent-length: 54\r\n\r\n"), "HTTP/1");
        assert_eq!(said(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"), "TLS");
        for passing in [&b""[..], b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"SSH-2.0-x", b"\x15"] {
            assert_eq!(said(passing), "");
        }
    }
}
