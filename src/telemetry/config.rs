//! What is logged and where spans are sent, as it is configured.

use reqwest::Url;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The form of log lines.
    pub format: LogFormat,
    /// Which lines are written.
    pub filter: Targets,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For eyes.
    Human,
    /// For machines: one JSON object per line.
    Json,
}

/// Reads a log level, or directives of the form `level,module=level`.
///
/// # Errors
/// What is wrong with the text.
pub fn log_filter(text: &str) -> Result<Targets, String> {
    let directives: Vec<&str> = text.split(',').map(str::trim).collect();
    // A bare word that is no level would count as a module's name, and silence everything else.
    let is_misspelt = |word: &str| word.is_empty() || (!word.contains('=') && word.parse::<LevelFilter>().is_err());
    match directives.iter().find(|word| is_misspelt(word)) {
        Some(word) => Err(format!(
            "\"{word}\" is not a log level; write error, warn, info, debug, trace or off, or for one module \
             info,gridgate::grid=debug"
        )),
        None => directives.join(",").parse().map_err(|error| format!("\"{text}\" is not a log filter: {error}")),
    }
}

/// Where spans are sent, and how, as far as something says so.
#[derive(Debug, Clone, Default)]
pub struct TracesConfig {
    /// What flags say, before all others.
    pub flags: TracesChoice,
    /// What the file says, after flags and variables.
    pub file: TracesChoice,
    /// OpenTelemetry's own variables, all that begin with `OTEL_`.
    pub variables: OtelVariables,
}

/// What one source says of the collector.
#[derive(Debug, Clone, Default)]
pub struct TracesChoice {
    /// The collector, without the path of traces.
    pub endpoint: Option<Url>,
    /// How spans are sent.
    pub protocol: Option<OtlpProtocol>,
}

/// How spans are sent (the OpenTelemetry Protocol has two transports).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// Protobuf in HTTP requests.
    HttpProtobuf,
    /// gRPC.
    Grpc,
}

impl OtlpProtocol {
    /// The protocol of this name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::HttpProtobuf, Self::Grpc].into_iter().find(|protocol| protocol.as_str() == word)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HttpProtobuf => "http/protobuf",
            Self::Grpc => "grpc",
        }
    }
}

/// OpenTelemetry's variables by name. Their values may be secrets.
#[derive(Clone, Default)]
pub struct OtelVariables(BTreeMap<String, OsString>);

impl OtelVariables {
    /// Those of an environment.
    #[must_use]
    pub fn of(env: &BTreeMap<String, OsString>) -> Self {
        let ours = env.iter().filter(|(name, value)| name.starts_with("OTEL_") && !value.is_empty());
        Self(ours.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// What one is set to, without white space around it; `None` where it is not set, is blank, or is not Unicode text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().map(str::trim).filter(|value| !value.is_empty())
    }

    /// Those whose value is not Unicode text.
    pub fn unreadable(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, value)| value.to_str().is_none()).map(|(name, _)| name.as_str())
    }
}

impl fmt::Debug for OtelVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        for right in ["info", "off", "info,gridgate::grid=debug", "warn, h2=off"] {
            assert!(log_filter(right).is_ok(), "{right:?}");
        }
        for wrong in ["", "inof", "info,gridgate", "gridgate=loud"] {
            assert!(log_filter(wrong).is_err(), "{wrong:?}");
        }
    }
}
