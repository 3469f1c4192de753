//! Types of customers, what makes up for an id of the platform's, and ids on their way into paths.

use prost_reflect::{DynamicMessage, Value as Field};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::api::{RPCS, Rpc};
use crate::support::samples;
use crate::support::stage::{Stage, full_answer, messages};

const REQUEST_ID: &str = "0190D3C2-7b1e-7cc3-98c4-dc0c0c07398f";

fn request(rpc: &Rpc, json: Value) -> DynamicMessage {
    DynamicMessage::deserialize(rpc.request(), json).unwrap()
}

/// What Grid gets when this is asked for.
async fn body_of(stage: &Stage, rpc: &Rpc, asked: Value) -> Value {
    stage.gateway.call(rpc, vec![request(rpc, asked)]).await.unwrap();
    stage.received().json()
}

#[tokio::test]
async fn a_type_is_named_by_itself_or_by_its_details() {
    let stage = Stage::start().await;
    let (create, update) = (Rpc::named("CreateCustomer"), Rpc::named("UpdateCustomer"));
    stage.answers_everything(RPCS);
    for (value, word, details, other) in [
        ("CUSTOMER_TYPE_INDIVIDUAL", "INDIVIDUAL", json!({ "individual": {} }), json!({ "individual": { "edd": {} } })),
        ("CUSTOMER_TYPE_BUSINESS", "BUSINESS", json!({ "business": {} }), json!({ "business": {} })),
    ] {
        let bare = json!({ "customerType": value });
        let mut both = details.clone();
        both["customerType"] = json!(value);
        for asked in [&bare, &details, &both, &other] {
            let mut asked = asked.clone();
            asked["platformCustomerId"] = json!("p");
            let sent = body_of(&stage, create, asked).await;
            assert_eq!(sent, json!({ "customerType": word, "platformCustomerId": "p" }));
        }
        for asked in [bare, json!({ "customer": details })] {
            let mut asked = asked.clone();
            asked["customerId"] = json!(samples::CUSTOMER);
            assert_eq!(body_of(&stage, update, asked).await, json!({ "customerType": word }));
        }
    }
}

#[tokio::test]
async fn every_customer_has_an_id_of_the_platforms() {
    let stage = Stage::start().await;
    let create = Rpc::named("CreateCustomer");
    stage.on(create, full_answer(create));
    let asked = |more: Value| {
        let mut asked = json!({ "customerType": "CUSTOMER_TYPE_BUSINESS" });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asked
    };
    let own = body_of(&stage, create, asked(json!({ "platformCustomerId": "own", "requestId": REQUEST_ID }))).await;
    assert_eq!(own["platformCustomerId"], "own");
    let requested = body_of(&stage, create, asked(json!({ "requestId": REQUEST_ID }))).await;
    assert_eq!(requested["platformCustomerId"], REQUEST_ID.to_lowercase());
    let mut made_up = Vec::new();
    for _ in 0..2 {
        let body = body_of(&stage, create, asked(json!({}))).await;
        made_up.push(body["platformCustomerId"].as_str().unwrap().parse::<Uuid>().unwrap());
    }
    assert_ne!(made_up[0], made_up[1]);
}

#[tokio::test]
async fn an_id_is_one_segment_of_a_path() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    for rpc in RPCS {
        let Some(field) = rpc.id else { continue };
        for (id, segment) in [
            ("Kund:ü;a=b&c@d+e$f,g'h", "Kund:%C3%BC%3Ba%3Db%26c%40d%2Be%24f%2Cg%27h"),
            ("jobs", "jobs"),
            ("...", "..."),
            ("verify-email", "verify-email"),
        ] {
            let mut messages = messages(rpc, &samples::sent_by(rpc.name));
            set(&mut messages[0], field, id);
            stage.gateway.call(rpc, messages).await.unwrap();
            assert_eq!(stage.received().path, rpc.path_of(segment), "{}", rpc.name);
        }
    }
}

/// Sets a text, given by its path.
fn set(message: &mut DynamicMessage, path: &str, text: &str) {
    match path.split_once('.') {
        Some((outer, rest)) => {
            set(message.get_field_by_name_mut(outer).unwrap().as_message_mut().unwrap(), rest, text);
        }
        None => message.set_field_by_name(path, Field::String(text.to_owned())),
    }
}
