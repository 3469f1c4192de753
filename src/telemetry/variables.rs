//! Where spans go and how, from OpenTelemetry's own variables, flags and the file together.
//!
//! Clusters set these variables for everyone. So none of them stops a start (OpenTelemetry's specification asks for that too):
//! each is followed, here or by the SDK, or a log line says what happens instead. Values may be secrets, so only words of a
//! fixed list are repeated.

mod endpoint;
mod reading;
mod rules;

use super::config::{OtlpProtocol, TracesConfig};
use opentelemetry_otlp::Compression;
use std::path::PathBuf;
use std::time::Duration;

use endpoint::Endpoint;
use reading::Reading;

/// The most spans that may wait: their places are made at the start, and take some 30 MB.
const MOST_SPANS: usize = 65_536;
/// The longest that a batch may wait to be full.
const LONGEST_DELAY: Duration = Duration::from_secs(60 * 60);
/// The longest that sending a batch may take.
pub(super) const LONGEST_EXPORT: Duration = Duration::from_secs(30);

/// How to export, and the warnings about it.
#[derive(Debug)]
pub(super) struct Plan {
    /// How spans are sent. `None`: not at all.
    pub(super) export: Option<Export>,
    /// What cannot be followed, each with what happens instead.
    pub(super) warnings: Vec<String>,
    /// Why spans are not sent, where that was asked for.
    pub(super) off: Option<&'static str>,
}

/// How spans are sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Export {
    /// The URL that batches are sent to over HTTP, or the collector over gRPC.
    pub(super) endpoint: reqwest::Url,
    pub(super) protocol: OtlpProtocol,
    pub(super) compression: Option<Compression>,
    /// How long one batch may take.
    pub(super) timeout: Duration,
    /// The files for TLS to the collector.
    pub(super) tls: TlsFiles,
    /// How many spans may wait.
    pub(super) queue: usize,
    /// How many are sent at once.
    pub(super) batch: usize,
    /// How long they wait to become so many.
    pub(super) delay: Duration,
}

/// The files for TLS to the collector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TlsFiles {
    /// The CAs of the collector; none: the system's.
    pub(super) ca: Option<NamedFile>,
    /// The certificate to show, and its key.
    pub(super) identity: Option<(NamedFile, NamedFile)>,
}

/// A file, and the variable that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedFile {
    pub(super) variable: String,
    pub(super) path: PathBuf,
}

impl Plan {
    /// Reads all of it.
    pub(super) fn of(config: &TracesConfig) -> Self {
        let variables = &config.variables;
        let mut reading = Reading { variables, warnings: Vec::new() };
        let off = reading.off();
        let endpoint = match off {
            Some(_) => None,
            None => Endpoint::find(config, &mut reading),
        };
        let is_wanted = endpoint.is_some();
        let export = endpoint.and_then(|endpoint| reading.export(config, endpoint));
        if export.is_some() {
            rules::judge(variables, &mut reading.warnings);
        } else if !is_wanted && off.is_none() && variables.get("OTEL_TRACES_EXPORTER").is_some() {
            let unset = "OTEL_TRACES_EXPORTER has no effect without OTEL_EXPORTER_OTLP_ENDPOINT; no traces are sent";
            reading.warnings.push(unset.to_owned());
        }
        let has_endpoint = is_wanted || endpoint::is_set(config);
        Plan { export, warnings: reading.warnings, off: off.filter(|_| has_endpoint) }
    }
}

