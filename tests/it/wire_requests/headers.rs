//! Headers: the account's credentials, and what makes single calls safe to repeat or signed.

use prost_reflect::Value as Field;
use uuid::Uuid;

use crate::support::api::{RPCS, Rpc, Sends};
use crate::support::fake_grid::Received;
use crate::support::samples;
use crate::support::stage::{Stage, messages};

/// `id:secret`, the account in front of which the tests stand.
const CREDENTIALS: &str = "Basic aWQ6c2VjcmV0";

/// What only some calls may have.
const SPECIAL: [&str; 3] = ["idempotency-key", "grid-wallet-signature", "request-id"];

fn special(request: &Received) -> Vec<&str> {
    SPECIAL.into_iter().filter(|name| request.header(name).is_some()).collect()
}

#[tokio::test]
async fn every_request_says_who_asks_and_nothing_of_the_caller() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    for rpc in RPCS {
        stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap();
        let request = stage.received();
        assert_eq!(request.header("authorization"), Some(CREDENTIALS), "{}", rpc.name);
        assert_eq!(request.header("accept"), Some("application/json"), "{}", rpc.name);
        let media_type = request.header("content-type").map(|value| value.split(';').next().unwrap());
        let expected = match rpc.sends {
            Sends::Nothing | Sends::Query => None,
            Sends::Json(_) => Some("application/json"),
            Sends::Document | Sends::Csv => Some("multipart/form-data"),
        };
        assert_eq!(media_type, expected, "{}", rpc.name);
        assert!(request.header("user-agent").unwrap().starts_with("gridgate/"));
        let allowed: &[&str] = if rpc.name == "CreateKycLink" { &["idempotency-key"] } else { &[] };
        assert_eq!(special(&request), allowed, "{}", rpc.name);
        for (name, _) in &request.headers {
            assert!(!name.starts_with("grpc") && name != "te" && name != "cookie", "{}: {name}", rpc.name);
        }
    }
}

#[tokio::test]
async fn a_kyc_link_has_the_callers_key_or_one_of_its_own() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    let rpc = Rpc::named("CreateKycLink");
    let mut keys = Vec::new();
    for asked in [Some("0190d3c2-7b1e-7cc3-98c4-dc0c0c07398f"), None, None] {
        let mut messages = messages(rpc, &samples::sent_by(rpc.name));
        if let Some(asked) = asked {
            messages[0].set_field_by_name("request_id", Field::String(asked.to_owned()));
        }
        stage.gateway.call(rpc, messages).await.unwrap();
        let key = stage.received().header("idempotency-key").unwrap().to_owned();
        assert!(key.parse::<Uuid>().is_ok(), "{key}");
        assert!(asked.is_none_or(|asked| asked == key), "{key}");
        assert!(!keys.contains(&key));
        keys.push(key);
    }
}

#[tokio::test]
async fn the_signed_retry_is_the_same_request_with_two_headers() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    let rpc = Rpc::named("UpdateCustomer");
    for sent in samples::sent().into_iter().filter(|(name, _)| *name == rpc.name).map(|(_, sent)| sent) {
        let mut messages = messages(rpc, &sent);
        messages[0].set_field_by_name("challenge_id", Field::String("Request:0197".to_owned()));
        messages[0].set_field_by_name("wallet_signature", Field::String("eyJwdWJsaWNLZXkiOiIwMi4uLiJ9-_".to_owned()));
        stage.gateway.call(rpc, messages).await.unwrap();
        let request = stage.received();
        assert_eq!(request.header("request-id"), Some("Request:0197"));
        assert_eq!(request.header("grid-wallet-signature"), Some("eyJwdWJsaWNLZXkiOiIwMi4uLiJ9-_"));
        assert_eq!(request.header("idempotency-key"), None);
        assert_eq!(request.json(), sent);
        assert_eq!(request.path, rpc.path_of(samples::CUSTOMER));
    }
}
