//! How commands call a running gridgate: where, with which TLS, and as whom.

use crate::config::{CallerConfig, CallerTls};
use crate::http_client::{self, NoRoots};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

/// A connection over which calls say who makes them.
pub(super) type Connection = InterceptedService<Channel, Bearer>;

/// A gridgate to call.
pub(super) struct Target {
    /// For messages.
    pub(super) name: String,
    endpoint: Endpoint,
    bearer: Bearer,
}

/// What is configured can't be called.
#[derive(Debug, thiserror::Error)]
pub(super) enum TargetError {
    /// The URL or the certificates can't be used.
    #[error("{0} can't be called")]
    Endpoint(String, #[source] tonic::transport::Error),
    /// There is nothing to verify its certificate by.
    #[error("{0}, or set client.tls_ca (GRIDGATE_CLIENT_TLS_CA)")]
    Roots(#[from] NoRoots),
    /// The token has letters that a header can't have.
    #[error("the file of client.token_file holds no token")]
    Token,
}

impl Target {
    /// What a command is configured to call.
    pub(super) fn of(config: CallerConfig) -> Result<Target, TargetError> {
        let CallerConfig { url, token, tls } = config;
        let name = url.as_str().trim_end_matches('/').to_owned();
        let unusable = |error| TargetError::Endpoint(name.clone(), error);
        let mut endpoint = Endpoint::from_shared(name.clone()).map_err(unusable)?;
        if url.scheme() == "https" {
            if tls.ca.is_none() {
                http_client::check_roots(&name)?;
            }
            endpoint = endpoint.tls_config(client_tls(tls)).map_err(unusable)?;
        }
        Ok(Target { endpoint, bearer: Bearer::of(token)?, name })
    }

    /// Gives up connecting after this long.
    pub(super) fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.endpoint = self.endpoint.connect_timeout(timeout);
        self
    }

    /// Connects.
    pub(super) async fn connect(&self) -> Result<Connection, tonic::transport::Error> {
        let channel = self.endpoint.connect().await?;
        Ok(InterceptedService::new(channel, self.bearer.clone()))
    }
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

/// Puts the token on each call, if there is one.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn of(token: Option<SecretString>) -> Result<Bearer, TargetError> {
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
