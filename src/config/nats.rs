//! What is configured of NATS, and where an event log is.

use std::path::PathBuf;

use secrecy::SecretString;

use super::read::Reader;
use super::setting::Setting;
use super::{ConfigError, Sources, settings, source, toml_file};

/// Where the event log is.
#[derive(Debug, Clone)]
pub enum EventLogConfig {
    /// In a file that is gone when the process ends.
    Temporary,
    /// In a place that outlives it.
    Kept(LogPlace),
}

/// A place that keeps an event log.
#[derive(Debug, Clone)]
pub enum LogPlace {
    /// This file.
    Sqlite(PathBuf),
    /// NATS JetStream.
    Nats(Box<NatsConfig>),
}

/// How the event log in NATS is reached.
#[derive(Debug, Clone)]
pub struct NatsConfig {
    /// The servers: `nats://` or `tls://`, and an address.
    pub servers: Vec<String>,
    /// What names begin with.
    pub prefix: String,
    /// On how many servers everything is kept.
    pub replicas: usize,
    /// As whom to connect.
    pub login: NatsLogin,
    /// Certificates that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// As whom to connect to NATS.
#[derive(Debug, Clone)]
pub enum NatsLogin {
    /// As nobody in particular.
    Nobody,
    /// As whom a file of credentials says.
    Credentials(PathBuf),
    /// As this user.
    User {
        /// Its name.
        name: String,
        /// Its password.
        password: SecretString,
    },
    /// With this token.
    Token(SecretString),
}

/// Where something says an event log is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Location {
    Temporary,
    Sqlite(PathBuf),
    Nats(Vec<String>),
}

impl LogPlace {
    /// Reads how event logs are reached whose places are named on a command line, and nothing else.
    ///
    /// # Errors
    /// Every mistake in the settings of NATS, and places that are none.
    pub fn named<const N: usize>(sources: Sources, places: [&str; N]) -> Result<[(Self, u64); N], ConfigError> {
        let (values, mut mistakes) = source::resolve(sources);
        let ours = |key: &str| key == toml_file::THE_FILE || settings::OF_LOGS.iter().any(|setting| setting.key == key);
        mistakes.retain(|mistake| ours(&mistake.setting));
        let mut reader = Reader::new(values, mistakes);
        let max_bytes = reader.size(&settings::EVENT_MAX_SIZE).and_then(|bytes| u64::try_from(bytes).ok());
        let mut named = Vec::with_capacity(N);
        for place in places {
            let config = match Location::parse(place) {
                Ok(Location::Sqlite(path)) => Some(Self::Sqlite(path)),
                Ok(Location::Nats(servers)) => nats(&mut reader, servers).map(|nats| Self::Nats(Box::new(nats))),
                Ok(Location::Temporary) => {
                    reader.mistake(&settings::EVENT_LOG, format!("\"{place}\" is not a persistent location"));
                    None
                }
                Err(problem) => {
                    reader.mistake(&settings::EVENT_LOG, format!("\"{place}\" {problem}"));
                    None
                }
            };
            named.extend(config.zip(max_bytes));
        }
        reader.finish(<[_; N]>::try_from(named).ok())
    }
}

impl EventLogConfig {
    /// Reads where the event log is, and how it is reached.
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let text = reader.text(&settings::EVENT_LOG)?;
        match Location::parse(&text) {
            Ok(Location::Temporary) => Some(Self::Temporary),
            Ok(Location::Sqlite(path)) => Some(Self::Kept(LogPlace::Sqlite(path))),
            Ok(Location::Nats(servers)) => nats(reader, servers).map(|nats| Self::Kept(LogPlace::Nats(Box::new(nats)))),
            Err(problem) => {
                reader.mistake(&settings::EVENT_LOG, problem);
                None
            }
        }
    }
}

impl Location {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "temporary" {
            return Ok(Self::Temporary);
        }
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            Some((scheme @ ("nats" | "tls"), rest)) if rest.starts_with("//") => {
                servers(scheme, rest.trim_start_matches('/')).map(Self::Nats)
            }
            _ => Err("must be sqlite: and the path of a file, such as sqlite:/var/lib/gridgate/events.db, or nats:// \
                      (tls://) and the addresses of NATS servers, such as nats://nats-0:4222,nats-1:4222, or temporary, \
                      for a log that is gone when the process ends"
                .to_owned()),
        }
    }
}

/// The servers of a list that is separated by commas.
fn servers(scheme: &str, list: &str) -> Result<Vec<String>, String> {
    let mut servers = Vec::new();
    for address in list.split(',').map(str::trim) {
        // Each may repeat the scheme.
        let address = address.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")).unwrap_or(address);
        if address.contains('@') {
            return Err("must not hold a user or a password; nats.user and nats.password are there for them".to_owned());
        }
        let plain = !address.is_empty() && !address.contains(['/', '?', '#']);
        let parsed = reqwest::Url::parse(&format!("http://{address}"));
        if !plain || !parsed.is_ok_and(|url| url.has_host()) {
            return Err(format!("names \"{address}\", which is no address of a server"));
        }
        servers.push(format!("{scheme}://{address}"));
    }
    Ok(servers)
}

