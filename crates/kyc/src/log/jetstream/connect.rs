//! The connection to NATS.

use std::error::Error as _;
use std::io;
use std::path::Path;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::{Client, ConnectError, ConnectErrorKind as Kind, ConnectOptions, Event, ServerAddr};
use gridgate_io::pem::{self, PemError};
use gridgate_io::{http_client, small_file};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretString};

use super::options::{Access, JetStreamOptions, Login, OpenError, with_causes};
use crate::log::obstacle::Obstacle;

/// How long one request to JetStream may take.
pub(super) const REQUEST: Duration = Duration::from_secs(2);

/// The largest file of certificates or credentials, in bytes.
const MOST_BYTES: u64 = 4 * 1024 * 1024;
/// The least `max_payload` the servers may have, in bytes: room for an event with its head, of a verification with many problems.
const LEAST_PAYLOAD: usize = 64 * 1024;
/// Refusals are logged only after this long: servers often accept a moment later.
pub(super) const PASSING: Duration = Duration::from_millis(700);
/// The obstacle to report when no server answers.
pub(super) const SILENT: &str = "NATS does not answer";

/// Connects, and retries until the options' patience is over. A refused login and missing trust are not retried: waiting does not
/// change them.
pub(super) async fn connect(of: &JetStreamOptions) -> Result<Client, OpenError> {
    let JetStreamOptions { servers, access, patience, obstacle, .. } = of;
    let addresses: Vec<ServerAddr> =
        servers.iter().map(|server| server.parse()).collect::<Result<_, _>>().map_err(OpenError::Address)?;
    let deadline = tokio::time::Instant::now() + *patience;
    loop {
        let options = options(servers, access, obstacle.clone()).await?;
        let error = match obstacle.unless_soon(SILENT, options.connect(addresses.clone())).await {
            Ok(client) => return check_payload(client),
            Err(error) => error,
        };
        match error.kind() {
            Kind::Authentication | Kind::AuthorizationViolation => return Err(OpenError::Denied(error)),
            Kind::Tls => return Err(OpenError::Tls(error)),
            Kind::Io if is_of_tls(&error) => return Err(OpenError::Tls(error)),
            Kind::ServerParse => return Err(OpenError::Connect(error)),
            Kind::Dns | Kind::TimedOut | Kind::Io | Kind::MaxReconnects => {}
        }
        obstacle.met(&format!("NATS cannot be reached: {}", with_causes(&error)));
        if tokio::time::Instant::now() >= deadline {
            return Err(OpenError::Connect(error));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Checks that every event fits into a message.
fn check_payload(client: Client) -> Result<Client, OpenError> {
    let allowed = client.max_payload();
    if allowed >= LEAST_PAYLOAD {
        return Ok(client);
    }
    let reason =
        format!("the servers take messages of {allowed} bytes at most (max_payload), and events need {LEAST_PAYLOAD}");
    Err(OpenError::Setup { reason })
}

/// Whether TLS failed; the client reports only an I/O error.
fn is_of_tls(error: &ConnectError) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        // The error inside an I/O error is not its source.
        cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

/// JetStream over a connection.
pub(super) fn jetstream(client: &Client) -> Context {
    let mut context = async_nats::jetstream::new(client.clone());
    context.set_timeout(REQUEST);
    context
}

async fn options(servers: &[String], access: &Access, obstacle: Obstacle) -> Result<ConnectOptions, OpenError> {
    let Access { login, ca_file, certificate } = access;
    let mut options = ConnectOptions::new()
        .name("gridgate")
        .connection_timeout(Duration::from_secs(3))
        .request_timeout(Some(REQUEST))
        // A server that hangs is given up after three pings.
        .ping_interval(Duration::from_secs(2))
        .reconnect_delay_callback(|attempts| {
            // Short, since the other servers of several may be up.
            Duration::from_millis(u64::try_from(attempts).unwrap_or(10).min(10) * 50)
        })
        .event_callback(move |event| {
            let obstacle = obstacle.clone();
            async move { log(&event, &obstacle) }
        });
    options = match login {
        Login::Nobody => options,
        Login::Credentials(path) => {
            let credentials = credentials(path).await?;
            let unusable = |source| OpenError::File { path: path.clone(), source };
            options.credentials(credentials.expose_secret()).map_err(unusable)?
        }
        Login::User { name, password } => options.user_and_password(name.clone(), password.expose_secret().to_owned()),
        Login::Token(token) => options.token(token.expose_secret().to_owned()),
    };
    if let Some(path) = ca_file {
        check_certificates(path, pem::bundle).await?;
        options = options.add_root_certificates(path.clone());
    }
    if let Some((certificate, key)) = certificate {
        check_certificates(certificate, pem::chain).await?;
        check_key(key).await?;
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    // With a CA or a certificate configured, no password goes to a server that claims to have no TLS.
    let with_tls = ca_file.is_some() || certificate.is_some();
    if with_tls || servers.iter().any(|server| server.starts_with("tls://")) {
        options = options.require_tls(true);
        if ca_file.is_none() {
            http_client::check_roots(&servers.join(","))?;
        }
    }
    Ok(options)
}

fn log(event: &Event, obstacle: &Obstacle) {
    match event {
        Event::Connected => tracing::info!("connected to NATS"),
        Event::Disconnected => tracing::warn!("the connection to NATS was lost"),
        Event::SlowConsumer(_) => tracing::warn!("NATS sends messages faster than they are processed"),
        Event::ServerError(error) => obstacle.server_said(&error.to_string()),
        Event::ClientError(error) => tracing::warn!(%error, "the connection to NATS has a problem"),
        Event::LameDuckMode | Event::Draining | Event::Closed => tracing::debug!(%event, "NATS"),
    }
}

/// A credentials file as the client can read it: it does not know the line ends of Windows, nor escaped ones.
async fn credentials(path: &Path) -> Result<SecretString, OpenError> {
    let bytes = read(path).await?;
    let text = SecretString::from(String::from_utf8_lossy(&bytes).replace("\\n", "\n"));
    let text = text.expose_secret().trim_start_matches(small_file::BYTE_ORDER_MARK);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let begun = |what: &str| text.matches("-BEGIN ").count() == 2 && text.matches(what).count() == 1;
    if !begun("-----BEGIN NATS USER JWT-----") || !begun("-----BEGIN USER NKEY SEED-----") {
        return Err(unusable(
            path,
            "must hold one NATS USER JWT and one USER NKEY SEED, each between its BEGIN and END lines",
        ));
    }
    Ok(format!("{}\n", lines.join("\n")).into())
}

/// Reads a file of certificates.
type Certificates = fn(&[u8]) -> Result<Vec<CertificateDer<'static>>, PemError>;

/// Checks a file before the client uses it. The client reads files anew for every connection, so that they may be replaced; but it
/// accepts an empty one, skips a block that does not begin on a line of its own, and does not name a file that it cannot read.
async fn check_certificates(path: &Path, certificates: Certificates) -> Result<(), OpenError> {
    let pem = read(path).await?;
    let held = certificates(&pem).map_err(|problem| unusable(path, &problem.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    if found.is_ok_and(|found| found == held) { Ok(()) } else { Err(unusable(path, NOT_BY_ITSELF)) }
}

async fn check_key(path: &Path) -> Result<(), OpenError> {
    let pem = read(path).await?;
    let held = pem::private_key(&pem).map_err(|problem| unusable(path, &problem.to_string()))?;
    let found = PrivateKeyDer::from_pem_slice(&pem);
    if found.is_ok_and(|found| found == held) { Ok(()) } else { Err(unusable(path, NOT_BY_ITSELF)) }
}

/// Why the client would skip a block of the file.
const NOT_BY_ITSELF: &str = "has a block whose BEGIN line is not by itself: NATS needs each on a line of its own, with nothing \
                             before it, not even spaces, quotation marks or a byte order mark";

async fn read(path: &Path) -> Result<Vec<u8>, OpenError> {
    small_file::read(path, MOST_BYTES).await.map_err(|source| OpenError::File { path: path.to_owned(), source })
}

fn unusable(path: &Path, problem: &str) -> OpenError {
    OpenError::File { path: path.to_owned(), source: io::Error::new(io::ErrorKind::InvalidData, problem) }
}
