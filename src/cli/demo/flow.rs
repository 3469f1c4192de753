//! The flows as `flows/*.toml` has them: what is called, with what, and what should come back.
//!
//! A step calls one thing: `call.METHOD` a method of gridgate, whose request is in protobuf's JSON; `call."/control/…"` a
//! path of the sandbox; `call."${link}"` the hosted page behind a link. `with` names parts of requests that the call's own
//! fields complete. `keep` gives names to what came back, and `${name}` stands for that in any later text. `${run}` differs
//! from run to run, and `${uuid}` is a random UUID for the length of a flow.
//!
//! A step with steps of its own is a group, which is made once for each entry of `each`, whose names it may use.

use super::expect::Expectation;
use super::names::Names;
use super::upload::Upload;
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Every flow by its name. The first is chapter 1.
macro_rules! flows {
    ($($name:literal),+) => {
        [$(($name, include_str!(concat!("flows/", $name, ".toml")))),+]
    };
}

const FLOWS: [(&str, &str); 15] = flows![
    "platform",
    "regulated",
    "hosted-link",
    "contact-verification",
    "individual",
    "poor-documents",
    "business",
    "decisions",
    "at-creation",
    "watching",
    "import",
    "updates",
    "wallet",
    "listings",
    "errors"
];

/// How many flows there are.
pub(super) const CHAPTERS: i64 = FLOWS.len() as i64;

/// Parts of requests for every flow.
const PARTS: &str = include_str!("flows/parts.toml");

/// A flow is not written as flows are.
#[derive(Debug, thiserror::Error)]
pub(super) enum FlowError {
    #[error("the flow {0} cannot be read")]
    Unreadable(&'static str, #[source] toml::de::Error),
    #[error("{about}: there is no part {part}")]
    NoPart { about: String, part: String },
    #[error("{0}: a step is one call, or a group of steps")]
    NoCall(String),
}

/// A month whose Grid is played: its API and its sandbox's rules have changed since August 2026.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Deserialize)]
pub(super) enum Release {
    /// The sandbox decides about individuals when they are created. Steps that need what came later are left out.
    #[value(name = "2026-08")]
    #[serde(rename = "2026-08")]
    August,
    /// The sandbox decides when a verification is complete.
    #[value(name = "2026-09")]
    #[serde(rename = "2026-09")]
    September,
}

type Parts = BTreeMap<String, Value>;

/// A short story of calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flow {
    /// Its place among all, from 1.
    #[serde(skip)]
    pub(super) chapter: usize,
    /// As on the command line.
    #[serde(skip)]
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) about: String,
    /// Names that stand for something else with each release.
    #[serde(default)]
    names: BTreeMap<Release, Names>,
    #[serde(default)]
    parts: Parts,
    #[serde(rename = "step")]
    steps: Vec<Step>,
}

/// A call, or a group of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// Why it is made.
    pub(super) about: String,
    /// Only Grid since this release has what it needs: before, it is left out, and that is said.
    since: Option<Release>,
    /// Only the story of this release has it.
    only: Option<Release>,
    /// Grid's API description forbids its request.
    #[serde(default)]
    invalid: bool,
    /// It is made even where the flow could not go on.
    #[serde(default)]
    pub(super) always: bool,
    #[serde(default)]
    each: Vec<Names>,
    #[serde(default, rename = "step")]
    steps: Vec<Step>,
    #[serde(default)]
    with: Vec<String>,
    #[serde(default)]
    call: BTreeMap<String, Value>,
    /// The file that a stream of requests carries.
    pub(super) upload: Option<Upload>,
    /// The code that is expected instead of success.
    pub(super) code: Option<String>,
    /// The call is repeated until this holds.
    pub(super) until: Option<Expectation>,
    /// A stream of responses is read until one has this field; to its end, if none is named.
    pub(super) read_until: Option<String>,
    #[serde(default)]
    pub(super) expect: Vec<Expectation>,
    /// Names for what paths of the response lead to.
    #[serde(default)]
    pub(super) keep: BTreeMap<String, String>,
}

