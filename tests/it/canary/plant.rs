//! Puts canaries where the protos mark a field as personal.

use serde_json::{Value, json};

use super::CANARY;
use crate::support::api::{Rpc, Sends};
use crate::support::equivalent::{self, Placed};

/// Hands out canaries, no two the same, in the shapes that personal data has.
#[derive(Default)]
pub(super) struct Aviary {
    hatched: usize,
}

impl Aviary {
    pub(super) fn hatch(&mut self) -> String {
        self.hatched += 1;
        let bird = format!("{CANARY}{:04}", self.hatched);
        match self.hatched % 6 {
            0 => format!("{bird}a {bird}b-{bird}c"),
            1 => format!("+1 {bird}"),
            2 => format!("{bird}@{bird}.example"),
            3 => format!("Zoë {bird}ü, {bird}"),
            4 => bird.to_uppercase(),
            _ => bird,
        }
    }

    /// What is sent to Grid, with canaries.
    pub(super) fn sent(&mut self, rpc: &Rpc, sent: &Value) -> Value {
        self.plant(sent, &equivalent::request(rpc, "", sent).placed)
    }

    /// What Grid answers, with canaries.
    pub(super) fn answered(&mut self, rpc: &Rpc, answer: &Value) -> Value {
        let mut placed = equivalent::answer(rpc, answer).placed;
        if rpc.sends == Sends::Query {
            // Rows and cursor have other names in a response than in Grid's answer.
            for leaf in &mut placed {
                leaf.pointer = match leaf.pointer[1..].split_once('/') {
                    Some((_, rest)) => format!("/data/{rest}"),
                    None => leaf.pointer.replace("nextPageToken", "nextCursor"),
                };
            }
        }
        self.plant(answer, &placed)
    }

    fn plant(&mut self, json: &Value, placed: &[Placed]) -> Value {
        let mut planted = json.clone();
        for leaf in placed.iter().filter(|leaf| leaf.personal) {
            let slot = planted.pointer_mut(&leaf.pointer).unwrap();
            *slot = match slot {
                Value::String(_) => json!(self.hatch()),
                Value::Object(_) => json!({ "note": self.hatch() }),
                other => panic!("{} is personal, and {other}", leaf.grid),
            };
        }
        planted
    }
}

/// Every canary in it.
pub(super) fn birds(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) if text.to_lowercase().contains(CANARY) => vec![text],
        Value::Array(items) => items.iter().flat_map(birds).collect(),
        Value::Object(fields) => fields.values().flat_map(birds).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
