//! What the demo did and saw: data, which reports show in their own way.

use super::expect::Verdict;
use super::tree::Tree;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// One call, what came of it, and whether that was right.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    /// The flow that it belongs to.
    pub(super) flow: &'static str,
    /// Counts the steps of the flow, from 1.
    pub(super) number: usize,
    /// Why this call is made.
    pub(super) about: String,
    /// What was called.
    pub(super) call: Call,
    /// What went in.
    pub(super) sent: Tree,
    /// What came back.
    pub(super) came: Outcome,
    /// What should have come back.
    pub(super) expectations: Vec<Verdict>,
    /// Whether all of it did.
    pub(super) held: bool,
    /// How long the call took; the last one, where it was repeated.
    #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
    pub(super) elapsed: Duration,
    /// How often it was called until it was right.
    pub(super) calls: u32,
}

/// What was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "to", rename_all = "lowercase")]
pub(super) enum Call {
    /// A method of gridgate, as `Service/Method`.
    Gridgate { rpc: String },
    /// A path of the sandbox that is not Grid's: the part of a person, such as a reviewer.
    Sandbox { method: String, path: String },
}

/// What came back.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Outcome {
    /// gRPC's code, or HTTP's of the sandbox.
    pub(super) code: String,
    /// Whether this code is a success.
    pub(super) ok: bool,
    /// The response, or the status with its details.
    pub(super) body: Tree,
}

/// A change of a status that was heard while the flows were played.
#[derive(Debug, Serialize)]
pub(super) struct Heard {
    /// The flow that was being played.
    pub(super) flow: &'static str,
    pub(super) customer_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) platform_customer_id: String,
    /// Empty where it is the customer's own status.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) verification_id: String,
    /// Grid's word for the status before; empty where there was none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) previous: String,
    /// Grid's word for the status.
    pub(super) status: String,
    pub(super) is_decision: bool,
    pub(super) is_deleted: bool,
    /// How gridgate learned it.
    pub(super) source: &'static str,
}

/// A step that was not made, and why.
#[derive(Debug, Serialize)]
pub(super) struct LeftOut {
    pub(super) flow: &'static str,
    pub(super) about: String,
    pub(super) why: &'static str,
}

/// What it all came to.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) flows: Vec<FlowSummary>,
    /// Whether every flow was played.
    pub(super) complete: bool,
    /// Methods that were called, as `Service/Method`.
    pub(super) methods_called: Vec<String>,
    /// Methods that should have been and were not.
    pub(super) methods_missing: Vec<String>,
    pub(super) left_out: usize,
    /// How many changes of a status were heard.
    pub(super) changes_heard: usize,
    /// Why some may not have been heard, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hearing_broken: Option<String>,
    /// Whether everything was as expected.
    pub(super) held: bool,
    #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
    pub(super) elapsed: Duration,
}

/// What a flow came to.
#[derive(Debug, Clone, Serialize)]
pub(super) struct FlowSummary {
    pub(super) flow: &'static str,
    pub(super) title: &'static str,
    pub(super) steps: usize,
    /// The numbers of the steps that did not come out as expected.
    pub(super) failed: Vec<usize>,
    /// Whether it ended early, since a later step needs what an earlier one did not yield.
    pub(super) given_up: bool,
}

impl FlowSummary {
    /// Whether everything was as expected.
    pub(super) fn held(&self) -> bool {
        self.failed.is_empty() && !self.given_up
    }
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Call::Gridgate { rpc } => f.write_str(rpc),
            Call::Sandbox { method, path } => write!(f, "{method} {path}"),
        }
    }
}
