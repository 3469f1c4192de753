//! The details of a status, decoded.

use std::collections::HashMap;
use std::time::Duration;

use gridgate::pb;
use prost::Message as _;
use tonic::Status;
use tonic_types::{StatusExt as _, pb as google_rpc};

/// What a caller can read of a status.
#[derive(Debug)]
pub struct Details {
    pub domain: String,
    pub reason: String,
    pub metadata: HashMap<String, String>,
    /// Path and description of each bad field.
    pub bad_fields: Vec<(String, String)>,
    pub field_errors: Option<pb::FieldErrors>,
    pub retry_after: Option<Duration>,
    /// `grpc-retry-pushback-ms`.
    pub pushback: Option<Duration>,
    /// Type and name.
    pub resource: Option<(String, String)>,
}

impl Details {
    /// The details of a status of the program's own: `ErrorInfo` is always there.
    #[track_caller]
    pub fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
        let raw = google_rpc::Status::decode(status.details()).unwrap();
        assert_eq!((raw.code, raw.message.as_str()), (i32::from(status.code()), status.message()));
        let field_errors = raw.details.iter().find(|any| any.type_url == "type.googleapis.com/gridgate.v1.FieldErrors");
        let bad_fields = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
        let pushback = status.metadata().get("grpc-retry-pushback-ms");
        Self {
            domain: info.domain.clone(),
            reason: info.reason.clone(),
            metadata: info.metadata.clone(),
            bad_fields: bad_fields.into_iter().map(|field| (field.field, field.description)).collect(),
            field_errors: field_errors.map(|any| pb::FieldErrors::decode(any.value.as_slice()).unwrap()),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            pushback: pushback.map(|value| Duration::from_millis(value.to_str().unwrap().parse().unwrap())),
            resource: details.resource_info().map(|info| (info.resource_type.clone(), info.resource_name.clone())),
        }
    }

    /// The paths of the bad fields, in order.
    pub fn bad_paths(&self) -> Vec<&str> {
        self.bad_fields.iter().map(|(path, _)| path.as_str()).collect()
    }
}
