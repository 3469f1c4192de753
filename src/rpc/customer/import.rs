//! Bulk imports: a CSV on its way through, and the job it becomes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tonic::{Status, Streaming};

use crate::grid;
use crate::grid::{Call, Client, model};
use crate::pb;
use crate::rpc::mapping::{IntoApi as _, mapping};
use crate::rpc::{Error, Violations};

/// Streams the file to Grid while it arrives; nothing of it is kept.
pub(super) async fn stream_through(
    grid: &Client,
    call: &Call,
    mut requests: Streaming<pb::ImportCustomersRequest>,
) -> Result<pb::ImportCustomersResponse, Error> {
    let first = first_chunk(&mut requests).await?;
    // Why the caller's stream broke, if it did: the client of Grid only learns that it did. The lock guards that one
    // status, and is held for no longer than it takes to put it there or take it.
    let broken = Arc::new(Mutex::new(None::<Status>));
    let seen = Arc::clone(&broken);
    let chunks = requests.map(move |request| match request {
        Ok(pb::ImportCustomersRequest { chunk }) => Ok::<Bytes, Status>(chunk),
        Err(status) => {
            if let Ok(mut slot) = seen.lock() {
                *slot = Some(status.clone());
            }
            Err(status)
        }
    });
    let chunks = stream::iter([Ok(first)]).chain(chunks);
    match grid.import_customers(call, chunks).await {
        Ok(accepted) => Ok(accepted.into_api()),
        Err(error @ grid::Error::UploadBrokenOff { .. }) => {
            let status = broken.lock().ok().and_then(|mut slot| slot.take());
            Err(status.map_or_else(|| error.into(), Error::BrokenStream))
        }
        Err(error) => Err(error.into()),
    }
}

/// The first bytes of the file. Grid is asked only once there are some: a call without any is a mistake of the caller's.
async fn first_chunk(requests: &mut Streaming<pb::ImportCustomersRequest>) -> Result<Bytes, Error> {
    while let Some(pb::ImportCustomersRequest { chunk }) = requests.message().await.map_err(Error::BrokenStream)? {
        if !chunk.is_empty() {
            return Ok(chunk);
        }
    }
    Err(Violations::of("chunk", "must hold the CSV file; the stream had no bytes"))
}

mapping! {
    answer pb::ImportCustomersResponse = model::ImportJobAccepted {
        same: job_id;
        words: status + status_raw;
    }
}
mapping! {
    answer pb::ImportJob = model::ImportJob {
        same: id, errors, completed_at;
        words: status + status_raw;
        used: progress;
        made: progress = Some(progress.unwrap_or_default().into_api());
    }
}
mapping! {
    answer pb::ImportJobProgress = model::ImportProgress {
        same: total, processed, successful, failed;
    }
}
mapping! {
    answer pb::ImportJobError = model::ImportError {
        same: correlation_id, code, message;
        used: details;
        made: details = (!details.is_empty()).then(|| to_struct(details, 1));
    }
}

/// How deep details may nest. A level of an object is three of protobuf's messages, and clients decode no more than 100.
const MAX_DEPTH: usize = 24;

/// What stands for an object or list that is nested deeper.
const TOO_DEEP: &str = "(left out: nested too deep)";

fn to_struct(object: serde_json::Map<String, serde_json::Value>, depth: usize) -> prost_types::Struct {
    let fields: BTreeMap<_, _> = object.into_iter().map(|(name, value)| (name, to_value(value, depth))).collect();
    prost_types::Struct { fields }
}

/// JSON as `google.protobuf.Value`, in an object of this depth.
fn to_value(value: serde_json::Value, depth: usize) -> prost_types::Value {
    use prost_types::value::Kind;
    let kind = match value {
        serde_json::Value::Array(_) | serde_json::Value::Object(_) if depth == MAX_DEPTH => {
            Kind::StringValue(TOO_DEEP.to_owned())
        }
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(yes) => Kind::BoolValue(yes),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(list) => Kind::ListValue(prost_types::ListValue {
            values: list.into_iter().map(|item| to_value(item, depth + 1)).collect(),
        }),
        serde_json::Value::Object(object) => Kind::StructValue(to_struct(object, depth + 1)),
    };
    prost_types::Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn details_are_cut_where_clients_could_not_decode_them_any_more() {
        for wrap in [|inner| json!({ "a": inner }), |inner| json!([inner]), |inner| json!([{ "a": inner }])] {
            let mut value = json!("the innermost");
            for _ in 0..90 {
                value = wrap(value);
            }
            let error = model::ImportError {
                details: serde_json::Map::from_iter([("x".to_owned(), value)]),
                ..Default::default()
            };
            let job = model::ImportJob { errors: Some(vec![error]), ..Default::default() };
            let response = pb::GetImportJobResponse { import_job: Some(job.into_api()) };
            // prost decodes as many levels as other clients do.
            let decoded = pb::GetImportJobResponse::decode(response.encode_to_vec().as_slice()).unwrap();
            let shown = format!("{:?}", decoded.import_job.unwrap().errors[0].details);
            assert!(shown.contains(TOO_DEEP) && !shown.contains("innermost"), "{shown}");
        }
    }

    #[test]
    fn details_that_are_not_deep_are_whole() {
        let mut value = json!("the innermost");
        for _ in 0..MAX_DEPTH - 1 {
            value = json!({ "a": value });
        }
        let shown = format!("{:?}", to_struct(serde_json::Map::from_iter([("x".to_owned(), value)]), 1));
        assert!(shown.contains("innermost") && !shown.contains(TOO_DEEP), "{shown}");
    }
}
