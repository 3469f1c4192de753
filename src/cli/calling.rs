//! How commands call a running gridgate: where, with which TLS, and as whom.

use super::fault::{Lasting, Server};
use crate::config::{CallerConfig, CallerTls};
use crate::http_client::{self, NoRoots};
use secrecy::{ExposeSecret as _, SecretString};
use std::error::Error;
use std::io;
use std::time::Duration;
use tokio::time::timeout;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

/// A connection over which calls say who makes them.
pub(super) type Connection = InterceptedService<Channel, Bearer>;

/// A gridgate to call.
pub(super) struct Target {
    pub(super) server: Server,
    endpoint: Endpoint,
    bearer: Bearer,
}

/// How long connecting may take, with TLS.
const CONNECT: Duration = Duration::from_secs(5);

/// No connection could be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// Calling again cannot help.
    #[error(transparent)]
    Lasting(#[from] Lasting),
    /// Nobody listens there.
    #[error("{0} cannot be reached: nothing listens there (connection refused; is gridgate running?)")]
    Refused(String),
    /// It did not work this time.
    #[error("{0} cannot be reached")]
    Failed(String, #[source] tonic::transport::Error),
    /// It took too long.
    #[error("{0} cannot be reached: no connection within {CONNECT:?}")]
    Silent(String),
}

/// The configured gridgate cannot be called.
#[derive(Debug, thiserror::Error)]
pub(super) enum TargetError {
    /// The URL or the certificates cannot be used.
    #[error("{0} cannot be called")]
    Endpoint(String, #[source] tonic::transport::Error),
    /// No CA certificate is available.
    #[error("{0}, or set client.tls_ca (GRIDGATE_CLIENT_TLS_CA)")]
    Roots(#[from] NoRoots),
    /// The token has characters that a header cannot have.
    #[error("the file of client.token_file does not contain a token")]
    Token,
}

impl Target {
    /// What a command is configured to call.
    pub(super) fn of(config: CallerConfig) -> Result<Target, TargetError> {
        let CallerConfig { url, token, tls } = config;
        let name = url.trim_end_matches('/').to_owned();
        let unusable = |error| TargetError::Endpoint(name.clone(), error);
        let mut endpoint = Endpoint::from_shared(name.clone()).map_err(unusable)?;
        let tls = url.starts_with("https:").then_some(tls);
        if let Some(tls) = tls.clone() {
            if tls.ca.is_none() {
                http_client::check_roots(&name)?;
            }
            endpoint = endpoint.tls_config(client_tls(tls)).map_err(unusable)?;
        }
        let uri = endpoint.uri();
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        Ok(Target { server: Server { name, host, port, tls }, endpoint, bearer: Bearer::of(token)? })
    }

    /// Connects.
    ///
    /// # Errors
    /// As [`ConnectError`] tells them apart.
    pub(super) async fn connect(&self) -> Result<Connection, ConnectError> {
        let name = || self.server.name.clone();
        let connected = timeout(CONNECT, self.endpoint.connect()).await.map_err(|_| ConnectError::Silent(name()))?;
        let channel = connected.map_err(|error| match self.server.fault_of_connecting(&error) {
            Some(fault) => fault.into(),
            None if is_refused(&error) => ConnectError::Refused(name()),
            None => ConnectError::Failed(name(), error),
        })?;
        Ok(InterceptedService::new(channel, self.bearer.clone()))
    }
}

/// Whether the connection was refused.
pub(super) fn is_refused(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn client_tls(tls: CallerTls) -> ClientTlsConfig {
    let CallerTls { ca, identity, server_name } = tls;
    let mut config = ClientTlsConfig::new();
    config = match ca {
        Some(ca) => config.ca_certificate(Certificate::from_pem(ca)),
        None => config.with_native_roots(),
    };
    if let Some((certificate, key)) = identity {
        config = config.identity(Identity::from_pem(certificate, key.expose_secret()));
    }
    match server_name {
        Some(name) => config.domain_name(name),
        None => config,
    }
}

/// Adds the token to each call, if there is one.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    pub(super) fn of(token: Option<SecretString>) -> Result<Bearer, TargetError> {
        let Some(token) = token else { return Ok(Bearer(None)) };
        let header = format!("Bearer {}", token.expose_secret());
        let mut value: MetadataValue<Ascii> = header.parse().map_err(|_| TargetError::Token)?;
        value.set_sensitive(true);
        Ok(Bearer(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}
