//! The details of a status (`google.rpc.Status`), kept small.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use prost_types::Any;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::pb as google_rpc;

use crate::pb;
use crate::rpc::error::Resource;

/// Size of the encoded details at most, in bytes. They travel in a header, base64-encoded, and many peers refuse
/// headers of more than 8 KiB in all.
pub const MAX_DETAILS: usize = 4096;

/// Characters of one field's description, or of a status message, at most.
const MAX_TEXT: usize = 512;

/// The metadata that has the ids of the resources that it may be.
const CANDIDATES: &str = "candidates";

/// One bad field: for `BadRequest`, and what else Grid says of it.
pub(super) struct BadField {
    pub(super) path: String,
    pub(super) description: String,
    /// `SCREENSHOT`, say: a word for programs; mostly empty.
    pub(super) reason: String,
    pub(super) grid: Option<pb::FieldError>,
}

/// The details of a status in the making.
pub(super) struct Details {
    domain: &'static str,
    reason: String,
    metadata: HashMap<String, String>,
    /// Metadata that gives way to bad fields.
    extras: Vec<(String, String)>,
    fields: Vec<BadField>,
    retry: Option<Duration>,
    resource: Option<Resource>,
}

impl Details {
    pub(super) fn new(domain: &'static str, reason: &str) -> Self {
        let reason = reason.to_owned();
        let (metadata, extras) = (HashMap::new(), Vec::new());
        Self { domain, reason, metadata, extras, fields: Vec::new(), retry: None, resource: None }
    }

    pub(super) fn metadata(mut self, key: &str, value: String) -> Self {
        self.metadata.insert(key.to_owned(), value);
        self
    }

    /// Metadata as far as there is room for it.
    pub(super) fn extras(mut self, extras: Vec<(String, String)>) -> Self {
        self.extras = extras;
        self
    }

    pub(super) fn fields(mut self, fields: Vec<BadField>) -> Self {
        self.fields = fields;
        self
    }

    pub(super) fn retry(mut self, after: Option<Duration>) -> Self {
        self.retry = after;
        self
    }

    pub(super) fn resource(mut self, resource: Option<Resource>) -> Self {
        let candidates = resource.as_ref().map(|resource| resource.candidates.join(",")).unwrap_or_default();
        if !candidates.is_empty() {
            self = self.metadata(CANDIDATES, candidates);
        }
        self.resource = resource;
        self
    }

    /// The status, with as many bad fields as there is room for.
    pub(super) fn status(mut self, code: Code, message: &str) -> Status {
        let message = cut(message);
        let mut shown = self.fields.len();
        let mut encoded = self.encode(code, &message, shown);
        while encoded.len() > MAX_DETAILS && self.extras.pop().is_some() {
            encoded = self.encode(code, &message, shown);
        }
        while encoded.len() > MAX_DETAILS && shown > 0 {
            shown -= 1;
            encoded = self.encode(code, &message, shown);
        }
        if encoded.len() > MAX_DETAILS && self.metadata.remove(CANDIDATES).is_some() {
            encoded = self.encode(code, &message, shown);
        }
        if encoded.len() > MAX_DETAILS && self.resource.take().is_some() {
            encoded = self.encode(code, &message, shown);
        }
        let mut trailers = MetadataMap::new();
        if let Some(after) = self.retry {
            trailers.insert("grpc-retry-pushback-ms", u64::try_from(after.as_millis()).unwrap_or(u64::MAX).into());
        }
        Status::with_details_and_metadata(code, message, Bytes::from(encoded), trailers)
    }

    fn encode(&self, code: Code, message: &str, shown: usize) -> Vec<u8> {
        let truncated = shown < self.fields.len();
        let fields = self.fields.get(..shown).unwrap_or_default();
        let mut metadata: HashMap<_, _> = self.extras.iter().cloned().collect();
        metadata.extend(self.metadata.clone());
        if truncated {
            metadata.insert("field_violations_omitted".to_owned(), (self.fields.len() - shown).to_string());
        }
        let info = google_rpc::ErrorInfo { reason: self.reason.clone(), domain: self.domain.to_owned(), metadata };
        let mut details = vec![any("google.rpc.ErrorInfo", &info)];
        if !fields.is_empty() {
            details.push(any("google.rpc.BadRequest", &bad_request(fields)));
        }
        if self.fields.iter().any(|field| field.grid.is_some()) {
            let errors = pb::FieldErrors {
                errors: fields.iter().filter_map(|field| field.grid.clone()).map(cut_field).collect(),
                total_errors: i32::try_from(self.fields.len()).unwrap_or(i32::MAX),
                truncated,
            };
            details.push(any("gridgate.v1.FieldErrors", &errors));
        }
        if let Some(after) = self.retry {
            let retry_delay = prost_types::Duration::try_from(after).ok();
            details.push(any("google.rpc.RetryInfo", &google_rpc::RetryInfo { retry_delay }));
        }
        if let Some(Resource { resource_type, name, owner, description, candidates: _ }) = &self.resource {
            let info = google_rpc::ResourceInfo {
                resource_type: (*resource_type).to_owned(),
                resource_name: name.clone(),
                owner: owner.clone(),
                description: description.clone(),
            };
            details.push(any("google.rpc.ResourceInfo", &info));
        }
        google_rpc::Status { code: code.into(), message: message.to_owned(), details }.encode_to_vec()
    }
}

