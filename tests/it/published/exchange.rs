//! One published example, and its round trip.

use heck::ToSnakeCase as _;
use prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use serde_json::{Value, json};

use crate::support::api::{Rpc, Sends};
use crate::support::details::Details;
use crate::support::diff::differences;
use crate::support::errors_doc;
use crate::support::fake_grid::Reply;
use crate::support::odd::{self, Odd};
use crate::support::stage::{CSV, PDF, Stage, full_answer, in_chunks, said};
use crate::support::{equivalent, samples};

/// What Grid's documents have and this API, deliberately, has not: the statuses in schemas of requests, which are not for
/// sending.
const LEFT_OUT: &[(&str, Kind, &str)] = &[
    ("CreateCustomer", Kind::Sent, "kycStatus"),
    ("CreateCustomer", Kind::Sent, "kybStatus"),
    ("UpdateCustomer", Kind::Sent, "kycStatus"),
    ("UpdateCustomer", Kind::Sent, "kybStatus"),
];

/// One example.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Where it stands.
    pub(super) source: String,
    pub(super) rpc: &'static Rpc,
    pub(super) part: Part,
}

#[derive(Debug)]
pub(super) enum Part {
    /// Query parameters, a JSON body, or the fields beside a file.
    Sent(Value),
    /// The body of an answer with this status.
    Answered(u16, Value),
    /// The body of an error with this status.
    Refused(u16, Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Sent,
    Answered,
    Refused,
}

impl Exchange {
    pub(super) fn kind(&self) -> Kind {
        match self.part {
            Part::Sent(_) => Kind::Sent,
            Part::Answered(..) => Kind::Answered,
            Part::Refused(..) => Kind::Refused,
        }
    }

    /// Plays it; what is wrong, if anything.
    pub(super) async fn play(&self, stage: &Stage) -> Result<(), String> {
        stage.upstream.take_requests();
        match &self.part {
            Part::Sent(sent) => self.send(stage, sent).await,
            Part::Answered(status, answer) => self.answer(stage, *status, answer).await,
            Part::Refused(status, error) => self.refuse(stage, *status, error).await,
        }
    }

    /// The answer with each of its fields in turn not as documented.
    pub(super) fn variations(&self) -> Vec<(&'static Rpc, Odd)> {
        // What a wallet has to sign is another answer than usual.
        let Part::Answered(status, answer) = &self.part else { return Vec::new() };
        if *status == 202 && self.rpc.name == "UpdateCustomer" || !answer.is_object() {
            return Vec::new();
        }
        let answer = self.without_what_is_left_out(answer);
        odd::variations(self.rpc, &answer).into_iter().map(|odd| (self.rpc, odd)).collect()
    }

    fn without_what_is_left_out(&self, body: &Value) -> Value {
        let mut body = body.clone();
        for (_, _, name) in LEFT_OUT.iter().filter(|(rpc, kind, _)| (*rpc, *kind) == (self.rpc.name, self.kind())) {
            body.as_object_mut().map(|fields| fields.remove(*name));
        }
        body
    }

    async fn send(&self, stage: &Stage, sent: &Value) -> Result<(), String> {
        let Self { rpc, .. } = self;
        stage.on(rpc, full_answer(rpc));
        let sent = self.without_what_is_left_out(sent);
        let request = equivalent::request(rpc, rpc.id.map_or("", samples::id_for), &sent);
        check_lost(&request.lost)?;
        let messages = match rpc.sends {
            Sends::Document => in_chunks(request.message, PDF, PDF.len()),
            Sends::Csv => in_chunks(request.message, CSV, CSV.len()),
            Sends::Nothing | Sends::Query | Sends::Json(_) => vec![request.message],
        };
        stage.gateway.call(rpc, messages).await.map_err(|status| format!("{sent} ended with {status:?}"))?;
        let received = stage.received();
        let mut expected = with_times(&sent);
        let arrived = with_times(&said(rpc, &received).await);
        // What is made up where the caller says nothing.
        for (name, value) in [("platformCustomerId", &arrived["platformCustomerId"]), ("limit", &json!("20"))] {
            let made_up =
                (name == "limit" && rpc.sends == Sends::Query) || (rpc.name == "CreateCustomer" && name != "limit");
            if made_up && expected.get(name).is_none() {
                expected[name] = value.clone();
            }
        }
        same(&expected, &arrived)
    }

