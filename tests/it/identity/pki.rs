//! A server that asks for certificates, and connections to it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use gridgate::config::{Sources, settings};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::certificates::{Authority, Identity, client_config};
use crate::support::soon;

/// Settings with which the gRPC port shows a certificate of this authority's, and asks clients for one without requiring it.
pub fn asking(authority: &Authority, directory: &Path, sources: Sources) -> Sources {
    let file = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let Identity { certificate, key } = authority.server("gridgate");
    sources
        .with(&settings::GRPC_TLS_CERTIFICATE, file("server.pem", &certificate))
        .with(&settings::GRPC_TLS_KEY, file("server.key", &key))
        .with(&settings::GRPC_TLS_CLIENT_CA, file("ca.pem", &authority.pem()))
        .with(&settings::GRPC_TLS_CLIENT_CERTIFICATES, "optional")
}

/// A connection with TLS, with a certificate of one's own or without.
pub async fn connect(
    addr: SocketAddr,
    trusts: &Authority,
    is: Option<&Identity>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let config = client_config(trusts, is, &[b"h2"]);
    let stream = soon("connected", TcpStream::connect(addr)).await?;
    let name = ServerName::try_from("localhost").unwrap();
    soon("a handshake", TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}
