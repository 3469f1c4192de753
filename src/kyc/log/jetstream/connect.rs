//! The connection to NATS: where, and as whom.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use secrecy::{ExposeSecret as _, SecretString};

use super::OpenError;

/// How long one request to JetStream may take.
pub(super) const REQUEST: Duration = Duration::from_secs(2);

/// As whom to connect, and whom to trust. Nothing of it is needed where NATS asks for nothing.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// A file of credentials (`.creds`): a user's JWT and its seed.
    pub credentials_file: Option<PathBuf>,
    /// A user's name, with its password.
    pub user: Option<(String, SecretString)>,
    /// A token.
    pub token: Option<SecretString>,
    /// A file of certificates (PEM) that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Files of this process's certificate and its key (PEM).
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Connects, trying again until `patience` is over.
pub(super) async fn connect(servers: &[String], access: &Access, patience: Duration) -> Result<Client, OpenError> {
    let addresses: Vec<ServerAddr> =
        servers.iter().map(|server| server.parse()).collect::<Result<_, _>>().map_err(OpenError::Address)?;
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let options = options(servers, access).await?;
        match options.connect(addresses.clone()).await {
            Ok(client) => return Ok(client),
            Err(error) if tokio::time::Instant::now() >= deadline => return Err(OpenError::Connect(error)),
            Err(error) => {
                use async_nats::ConnectErrorKind as Kind;
                match error.kind() {
                    Kind::Authentication | Kind::AuthorizationViolation | Kind::ServerParse | Kind::Tls => {
                        return Err(OpenError::Connect(error));
                    }
                    Kind::Dns | Kind::TimedOut | Kind::Io | Kind::MaxReconnects => {}
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// JetStream over a connection.
pub(super) fn jetstream(client: &Client) -> Context {
    let mut context = async_nats::jetstream::new(client.clone());
    context.set_timeout(REQUEST);
    context
}

async fn options(servers: &[String], access: &Access) -> Result<ConnectOptions, OpenError> {
    let Access { credentials_file, user, token, ca_file, certificate } = access;
    let mut options = ConnectOptions::new()
        .name("gridgate")
        .connection_timeout(Duration::from_secs(3))
        .request_timeout(Some(REQUEST))
        // A server that hangs is given up after three of these.
        .ping_interval(Duration::from_secs(2))
        .reconnect_delay_callback(|attempts| {
            // One server of several may be the only one that is away.
            Duration::from_millis(u64::try_from(attempts).unwrap_or(10).min(10) * 50)
        })
        .event_callback(|event| async move {
            match event {
                Event::Connected => tracing::info!("connected to NATS"),
                Event::Disconnected => tracing::warn!("the connection to NATS was lost"),
                Event::SlowConsumer(_) => tracing::warn!("NATS sends faster than messages are taken"),
                Event::ServerError(error) => tracing::warn!(%error, "NATS says that something is wrong"),
                Event::ClientError(error) => tracing::warn!(%error, "the connection to NATS has a problem"),
                Event::LameDuckMode | Event::Draining | Event::Closed => tracing::debug!(%event, "NATS"),
            }
        });
    if let Some(path) = credentials_file {
        let read = |source| OpenError::File { path: path.clone(), source };
        options = options.credentials_file(path).await.map_err(read)?;
    }
    if let Some((user, password)) = user {
        options = options.user_and_password(user.clone(), password.expose_secret().to_owned());
    }
    if let Some(token) = token {
        options = options.token(token.expose_secret().to_owned());
    }
    if let Some(path) = ca_file {
        options = options.add_root_certificates(path.clone());
    }
    if let Some((certificate, key)) = certificate {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    if servers.iter().any(|server| server.starts_with("tls://")) {
        options = options.require_tls(true);
    }
    Ok(options)
}
