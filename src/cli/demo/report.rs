//! What the demo did and saw, as data.

use super::expect::Verdict;
use super::tree::Tree;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// Something that happened.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    /// Everything has been started: gridgate's gRPC API, the Grid that it calls, and the sandbox behind that.
    Started {
        grpc: &'a str,
        grid: &'a str,
        sandbox: &'a str,
    },
    Flow {
        number: usize,
        flow: &'a str,
        title: &'a str,
        about: &'a str,
    },
    Step(&'a StepReport),
    Heard(&'a Heard),
    LeftOut {
        flow: &'a str,
        about: &'a str,
        why: &'a str,
    },
    /// The flow could not go on.
    GivenUp {
        flow: &'a str,
    },
    Summary(&'a Summary),
}

/// One call, what came of it, and whether that was right.
#[derive(Debug, Serialize)]
pub(super) struct StepReport {
    pub(super) flow: String,
    #[serde(skip)]
    pub(super) chapter: usize,
    /// Counts the steps of the flow, from 1.
    pub(super) number: usize,
    pub(super) about: String,
    pub(super) call: Called,
    pub(super) sent: Tree,
    pub(super) came: Reply,
    pub(super) expectations: Vec<Verdict>,
    /// Whether all expectations held.
    pub(super) held: bool,
    /// How long the call took; the last one, where it was repeated.
    #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
    pub(super) elapsed: Duration,
    /// How often it was called until it was right.
    pub(super) calls: u32,
}

/// What was called.
#[derive(Debug, Serialize)]
#[serde(tag = "to", rename_all = "lowercase")]
pub(super) enum Called {
    /// A method of gridgate, as `Service/Method`.
    Gridgate { rpc: String },
    /// A path of the sandbox that is not Grid's: the part of a person, such as a reviewer.
    Sandbox { method: &'static str, path: String },
}

/// What came back.
#[derive(Debug, Serialize)]
pub(super) struct Reply {
    /// gRPC's code, or HTTP's of the sandbox.
    pub(super) code: String,
    /// Whether this code is a success.
    pub(super) ok: bool,
    /// The response, or the status with its details.
    pub(super) body: Tree,
}

/// A change of a status that was heard while a flow was played. Statuses are Grid's words.
#[derive(Debug, Default, Serialize)]
pub(super) struct Heard {
    pub(super) flow: String,
    pub(super) customer_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) platform_customer_id: String,
    /// Empty where it is the customer's own status.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) verification_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) previous: String,
    pub(super) status: String,
    pub(super) is_decision: bool,
    pub(super) is_deleted: bool,
    /// How gridgate learned it.
    pub(super) source: &'static str,
}

/// What it all came to.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    pub(super) flows: Vec<FlowSummary>,
    /// Whether every flow was played.
    pub(super) complete: bool,
    /// Methods that were called, as `Service/Method`.
    pub(super) methods_called: Vec<String>,
    /// Methods that should have been and were not.
    pub(super) methods_missing: Vec<String>,
    pub(super) left_out: usize,
    pub(super) changes_heard: usize,
    /// Why some changes may not have been heard, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hearing_broken: Option<String>,
    /// Whether everything was as expected.
    pub(super) held: bool,
    #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
    pub(super) elapsed: Duration,
}

/// What a flow came to.
#[derive(Debug, Default, Serialize)]
pub(super) struct FlowSummary {
    pub(super) flow: String,
    pub(super) number: usize,
    pub(super) title: String,
    pub(super) steps: usize,
    /// The numbers of the steps that were not as expected.
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