impl Reading<'_> {
    /// Why no spans are to be sent.
    fn off(&mut self) -> Option<&'static str> {
        match self.variables.get("OTEL_SDK_DISABLED").map(str::to_ascii_lowercase).as_deref() {
            Some("true") => return Some("OTEL_SDK_DISABLED is true"),
            None | Some("false") => {}
            Some(_) => self.warn("OTEL_SDK_DISABLED must be true or false; it counts as false"),
        }
        let exporters = self.variables.get("OTEL_TRACES_EXPORTER")?.to_ascii_lowercase();
        let names: Vec<&str> = exporters.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let is_known = |name: &&str| {
            matches!(*name, "console" | "logging" | "zipkin" | "jaeger" | "prometheus" | "otlp_proto_http")
        };
        if names == ["none"] {
            return Some("OTEL_TRACES_EXPORTER is none");
        }
        if names.contains(&"otlp") || names.is_empty() {
            if names.len() > 1 {
                self.warn("OTEL_TRACES_EXPORTER names more than otlp; traces are sent by otlp alone");
            }
            return None;
        }
        if names.iter().all(is_known) {
            self.warn("OTEL_TRACES_EXPORTER does not name otlp, and there is no other exporter; no traces are sent");
            return Some("OTEL_TRACES_EXPORTER does not name otlp");
        }
        self.warn("OTEL_TRACES_EXPORTER must be otlp or none; it counts as otlp");
        None
    }

    fn export(&mut self, config: &TracesConfig, endpoint: Endpoint) -> Option<Export> {
        let protocol = self.protocol(config);
        let endpoint = endpoint.for_protocol(protocol, self)?;
        let queue = self.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048, 1, MOST_SPANS as u64);
        let batch = self.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512.min(queue), 1, MOST_SPANS as u64);
        if batch > queue {
            self.warn(format!(
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE is more than OTEL_BSP_MAX_QUEUE_SIZE; {queue} are sent at once"
            ));
        }
        let delay = self.number("OTEL_BSP_SCHEDULE_DELAY", 5000, 1, millis(LONGEST_DELAY));
        let name = self.of_traces("TIMEOUT").map_or_else(|| "OTEL_EXPORTER_OTLP_TIMEOUT".to_owned(), |(name, _)| name);
        let timeout = self.number(&name, 10_000, 1, millis(LONGEST_EXPORT));
        let longest = self.number("OTEL_BSP_EXPORT_TIMEOUT", 30_000, 1, millis(LONGEST_EXPORT));
        let compression = self.compression(protocol);
        let tls = self.tls_files(&endpoint);
        Some(Export {
            endpoint,
            protocol,
            compression,
            timeout: Duration::from_millis(timeout.min(longest)),
            tls,
            queue: usize::try_from(queue).unwrap_or(MOST_SPANS),
            batch: usize::try_from(batch.min(queue)).unwrap_or(MOST_SPANS),
            delay: Duration::from_millis(delay),
        })
    }

    fn protocol(&mut self, config: &TracesConfig) -> OtlpProtocol {
        let TracesConfig { flags, file, variables: _ } = config;
        let default = file.protocol.unwrap_or(OtlpProtocol::HttpProtobuf);
        if let Some(protocol) = flags.protocol {
            return protocol;
        }
        let Some((name, word)) = self.of_traces("PROTOCOL") else { return default };
        match word.to_ascii_lowercase().as_str() {
            "http/json" => {
                self.warn(format!("{name} is http/json; gridgate sends http/protobuf to the same address"));
                OtlpProtocol::HttpProtobuf
            }
            word => OtlpProtocol::from_word(word).unwrap_or_else(|| {
                self.warn(format!("{name} must be http/protobuf or grpc; {} is spoken", default.as_str()));
                default
            }),
        }
    }

    /// A whole number within a range; outside of it, or unreadable, its default, or the largest.
    fn number(&mut self, name: &str, default: u64, least: u64, most: u64) -> u64 {
        let Some(text) = self.variables.get(name) else { return default };
        // Beyond what a number can be is still too large, and not unreadable.
        let is_digits = text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) => number,
            Ok(number) if number < least => {
                self.warn(format!("{name} must be at least {least}; {default} holds"));
                default
            }
            Err(_) if !is_digits => {
                self.warn(format!("{name} must be a whole number; {default} holds"));
                default
            }
            Ok(_) | Err(_) => {
                self.warn(format!("{name} is more than {most}; {most} holds"));
                most
            }
        }
    }

    fn compression(&mut self, protocol: OtlpProtocol) -> Option<Compression> {
        let (name, word) = self.of_traces("COMPRESSION")?;
        match word.to_ascii_lowercase().as_str() {
            "none" => None,
            "gzip" => Some(Compression::Gzip),
            "zstd" if protocol == OtlpProtocol::HttpProtobuf => {
                self.warn(format!("{name} is zstd, which needs gRPC; gzip is used"));
                Some(Compression::Gzip)
            }
            "zstd" => Some(Compression::Zstd),
            _ => {
                self.warn(format!("{name} must be gzip, zstd or none; nothing is compressed"));
                None
            }
        }
    }

    fn tls_files(&mut self, endpoint: &reqwest::Url) -> TlsFiles {
        let [ca, certificate, key] = ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"]
            .map(|what| self.of_traces(what).map(|(variable, path)| NamedFile { variable, path: PathBuf::from(path) }));
        if endpoint.scheme() != "https" {
            for file in [ca, certificate, key].into_iter().flatten() {
                self.warn(format!("{} has no effect: the collector's address begins with http://", file.variable));
            }
            return TlsFiles::default();
        }
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (Some(file), None) | (None, Some(file)) => {
                self.warn(format!(
                    "{} has no effect: a certificate needs both OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and \
                     OTEL_EXPORTER_OTLP_CLIENT_KEY",
                    file.variable
                ));
                None
            }
            (None, None) => None,
        };
        TlsFiles { ca, identity }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
