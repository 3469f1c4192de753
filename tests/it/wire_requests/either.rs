//! Where Grid's guide and its OpenAPI disagree, what either allows passes, both ways.

use serde_json::{Value, json};

use crate::support::api::Rpc;
use crate::support::samples;
use crate::support::stage::{Stage, said};

/// Sends this, which has to arrive as it is, and returns what came of Grid's answer.
async fn passes(stage: &Stage, name: &str, sent: &Value, answer: &Value) -> Value {
    let rpc = Rpc::named(name);
    stage.answers(rpc, answer);
    let got = stage.call(rpc, sent).await.unwrap();
    assert_eq!(said(rpc, &stage.received()).await, *sent);
    serde_json::to_value(&got).unwrap()
}

#[tokio::test]
async fn a_business_is_created_with_or_without_a_country() {
    let stage = Stage::start().await;
    for (country, status) in
        [(None, "PENDING"), (Some("US"), "UNVERIFIED"), (None, "UNVERIFIED"), (Some("US"), "PENDING")]
    {
        let mut info =
            json!({ "legalName": "Acme Corporation", "taxId": "12-3456789", "incorporatedOn": "2018-03-14" });
        if let Some(country) = country {
            info["country"] = json!(country);
        }
        let sent = json!({ "customerType": "BUSINESS", "platformCustomerId": "b1", "businessInfo": info });
        let answer = json!({
            "id": "Customer:1", "platformCustomerId": "b1", "customerType": "BUSINESS", "kybStatus": status,
            "businessInfo": info,
        });
        let got = passes(&stage, "CreateCustomer", &sent, &answer).await;
        assert_eq!(got["customer"]["kycStatusRaw"], status, "the status at the start is what Grid says");
    }
}

#[tokio::test]
async fn a_national_id_is_sent_with_one_side_or_none() {
    let stage = Stage::start().await;
    let answer = samples::answer_of("UploadDocument").unwrap();
    for name in ["UploadDocument", "ReplaceDocument"] {
        for side in [Some("FRONT"), Some("BACK"), None] {
            let mut sent = samples::sent_by(name);
            sent["documentType"] = json!("NATIONAL_ID");
            match side {
                Some(side) => sent["side"] = json!(side),
                None => assert!(sent.as_object_mut().unwrap().remove("side").is_some()),
            }
            passes(&stage, name, &sent, &answer).await;
        }
    }
}
