//! Why spans cannot be exported.

use crate::http_client::HttpSetupError;

/// Spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum TraceSetupError {
    /// The HTTP client could not be set up, most likely its TLS.
    #[error(transparent)]
    Http(#[from] HttpSetupError),
    /// A file cannot be used.
    #[error("{variable}: {problem}")]
    File {
        /// The variable that names it.
        variable: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The certificate that is shown to the collector cannot be used.
    #[error(
        "the files of OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY cannot be used together"
    )]
    Identity,
    /// The exporter refuses its settings. What it says of them may hold a secret.
    #[error("the exporter refuses the collector's address, or its settings")]
    Exporter,
}
