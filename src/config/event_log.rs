//! The event log: where it is, how it is reached, and what it keeps.

use super::read::Reader;
use super::setting::{Kind, Setting};
use super::value::Value;
use super::{ConfigError, Sources, settings as s};
use crate::kyc::log::Retention;
use crate::kyc::log::copy::LogLocation;
use crate::kyc::log::jetstream::{Access, JetStreamOptions, Login};
use std::path::PathBuf;
use std::time::Duration;

/// The event log, and what reads it.
#[derive(Debug, Clone)]
pub struct EventsConfig {
    /// Where the event log is. `None`: in a file that is deleted when the process ends.
    pub log: Option<LogLocation>,
    /// How long it keeps events.
    pub retention: Retention,
    /// The approximate age at which the server ends a stream.
    pub watch_max_age: Duration,
    /// The interval at which gridgate lists changes at Grid. `None`: never.
    pub reconcile_interval: Option<Duration>,
}

impl EventsConfig {
    /// A sandbox keeps a temporary log unless one is named.
    pub(super) fn read(r: &mut Reader, sandbox: bool) -> Self {
        let retention = Retention { max_age: r.get(&s::EVENT_MAX_AGE), max_bytes: r.get(&s::EVENT_MAX_SIZE) };
        let is_named = !sandbox || r.is_set(&s::EVENT_LOG);
        let location = if is_named { r.find(&s::EVENT_LOG) } else { None };
        Self {
            log: location.and_then(|location| place(r, location, retention)),
            retention,
            watch_max_age: r.get(&s::WATCH_MAX_AGE),
            reconcile_interval: r.unless_zero(&s::RECONCILE_INTERVAL),
        }
    }
}

/// Reads how the event logs are reached whose locations a command line names, and nothing else.
///
/// # Errors
/// Every mistake in the settings of NATS, and locations that are none.
pub fn log_places<const N: usize>(sources: Sources, locations: [&str; N]) -> Result<[LogLocation; N], ConfigError> {
    let mut reader = Reader::of_few(sources, &s::OF_LOGS.settings());
    let r = &mut reader;
    let retention = Retention { max_bytes: r.get(&s::EVENT_MAX_SIZE), ..Retention::default() };
    let places = locations.map(|text| {
        let location = Location::parse(text).and_then(|location| match location {
            Location::Temporary => Err("is not a persistent location".to_owned()),
            Location::Sqlite(_) | Location::Nats(_) => Ok(location),
        });
        let place = match location {
            Ok(location) => place(r, location, retention),
            Err(problem) => {
                r.mistake(&s::EVENT_LOG, format!("\"{text}\" {problem}"));
                None
            }
        };
        place.unwrap_or_else(|| LogLocation::File(PathBuf::new()))
    });
    reader.finish(places)
}

/// Where something says an event log is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Location {
    Temporary,
    Sqlite(PathBuf),
    Nats(Vec<String>),
}

impl Value for Location {
    fn read(text: &str, kind: Kind) -> Result<Self, String> {
        Self::parse(&String::read(text, kind)?)
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
                      for a log that is deleted when the process ends"
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
            return Err("must not contain a user or a password; set nats.user and nats.password".to_owned());
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

/// Where a log is kept. `None`: it is temporary.
fn place(r: &mut Reader, location: Location, retention: Retention) -> Option<LogLocation> {
    match location {
        Location::Temporary => None,
        Location::Sqlite(path) => Some(LogLocation::File(path)),
        Location::Nats(servers) => Some(LogLocation::JetStream(Box::new(JetStreamOptions {
            prefix: prefix(r),
            replicas: replicas(r),
            access: access(r),
            retention,
            ..JetStreamOptions::at(servers)
        }))),
    }
}

fn prefix(r: &mut Reader) -> String {
    let prefix: String = r.get(&s::NATS_PREFIX);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if prefix.len() > 32 || !prefix.bytes().all(plain) {
        r.mistake(&s::NATS_PREFIX, "must be at most 32 letters, digits, '-' and '_'");
    }
    prefix
}

fn replicas(r: &mut Reader) -> usize {
    let replicas = r.find(&s::NATS_REPLICAS);
    if replicas.is_some_and(|replicas| ![1, 3, 5].contains(&replicas)) {
        r.mistake(&s::NATS_REPLICAS, "must be 1, 3 or 5");
    }
    replicas.unwrap_or_default()
}

fn access(r: &mut Reader) -> Access {
    let login = login(r);
    let has_certificate = r.has_both(&s::NATS_CERTIFICATE_FILE, &s::NATS_KEY_FILE);
    Access {
        login,
        ca_file: r.find(&s::NATS_CA_FILE),
        certificate: has_certificate.then(|| (r.get(&s::NATS_CERTIFICATE_FILE), r.get(&s::NATS_KEY_FILE))),
    }
}

/// As whom to connect. Only one way may be set, since NATS would ignore another.
fn login(r: &mut Reader) -> Login {
    const WAYS: [&Setting; 3] = [&s::NATS_CREDENTIALS_FILE, &s::NATS_USER, &s::NATS_TOKEN];
    let has_user = r.has_both(&s::NATS_USER, &s::NATS_PASSWORD);
    let mut set = WAYS.into_iter().filter(|way| r.is_set(way));
    if let (Some(first), Some(second)) = (set.next(), set.next()) {
        r.mistake(second, format!("cannot be set beside {}: only one of them may say as whom to connect", first.env));
        return Login::Nobody;
    }
    if let Some(file) = r.find(&s::NATS_CREDENTIALS_FILE) {
        Login::Credentials(file)
    } else if let Some(token) = r.find(&s::NATS_TOKEN) {
        Login::Token(token)
    } else if has_user {
        Login::User { name: r.get(&s::NATS_USER), password: r.get(&s::NATS_PASSWORD) }
    } else {
        Login::Nobody
    }
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
