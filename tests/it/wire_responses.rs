//! What Grid answers reaches callers, all of it, and nothing else.

use prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use serde_json::Value;

use crate::support::api::{RPCS, Rpc};
use crate::support::diff::differences;
use crate::support::fake_grid::Reply;
use crate::support::stage::{Stage, success};
use crate::support::{equivalent, samples};

#[tokio::test]
async fn everything_that_grid_answers_comes_back() {
    let stage = Stage::start().await;
    let answered = samples::answered();
    for rpc in RPCS.iter().filter(|rpc| rpc.status != 204) {
        assert!(answered.iter().any(|(name, _)| *name == rpc.name), "{} has no sample", rpc.name);
    }
    for (name, answer) in &answered {
        comes_back(&stage, Rpc::named(name), answer).await;
    }
}

#[tokio::test]
async fn an_answer_without_a_body_is_an_empty_message() {
    let stage = Stage::start().await;
    for rpc in RPCS.iter().filter(|rpc| rpc.status == 204) {
        stage.on(rpc, success(rpc, &Value::Null));
        let answer = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap();
        assert_eq!(answer.fields().count(), 0, "{}", rpc.name);
    }
}

#[tokio::test]
async fn a_challenge_to_sign_is_an_answer() {
    let stage = Stage::start().await;
    let rpc = Rpc::named("UpdateCustomer");
    stage.on(rpc, Reply::json(202, samples::challenge()));
    let answer = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap();
    same(rpc, &answer, &equivalent::answer_in(rpc, "challenge", &samples::challenge()).message);
}

async fn comes_back(stage: &Stage, rpc: &Rpc, answer: &Value) {
    stage.answers(rpc, answer);
    let expected = equivalent::answer(rpc, answer);
    assert_eq!(expected.lost, Vec::<String>::new(), "{}", rpc.name);
    let got = stage.call(rpc, &samples::sent_by(rpc.name)).await;
    let got = got.unwrap_or_else(|status| panic!("{} answered {answer}: {status:?}", rpc.name));
    same(rpc, &got, &expected.message);
}

#[track_caller]
fn same(rpc: &Rpc, got: &DynamicMessage, expected: &DynamicMessage) {
    // A zero that was set and one that was not are the same on the wire.
    let expected = &DynamicMessage::decode(expected.descriptor(), expected.encode_to_vec().as_slice()).unwrap();
    let json = |message: &DynamicMessage| serde_json::to_value(message).unwrap();
    assert!(got == expected, "{}: {:#?}", rpc.name, differences(&json(expected), &json(got)));
}