fn nats(reader: &mut Reader, servers: Vec<String>) -> Option<NatsConfig> {
    let prefix = reader.text(&settings::NATS_PREFIX);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if prefix.as_ref().is_some_and(|prefix| prefix.len() > 32 || !prefix.bytes().all(plain)) {
        reader.mistake(&settings::NATS_PREFIX, "must be at most 32 letters, digits, '-' and '_'");
    }
    let replicas = reader.count(&settings::NATS_REPLICAS);
    if replicas.is_some_and(|replicas| ![1, 3, 5].contains(&replicas)) {
        reader.mistake(&settings::NATS_REPLICAS, "must be 1, 3 or 5");
    }
    let login = login(reader);
    let certificate = pair(reader, &settings::NATS_CERTIFICATE_FILE, &settings::NATS_KEY_FILE);
    let certificate =
        certificate.then(|| file(reader, &settings::NATS_CERTIFICATE_FILE).zip(file(reader, &settings::NATS_KEY_FILE)));
    Some(NatsConfig {
        servers,
        prefix: prefix?,
        replicas: usize::try_from(replicas?).ok()?,
        login: login?,
        ca_file: file(reader, &settings::NATS_CA_FILE),
        certificate: certificate.flatten(),
    })
}

/// As whom to connect; one way of saying it is enough, and NATS would take no notice of another.
fn login(reader: &mut Reader) -> Option<NatsLogin> {
    let has_user = pair(reader, &settings::NATS_USER, &settings::NATS_PASSWORD);
    let ways = [&settings::NATS_CREDENTIALS_FILE, &settings::NATS_USER, &settings::NATS_TOKEN];
    let mut set = ways.into_iter().filter(|way| reader.is_set(way)).collect::<Vec<_>>().into_iter();
    if let (Some(first), Some(second)) = (set.next(), set.next()) {
        reader.mistake(second, format!("cannot be set beside {}: only one of them says as whom to connect", first.env));
        return None;
    }
    if reader.is_set(&settings::NATS_CREDENTIALS_FILE) {
        return file(reader, &settings::NATS_CREDENTIALS_FILE).map(NatsLogin::Credentials);
    }
    if reader.is_set(&settings::NATS_TOKEN) {
        return reader.secret(&settings::NATS_TOKEN).map(NatsLogin::Token);
    }
    if !has_user {
        return Some(NatsLogin::Nobody);
    }
    let (name, password) = reader.text(&settings::NATS_USER).zip(reader.secret(&settings::NATS_PASSWORD))?;
    Some(NatsLogin::User { name, password })
}

fn file(reader: &mut Reader, setting: &'static Setting) -> Option<PathBuf> {
    if reader.is_set(setting) { reader.text(setting).map(PathBuf::from) } else { None }
}

/// Whether both of two settings are set that need each other.
fn pair(reader: &mut Reader, one: &'static Setting, other: &'static Setting) -> bool {
    match (reader.is_set(one), reader.is_set(other)) {
        (true, false) => reader.missing(other, &format!("or leave {} away", one.env)),
        (false, true) => reader.missing(one, &format!("or leave {} away", other.env)),
        (true, true) | (false, false) => {}
    }
    reader.is_set(one) && reader.is_set(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_in_a_file_or_on_servers() {
        let nats = |servers: &[&str]| Ok(Location::Nats(servers.iter().map(ToString::to_string).collect()));
        assert_eq!(Location::parse("temporary"), Ok(Location::Temporary));
        assert_eq!(Location::parse("sqlite:a/b.db"), Ok(Location::Sqlite(PathBuf::from("a/b.db"))));
        assert_eq!(Location::parse("nats://a"), nats(&["nats://a"]));
        assert_eq!(Location::parse("tls://a:4222, b:4223"), nats(&["tls://a:4222", "tls://b:4223"]));
        assert_eq!(Location::parse("nats://a,nats://b"), nats(&["nats://a", "nats://b"]));
        assert_eq!(Location::parse("nats://[::1]:4222"), nats(&["nats://[::1]:4222"]));
        for (text, says) in [
            ("a:4222", "must be sqlite:"),
            ("sqlite:", "must be sqlite:"),
            ("http://a", "must be sqlite:"),
            ("nats:a", "must be sqlite:"),
            ("nats://", "no address"),
            ("nats://a,,b", "no address"),
            ("nats://a/b", "no address"),
            ("nats://a:b", "no address"),
            ("nats://me:secret@a", "user or a password"),
        ] {
            let said = Location::parse(text).unwrap_err();
            assert!(said.contains(says), "{text}: {said}");
            assert!(!said.contains("secret"));
        }
    }
}
