//! One request to Grid, as an operation describes it: enough to send it as often as the rules allow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use reqwest::header::{HeaderName, HeaderValue};
use serde::Serialize;

use crate::DocumentFile;
use crate::filter::Query;
use crate::model::DocumentFields;
use crate::{Operation, ResourceId};

/// What is sent, before it is known how often.
pub(crate) struct Request {
    pub(super) operation: Operation,
    /// Below the base URL, encoded.
    pub(super) path: String,
    pub(super) query: Query,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) payload: Payload,
}

/// The body of a request.
pub(crate) enum Payload {
    /// None.
    Empty,
    /// JSON, encoded once.
    Json(Bytes),
    /// Multipart: a file and the fields beside it.
    Document(DocumentFields, DocumentFile),
    /// Multipart: a file that streams through, and so can be sent once only.
    Stream(StreamedFile),
}

/// A file on its way through.
pub(crate) struct StreamedFile {
    /// Empty once it has been taken to be sent.
    body: Option<reqwest::Body>,
    /// Set when the stream ended with an error.
    failed: Arc<AtomicBool>,
}

/// Ends a request whose source failed; the stream's creator keeps the source's own error.
#[derive(Debug, thiserror::Error)]
#[error("the upload's source failed")]
struct SourceFailed;

impl StreamedFile {
    pub(crate) fn new<S, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: 'static,
    {
        let failed = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&failed);
        let watched = stream.map_err(move |_| {
            flag.store(true, Ordering::Release);
            SourceFailed
        });
        Self { body: Some(reqwest::Body::wrap_stream(watched)), failed }
    }

    pub(super) fn take(&mut self) -> Option<reqwest::Body> {
        self.body.take()
    }
}

impl Request {
    /// The operation at its path template, with the id in its place.
    pub(crate) fn new(operation: Operation, id: Option<&ResourceId>) -> Self {
        let template = operation.path_template();
        let path = match (id, template.split_once("{id}")) {
            (Some(id), Some((before, after))) => format!("{before}{}{after}", id.segment()),
            _ => template.to_owned(),
        };
        Self { operation, path, query: Query::new(), headers: Vec::new(), payload: Payload::Empty }
    }

    pub(crate) fn query(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        // Structs of strings, numbers and lists always encode. Were one not to, Grid would refuse the empty body.
        let encoded = serde_json::to_vec(body)
            .inspect_err(|_| tracing::error!(operation = %self.operation, "body not encodable"));
        self.payload = Payload::Json(encoded.unwrap_or_default().into());
        self
    }

    pub(crate) fn payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    /// Whether its body has been used up, so that it can't be sent again.
    pub(super) fn is_spent(&self) -> bool {
        matches!(&self.payload, Payload::Stream(file) if file.body.is_none())
    }

    /// Whether the stream that is its body ended with an error.
    pub(super) fn source_failed(&self) -> bool {
        matches!(&self.payload, Payload::Stream(file) if file.failed.load(Ordering::Acquire))
    }
}
