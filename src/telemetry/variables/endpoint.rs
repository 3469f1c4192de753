//! Where the collector is.

use super::reading::Reading;
use crate::http_client::is_loopback;
use crate::telemetry::{OtelVariables, OtlpProtocol, TracesConfig};
use reqwest::Url;

/// The variables that say it, the one that counts more first.
const OF_TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const OF_ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Where spans go in HTTP, below the address that all signals have in common.
const PATH: &str = "v1/traces";

/// The collector's address, and the setting that it comes from.
pub(super) struct Endpoint {
    url: Url,
    /// The name of the setting, for messages.
    name: &'static str,
    /// Whether it is the whole URL, rather than the base to which the path of traces is appended.
    is_whole: bool,
}

/// Whether any source sets the collector's address.
pub(super) fn is_set(config: &TracesConfig) -> bool {
    let TracesConfig { flags, file, variables } = config;
    flags.endpoint.is_some() || file.endpoint.is_some() || named(variables).is_some()
}

fn named(variables: &OtelVariables) -> Option<(&'static str, &str)> {
    [OF_TRACES, OF_ALL].into_iter().find_map(|name| variables.get(name).map(|text| (name, text)))
}

impl Endpoint {
    /// The address from the flag, else the variable, else the file. `None`: none is set, or it is unusable.
    pub(super) fn find(config: &TracesConfig, reading: &mut Reading<'_>) -> Option<Self> {
        let TracesConfig { flags, file, variables } = config;
        let checked = |url: &Url| Self { url: url.clone(), name: "traces.otlp_endpoint", is_whole: false };
        if let Some(url) = &flags.endpoint {
            return Some(checked(url));
        }
        let Some((name, text)) = named(variables) else { return file.endpoint.as_ref().map(checked) };
        let url = if text.contains("://") { Url::parse(text).ok() } else { without_scheme(name, text, reading) };
        let problem = match &url {
            None => "is not a URL",
            Some(url) if !matches!(url.scheme(), "http" | "https") => "must begin with http:// or https://",
            Some(url) if !has_real_host(url) => "has no host that can be reached",
            Some(url) if !url.username().is_empty() || url.password().is_some() => {
                "must not hold a user or a password (OTEL_EXPORTER_OTLP_HEADERS may hold an authorization)"
            }
            Some(_) => return url.map(|url| Self { url, name, is_whole: name == OF_TRACES }),
        };
        reading.warn(format!("{name} {problem}; no traces are sent"));
        None
    }

    /// Where batches are sent by this protocol.
    pub(super) fn for_protocol(self, protocol: OtlpProtocol, reading: &mut Reading<'_>) -> Option<Url> {
        let Self { mut url, name, is_whole } = self;
        let (other_port, other) = match protocol {
            OtlpProtocol::HttpProtobuf => (4317, OtlpProtocol::Grpc),
            OtlpProtocol::Grpc => (4318, OtlpProtocol::HttpProtobuf),
        };
        if url.port() == Some(other_port) {
            let (spoken, meant) = (protocol.as_str(), other.as_str());
            reading.warn(format!(
                "{name} has port {other_port}, where collectors speak {meant} as a rule, and {spoken} is spoken; \
                 OTEL_EXPORTER_OTLP_PROTOCOL={meant} changes that"
            ));
        }
        match protocol {
            OtlpProtocol::HttpProtobuf if is_whole => {}
            OtlpProtocol::HttpProtobuf => {
                let path = format!("{}/{PATH}", url.path().trim_end_matches('/'));
                url.set_path(&path);
            }
            OtlpProtocol::Grpc => {
                if url.path() != "/" || url.query().is_some() {
                    reading.warn(format!("{name} has a path, which gRPC does not use"));
                }
                return Url::parse(&url.origin().ascii_serialization()).ok();
            }
        }
        Some(url)
    }
}

/// Whether the host can be one, and is not what a template left there.
fn has_real_host(url: &Url) -> bool {
    let is_of_hosts = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    url.host_str().is_some_and(|host| !host.is_empty() && host.bytes().all(is_of_hosts))
}

/// `host:port`: over TLS, as OpenTelemetry's specification has it, but where `OTEL_EXPORTER_OTLP_INSECURE` says otherwise, or
/// it is on this host.
fn without_scheme(name: &str, text: &str, reading: &mut Reading<'_>) -> Option<Url> {
    let is_insecure = reading.of_traces("INSECURE").is_some_and(|(_, word)| word.eq_ignore_ascii_case("true"));
    // A path alone would be read as a host.
    let text = Some(text).filter(|text| !text.starts_with(['/', '\\']))?;
    let plain = Url::parse(&format!("http://{text}")).ok()?;
    let (url, scheme) = if is_insecure || is_loopback(&plain) {
        (Some(plain), "http")
    } else {
        (Url::parse(&format!("https://{text}")).ok(), "https")
    };
    reading.warn(format!(
        "{name} has no scheme; gridgate uses {scheme}://; write http:// or https:// before it, or set \
         OTEL_EXPORTER_OTLP_INSECURE"
    ));
    url
}