/// What becomes of a step in a run.
#[derive(Debug)]
pub(super) enum Planned<'a> {
    /// It is made, with the names of its group.
    Call(&'a Step, Option<&'a Names>),
    /// It is left out, and with it these calls.
    LeftOut { about: &'a str, why: &'static str, calls: Vec<&'a str> },
}

impl Flow {
    /// The names of all flows, in their order.
    pub(super) fn all_names() -> [&'static str; FLOWS.len()] {
        FLOWS.map(|(name, _)| name)
    }

    /// Reads every flow.
    pub(super) fn all() -> Result<Vec<Flow>, FlowError> {
        let shared: Parts = toml::from_str(PARTS).map_err(|error| FlowError::Unreadable("parts", error))?;
        (1..).zip(FLOWS).map(|(chapter, (name, text))| Flow::read(chapter, name, text, &shared)).collect()
    }

    fn read(chapter: usize, name: &'static str, text: &str, shared: &Parts) -> Result<Flow, FlowError> {
        let mut flow: Flow = toml::from_str(text).map_err(|error| FlowError::Unreadable(name, error))?;
        let mut parts = shared.clone();
        parts.append(&mut flow.parts);
        flow.steps.iter_mut().try_for_each(|step| step.complete(&parts))?;
        Ok(Flow { chapter, name, ..flow })
    }

    /// The names that a release gives.
    pub(super) fn names(&self, release: Release) -> Names {
        self.names.get(&release).cloned().unwrap_or_default()
    }

    /// Its steps in the order in which they are made.
    pub(super) fn plan(&self, release: Release, valid_only: bool) -> Vec<Planned<'_>> {
        let mut planned = Vec::new();
        self.steps.iter().for_each(|step| step.plan(release, valid_only, None, &mut planned));
        planned
    }
}

impl Step {
    /// Puts the parts that it names into its request.
    fn complete(&mut self, parts: &Parts) -> Result<(), FlowError> {
        self.steps.iter_mut().try_for_each(|step| step.complete(parts))?;
        if usize::from(self.steps.is_empty()) != self.call.len() {
            return Err(FlowError::NoCall(self.about.clone()));
        }
        for request in self.call.values_mut() {
            let mut whole = Value::Object(serde_json::Map::new());
            for name in &self.with {
                let no_part = || FlowError::NoPart { about: self.about.clone(), part: name.clone() };
                merge(&mut whole, parts.get(name).ok_or_else(no_part)?);
            }
            merge(&mut whole, request);
            *request = whole;
        }
        Ok(())
    }

    fn plan<'a>(&'a self, release: Release, valid_only: bool, names: Option<&'a Names>, to: &mut Vec<Planned<'a>>) {
        let why = if self.since.is_some_and(|since| release < since) {
            Some("the Grid that is played does not have it yet (--grid)")
        } else if self.invalid && valid_only {
            Some("its request breaks Grid's API description (--valid-only)")
        } else {
            None
        };
        if self.only.is_some_and(|only| release != only) {
            return;
        }
        if let Some(why) = why {
            let mut calls = Vec::new();
            self.calls(&mut calls);
            to.push(Planned::LeftOut { about: &self.about, why, calls });
        } else if self.steps.is_empty() {
            to.push(Planned::Call(self, names));
        } else if self.each.is_empty() {
            self.steps.iter().for_each(|step| step.plan(release, valid_only, names, to));
        } else {
            for names in &self.each {
                self.steps.iter().for_each(|step| step.plan(release, valid_only, Some(names), to));
            }
        }
    }

    /// What is called, here and in the steps of a group.
    fn calls<'a>(&'a self, calls: &mut Vec<&'a str>) {
        calls.extend(self.call.keys().map(String::as_str));
        self.steps.iter().for_each(|step| step.calls(calls));
    }

    /// What it calls, and the request.
    pub(super) fn call(&self) -> Option<(&str, &Value)> {
        self.call.iter().next().map(|(called, request)| (called.as_str(), request))
    }
}

/// Sets what `other` has, field by field.
fn merge(value: &mut Value, other: &Value) {
    match (value, other) {
        (Value::Object(fields), Value::Object(others)) => {
            for (name, other) in others {
                merge(fields.entry(name).or_insert(Value::Null), other);
            }
        }
        (value, other) => *value = other.clone(),
    }
}

#[cfg(test)]
mod tests;
