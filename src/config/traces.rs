//! What is configured of traces.
//!
//! Clusters set OpenTelemetry's variables for everyone, also such as gridgate does not know or cannot use. So they are handed
//! on as they are, and `telemetry` follows them or warns of them; only what the file or a flag says is checked here.

use super::read::Reader;
use super::settings;
use super::source::Origin;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// Where spans are sent, and how, as far as something says so.
#[derive(Debug, Clone, Default)]
pub struct TracesConfig {
    /// What flags say: nothing else counts where they do.
    pub flags: TracesChoice,
    /// What the file says: it counts where neither a flag nor a variable does.
    pub file: TracesChoice,
    /// OpenTelemetry's own variables, all that begin with `OTEL_`.
    pub variables: OtelVariables,
}

/// What one source says of the collector.
#[derive(Debug, Clone, Default)]
pub struct TracesChoice {
    /// The collector, without the path of traces.
    pub endpoint: Option<reqwest::Url>,
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
        match word {
            "http/protobuf" => Some(Self::HttpProtobuf),
            "grpc" => Some(Self::Grpc),
            _ => None,
        }
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

    /// What one is set to, without white space around it; `None` where it is not set, is blank, or is no Unicode text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().map(str::trim).filter(|value| !value.is_empty())
    }

    /// Those that are set to something else than Unicode text.
    pub fn unreadable(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, value)| value.to_str().is_none()).map(|(name, _)| name.as_str())
    }
}

impl std::fmt::Debug for OtelVariables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Reads it.
pub(super) fn read(reader: &mut Reader, variables: OtelVariables) -> Option<TracesConfig> {
    let mut config = TracesConfig { variables, ..TracesConfig::default() };
    if let Some(choice) = config.of(reader.origin(&settings::OTLP_ENDPOINT)) {
        choice.endpoint = Some(reader.base_url(&settings::OTLP_ENDPOINT)?);
    }
    if let Some(choice) = config.of(reader.origin(&settings::OTLP_PROTOCOL)) {
        choice.protocol = Some(reader.word(&settings::OTLP_PROTOCOL, OtlpProtocol::from_word)?);
    }
    Some(config)
}

impl TracesConfig {
    /// Where to note what comes from there; `None` for what is noted already, or comes from nowhere.
    fn of(&mut self, origin: Option<&Origin>) -> Option<&mut TracesChoice> {
        match origin? {
            Origin::Flag(_) => Some(&mut self.flags),
            Origin::File { .. } => Some(&mut self.file),
            Origin::Env(_) | Origin::Default => None,
        }
    }
}