    async fn answer(&self, stage: &Stage, status: u16, answer: &Value) -> Result<(), String> {
        let Self { rpc, .. } = self;
        stage.on(rpc, Reply::json(status, answer.clone()));
        let field = if status == 202 && rpc.name == "UpdateCustomer" { "challenge" } else { rpc.answers };
        let expected = equivalent::answer_in(rpc, field, &self.without_what_is_left_out(answer));
        check_lost(&expected.lost)?;
        let got = stage.call(rpc, &samples::sent_by(rpc.name)).await;
        let got = got.map_err(|status| format!("{answer} ended with {status:?}"))?;
        let expected = expected.message;
        let expected = DynamicMessage::decode(expected.descriptor(), expected.encode_to_vec().as_slice()).unwrap();
        let json = |message: &DynamicMessage| serde_json::to_value(message).unwrap();
        if got == expected { Ok(()) } else { same(&json(&expected), &json(&got)).and(Err("bytes differ".to_owned())) }
    }

    async fn refuse(&self, stage: &Stage, status: u16, error: &Value) -> Result<(), String> {
        let Self { rpc, .. } = self;
        stage.on(rpc, Reply::json(status, error.clone()));
        let Err(got) = stage.call(rpc, &samples::sent_by(rpc.name)).await else {
            return Err(format!("{error} was not an error"));
        };
        let details = Details::of(&got);
        let code = error["code"].as_str();
        let expected = errors_doc::code_of_refusal(rpc.name, status, code);
        if (got.code(), Some(details.reason.as_str())) != (expected, code) {
            return Err(format!("{error} became {got:?}, not {expected:?}"));
        }
        let words = error["reason"].as_str().or(error["message"].as_str()).unwrap_or_default();
        if !got.message().contains(words) {
            return Err(format!("{words:?} became {:?}", got.message()));
        }
        for (name, said) in error["details"].as_object().into_iter().flatten() {
            let told = details.metadata.get(&format!("details_{}", name.to_snake_case()));
            let text = said.as_str().map_or(said.to_string(), str::to_owned);
            // An object, a list and a sentence may hold a customer's data, and stay here.
            let is_code = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let may_pass = !said.is_object() && !said.is_array() && is_code;
            if !["errors", "lockedUntil"].contains(&name.as_str()) && may_pass && told != Some(&text) {
                return Err(format!("{name} became {told:?}"));
            }
        }
        let texts = |list: &Value| list.as_array().map_or(&[][..], Vec::as_slice).to_vec();
        let (said, file) = (texts(&error["details"]["errors"]), texts(&error["precheckErrors"]));
        let told = details.field_errors.map(|told| told.errors).unwrap_or_default();
        if said.len() + file.len() != told.len() {
            return Err(format!("{error} became {told:?}"));
        }
        for (said, told) in file.iter().zip(&told[said.len()..]) {
            if (told.field.as_str(), told.message.as_deref()) != ("chunk", said.as_str()) {
                return Err(format!("{said} became {told:?}"));
            }
        }
        for (said, told) in said.iter().zip(&told) {
            let constraint = &said["constraint"];
            let agrees = constraint["format"].as_str() == told.format.as_deref()
                && constraint["pattern"].as_str() == told.pattern.as_deref()
                && constraint["minLength"].as_i64() == told.min_length
                && constraint["maxLength"].as_i64() == told.max_length
                && constraint["enum"].as_array().map_or(0, Vec::len) == told.allowed_values.len()
                && said["field"] == told.grid_field.as_str()
                && said["message"].is_string() == told.message.is_some();
            if !agrees {
                return Err(format!("{said} became {told:?}"));
            }
        }
        Ok(())
    }
}

/// Plays an answer that is not as documented.
pub(super) async fn plays_oddly(stage: &Stage, rpc: &Rpc, odd: &Odd) -> Result<(), String> {
    stage.answers(rpc, &odd.answer);
    let got = stage.call(rpc, &samples::sent_by(rpc.name)).await.map_err(|status| format!("{status:?}"))?;
    let expected = equivalent::answer(rpc, &odd.like).message;
    same(&odd::without_losses(&expected), &odd::without_losses(&got))
}

fn same(expected: &Value, got: &Value) -> Result<(), String> {
    let differences = differences(expected, got);
    if differences.is_empty() { Ok(()) } else { Err(differences.join("; ")) }
}

fn check_lost(lost: &[String]) -> Result<(), String> {
    if lost.is_empty() { Ok(()) } else { Err(format!("the API has no place for {lost:?}")) }
}

/// Times in one way of writing, so that those that mean the same instant are equal.
fn with_times(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.parse::<jiff::Timestamp>() {
            Ok(time) => Value::String(time.to_string()),
            Err(_) => value.clone(),
        },
        Value::Array(items) => items.iter().map(with_times).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), with_times(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
