//! The sources of settings (TOML file, environment, flags), and which of them holds.
//!
//! Nothing here reads the process's own environment or command line: callers hand them in, so that tests can use their own.

use super::mistake::{Mistake, THE_FILE, no_such_setting};
use super::setting::Setting;
use super::settings::{ALL, CONFIG_FILE_ENV};
use super::toml_file::{self, ConfigFile};
use crate::small_file::{self, BYTE_ORDER_MARK};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

/// The largest file of settings, in bytes: a thousand times what sets all of them.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Everything that can set something. Later ones win: the file, then the environment, then flags.
#[derive(Clone, Default)]
pub struct Sources {
    /// The TOML file, where there is one.
    pub file: Option<ConfigFile>,
    /// Environment variables by name. Names that are not Unicode cannot be ours and are left out.
    pub env: BTreeMap<String, OsString>,
    /// Flags as given, by the key of their setting.
    pub flags: BTreeMap<&'static str, String>,
    /// Why there is no `file` although one was named.
    pub unreadable_file: Option<Mistake>,
}

impl Sources {
    /// The environment in the form of [`std::env::vars_os`].
    #[must_use]
    pub fn with_env(mut self, vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        self.env.extend(vars.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value))));
        self
    }

    /// The TOML file at `path`. That it cannot be read is a mistake like others, reported with them.
    #[must_use]
    pub fn with_file(mut self, path: &Path) -> Self {
        let text = small_file::read_text_now(path, MOST_BYTES);
        let path = path.display().to_string();
        match text {
            Ok(text) => self.file = Some(ConfigFile { path, text }),
            Err(error) => {
                let problem = format!("cannot be read: {error}");
                self.unreadable_file = Some(Mistake { setting: THE_FILE.to_owned(), origin: Some(path), problem });
            }
        }
        self
    }

    /// Sets one setting as its flag would.
    #[must_use]
    pub fn with(mut self, setting: &Setting, value: impl Into<String>) -> Self {
        self.flags.insert(setting.key, value.into());
        self
    }
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the TOML file, on this line of it.
    File(String),
    /// In an environment variable.
    Env(&'static str),
    /// In a flag.
    Flag(&'static str),
    /// Nowhere: it is the default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(place) => f.write_str(place),
            Origin::Env(name) => f.write_str(name),
            Origin::Flag(name) => write!(f, "--{name}"),
            Origin::Default => f.write_str("the default"),
        }
    }
}

/// A value as written. No `Debug`: it may be a secret.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// The text that holds for each setting that has one, by key.
pub(super) type Values = BTreeMap<&'static str, Given>;

/// Lays the sources over each other. Variables and keys of no setting are mistakes.
pub(super) fn resolve(sources: Sources) -> (Values, Vec<Mistake>) {
    let Sources { file, env, flags, unreadable_file } = sources;
    let mut mistakes = Vec::from_iter(unreadable_file);
    let mut values: Values = ALL
        .iter()
        .filter_map(|setting| {
            setting.default.map(|text| (setting.key, Given { text: text.to_owned(), origin: Origin::Default }))
        })
        .collect();
    if let Some(file) = file {
        values.extend(
            toml_file::read(&file, &mut mistakes)
                .into_iter()
                .map(|(setting, text, line)| (setting.key, Given { text, origin: Origin::File(file.place(line)) })),
        );
    }
    values.extend(from_env(&env, &mut mistakes));
    for setting in ALL {
        if let Some(text) = flags.get(setting.key) {
            let origin = Origin::Flag(setting.flag.unwrap_or(setting.key));
            values.insert(setting.key, Given { text: text.clone(), origin });
        }
    }
    (values, mistakes)
}

fn from_env(env: &BTreeMap<String, OsString>, mistakes: &mut Vec<Mistake>) -> Values {
    let mut values = Values::new();
    for setting in ALL {
        // Compose files and shells pass variables on that nobody set: empty means not set.
        let Some(value) = env.get(setting.env).filter(|value| !value.is_empty()) else { continue };
        match value.to_str() {
            Some(text) => {
                // It comes along where a variable is filled from a file.
                let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
                let given = Given { text: text.to_owned(), origin: Origin::Env(setting.env) };
                values.insert(setting.key, given);
            }
            // Set for every program of a cluster, it must not stop this one; `telemetry` warns of it.
            None if setting.env.starts_with("OTEL_") => {}
            None => mistakes.push(Mistake {
                setting: setting.key.to_owned(),
                origin: Some(setting.env.to_owned()),
                problem: "is not Unicode text".to_owned(),
            }),
        }
    }
    let known = |name: &str| name == CONFIG_FILE_ENV || ALL.iter().any(|setting| setting.env == name);
    for name in env.keys().filter(|name| name.starts_with("GRIDGATE_") && !known(name) && !is_service_link(name)) {
        let names = ALL.iter().map(|setting| setting.env).filter(|name| name.starts_with("GRIDGATE_"));
        mistakes.push(Mistake {
            setting: name.clone(),
            origin: Some("the environment".to_owned()),
            problem: no_such_setting(name, names),
        });
    }
    values
}

/// Whether Kubernetes set the variable: it announces a service called `gridgate`, or `gridgate-…`, to every pod of
/// the namespace (`GRIDGATE_SERVICE_HOST`, `GRIDGATE_PORT_50051_TCP_ADDR`, …), gridgate's own among them.
fn is_service_link(name: &str) -> bool {
    let name = name.strip_prefix("GRIDGATE").unwrap_or(name);
    let port_link = |at: usize| {
        // What follows `_PORT`: nothing, or `_50051_TCP`, or that and `_ADDR`, `_PORT` or `_PROTO`.
        let mut words = name.get(at + "_PORT".len()..).unwrap_or_default().split('_');
        match (words.next(), words.next(), words.next(), words.next(), words.next()) {
            (Some(""), None, None, None, None) => true,
            (Some(""), Some(port), Some("TCP" | "UDP" | "SCTP"), None | Some("ADDR" | "PORT" | "PROTO"), None) => {
                port.bytes().all(|b| b.is_ascii_digit())
            }
            _ => false,
        }
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.match_indices("_PORT").any(|(at, _)| port_link(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links_of_kubernetes_are_no_settings() {
        for name in [
            "GRIDGATE_SERVICE_HOST",
            "GRIDGATE_SERVICE_PORT",
            "GRIDGATE_SERVICE_PORT_GRPC",
            "GRIDGATE_PORT",
            "GRIDGATE_PORT_50051_TCP",
            "GRIDGATE_PORT_50051_TCP_PROTO",
            "GRIDGATE_PORT_50051_TCP_PORT",
            "GRIDGATE_PORT_50051_TCP_ADDR",
            "GRIDGATE_ADMIN_SERVICE_HOST",
            "GRIDGATE_ADMIN_PORT_9090_TCP",
        ] {
            assert!(is_service_link(name), "{name}");
        }
        for name in ["GRIDGATE_GRPC_PORT_X", "GRIDGATE_GRPC_ADR", "GRIDGATE_PORTS", "GRIDGATE_PORT_X_TCP"] {
            assert!(!is_service_link(name), "{name}");
        }
        for setting in ALL {
            assert!(!is_service_link(setting.env), "{} would be ignored", setting.env);
        }
    }
}