fn bad_request(fields: &[BadField]) -> google_rpc::BadRequest {
    let field_violations = fields
        .iter()
        .map(|field| google_rpc::bad_request::FieldViolation {
            field: field.path.clone(),
            description: cut(&field.description),
            reason: field.reason.clone(),
            ..Default::default()
        })
        .collect();
    google_rpc::BadRequest { field_violations }
}

fn cut_field(error: pb::FieldError) -> pb::FieldError {
    pb::FieldError { message: error.message.as_deref().map(cut), ..error }
}

/// Shortens a text, marking that something is missing.
fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn any(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    fn field(index: usize, description: &str) -> BadField {
        let path = format!("individual.field_{index}");
        let grid = pb::FieldError { field: path.clone(), message: Some(description.to_owned()), ..Default::default() };
        BadField { path, description: description.to_owned(), reason: String::new(), grid: Some(grid) }
    }

    fn field_errors(status: &Status) -> pb::FieldErrors {
        let details = google_rpc::Status::decode(status.details()).unwrap().details;
        let any = details.iter().find(|any| any.type_url.ends_with("gridgate.v1.FieldErrors")).unwrap();
        pb::FieldErrors::decode(any.value.as_slice()).unwrap()
    }

    #[test]
    fn many_bad_fields_are_cut_and_marked() {
        let fields = (0..100).map(|index| field(index, &"x".repeat(60))).collect();
        let status = Details::new("gridgate", "INVALID_REQUEST").fields(fields).status(Code::InvalidArgument, "no");
        assert!(status.details().len() <= MAX_DETAILS);
        let errors = field_errors(&status);
        assert!(errors.truncated);
        assert_eq!(errors.total_errors, 100);
        let details = status.get_error_details();
        let shown = details.bad_request().unwrap().field_violations.len();
        assert_eq!(shown, errors.errors.len());
        assert!(shown > 5);
        let omitted = details.error_info().unwrap().metadata["field_violations_omitted"].parse::<usize>().unwrap();
        assert_eq!(omitted + shown, 100);
    }

    #[test]
    fn few_bad_fields_are_all_there() {
        let status = Details::new("gridgate", "INVALID_REQUEST")
            .fields(vec![field(0, "must be an email address")])
            .status(Code::InvalidArgument, "no");
        let errors = field_errors(&status);
        assert!(!errors.truncated);
        assert_eq!(errors.errors[0].message.as_deref(), Some("must be an email address"));
        assert!(!status.get_error_details().error_info().unwrap().metadata.contains_key("field_violations_omitted"));
    }

    #[test]
    fn even_a_single_huge_field_stays_within_bounds() {
        let mut huge = field(0, &"ä".repeat(10_000));
        huge.path = "p".repeat(5_000);
        let status = Details::new("gridgate", "INVALID_REQUEST")
            .fields(vec![huge])
            .status(Code::InvalidArgument, &"m".repeat(9_999));
        assert!(status.details().len() <= MAX_DETAILS);
        assert!(status.message().chars().count() <= MAX_TEXT + 1);
    }

    #[test]
    fn large_resources_stay_within_bounds() {
        let sized = |candidate: usize, name: usize| {
            let (candidates, name) = (vec!["c".repeat(candidate); 10], "n".repeat(name));
            let resource = Resource { resource_type: "t", name, candidates, ..Resource::default() };
            Details::new("gridgate", "X").resource(Some(resource)).status(Code::AlreadyExists, "there")
        };
        let parts = |status: &Status| {
            assert!(status.details().len() <= MAX_DETAILS);
            let details = status.get_error_details();
            let has_candidates = details.error_info().unwrap().metadata.contains_key(CANDIDATES);
            (has_candidates, details.resource_info().is_some())
        };
        assert_eq!(parts(&sized(200, 200)), (true, true));
        assert_eq!(parts(&sized(1500, 200)), (false, true));
        assert_eq!(parts(&sized(1500, 20_000)), (false, false));
    }

    #[test]
    fn waiting_times_are_said_twice() {
        let status =
            Details::new("gridgate", "X").retry(Some(Duration::from_millis(1500))).status(Code::Unavailable, "later");
        assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_millis(1500)));
        assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "1500");
    }
}
