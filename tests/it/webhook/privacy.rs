//! Nothing personal that comes through the door gets into what the door writes.

use serde_json::json;

use super::Door;
use crate::support::log::CapturedLog;
use crate::support::webhook_sender::{Request, webhook};

#[tokio::test]
async fn no_personal_data_is_logged_kept_or_answered() {
    let written = CapturedLog::start();
    let door = Door::open().await;
    let personal = json!({
        "id": "Customer:1", "platformCustomerId": "p-1", "customerType": "INDIVIDUAL", "kycStatus": "REJECTED",
        "fullName": "Canary", "birthDate": "Canary", "email": "Canary", "phoneNumber": "Canary", "umaAddress": "Canary",
        "address": { "line1": "Canary", "city": "Canary" }, "businessInfo": { "taxId": "Canary" }, "Canary Street": "Canary",
    });
    let mut strange = personal.clone();
    strange["kycStatus"] = json!(["Canary"]);
    let mut free_text = personal.clone();
    free_text["kycStatus"] = json!("Jane Canary");
    let verification = json!({
        "id": "Verification:1", "customerId": "Customer:1", "verificationStatus": "RESOLVE_ERRORS", "errors": [
            { "resourceId": "Customer:1", "type": "INVALID_FIELD", "field": "fullName", "reason": "Canary is no name" },
            { "type": "OTHER THAN Canary", "field": "the field of Canary" },
        ],
    });
    let mut answers = Vec::new();
    let webhooks = [
        ("CUSTOMER.KYC_REJECTED", &personal),
        ("CUSTOMER.KYC_APPROVED", &personal),
        ("CUSTOMER.KYC_REJECTED", &strange),
        ("CUSTOMER.KYC_REJECTED", &free_text),
        ("VERIFICATION.RESOLVE_ERRORS", &verification),
        ("VERIFICATION.RESOLVE_ERRORS", &personal),
        ("INCOMING_PAYMENT.PENDING", &personal),
        ("TEST", &personal),
    ];
    for (n, (webhook_type, data)) in webhooks.into_iter().enumerate() {
        answers.push(door.deliver(webhook(&format!("W:{n}"), webhook_type, data.clone())).await);
    }
    answers.push(door.deliver(json!({ "type": "TEST", "data": personal }).to_string()).await);
    answers.push(door.send(Request::post(personal.to_string()).header("x-grid-signature", "Canary")).await);
    assert_eq!(
        answers.iter().map(|answer| answer.status).collect::<Vec<_>>(),
        [200, 200, 200, 200, 200, 200, 503, 200, 400, 401]
    );
    let everything = [
        written.text(),
        format!("{:?}", door.log.observations()),
        format!("{:?}", door.log.quarantine()),
        format!("{answers:?}"),
        answers.iter().map(|answer| String::from_utf8_lossy(&answer.body)).collect(),
        format!("{:?}", door.counters.snapshot()),
    ]
    .join("\n");
    assert!(!everything.contains("Canary"), "{everything}");
    for expected in ["Customer:1", "W:2", "not understood", "REJECTED", "fullName", "not approved"] {
        assert!(everything.contains(expected), "{expected}: this test looks at too little");
    }
}
