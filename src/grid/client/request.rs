//! One request to Grid, as an operation describes it: enough to send it as often as the rules allow.

use bytes::Bytes;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Serialize;

use crate::grid::filter::Query;
use crate::grid::model::DocumentFields;
use crate::grid::operations::DocumentFile;
use crate::grid::{Operation, ResourceId};

/// What is sent, before it is known how often.
pub(in crate::grid) struct Request {
    pub(super) operation: Operation,
    /// Below the base URL, encoded.
    pub(super) path: String,
    pub(super) query: Query,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) payload: Payload,
}

/// The body of a request.
pub(in crate::grid) enum Payload {
    /// None.
    Empty,
    /// JSON, encoded once.
    Json(Bytes),
    /// Multipart: a file and the fields beside it.
    Document(DocumentFields, DocumentFile),
    /// Multipart: a file that streams through, so it can be sent once only. Empty once it has been taken.
    Stream(Option<reqwest::Body>),
}

impl Request {
    /// The operation at its path template, with the id in its place.
    pub(in crate::grid) fn new(operation: Operation, id: Option<&ResourceId>) -> Self {
        let template = operation.path_template();
        let path = match id {
            Some(id) => template.replace("{id}", &id.segment()),
            None => template.to_owned(),
        };
        Self { operation, path, query: Query::new(), headers: Vec::new(), payload: Payload::Empty }
    }

    pub(in crate::grid) fn query(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    pub(in crate::grid) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(in crate::grid) fn json(mut self, body: &impl Serialize) -> Self {
        // Structs of strings, numbers and lists always encode. Were one not to, Grid would refuse the empty body.
        let encoded = serde_json::to_vec(body)
            .inspect_err(|_| tracing::error!(operation = %self.operation, "body not encodable"));
        self.payload = Payload::Json(encoded.unwrap_or_default().into());
        self
    }

    pub(in crate::grid) fn payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    /// Whether its body has been used up, so that it can't be sent again.
    pub(super) fn is_spent(&self) -> bool {
        matches!(self.payload, Payload::Stream(None))
    }
}
