//! `GET /customers/agreements`, and the consents in a customer's request.

use serde_json::{Value, json};

use super::harness::{Grid, id, individual, with};

/// A consent to this agreement of the catalog.
fn consent(agreement: &Value) -> Value {
    json!({
        "type": agreement["type"], "acceptedAt": "2026-01-15T14:30:00.5+02:00", "ipAddress": "2001:db8::1",
        "termsVersion": agreement["version"], "acceptanceMethod": "CLICK_TO_ACCEPT",
    })
}

async fn catalog(grid: &Grid) -> Vec<Value> {
    grid.get("/customers/agreements").await.expect(200)["data"].as_array().unwrap().clone()
}

fn accepting(consents: impl Into<Value>) -> Value {
    with(individual("Agnes Agreeing"), &json!({ "agreementConsents": consents.into() }))
}

#[tokio::test]
async fn the_catalog_has_every_agreement_once() {
    let grid = Grid::start().await;
    let catalog = catalog(&grid).await;
    let types: Vec<_> = catalog.iter().map(|agreement| agreement["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "LIGHTSPARK_END_USER_TERMS",
            "LIGHTSPARK_E_SIGN_CONSENT",
            "LIGHTSPARK_PRIVACY_POLICY",
            "LEAD_E_SIGN_CONSENT",
            "LEAD_ACCOUNTHOLDER_AGREEMENT",
            "LEAD_PRIVACY_POLICY",
            "LEAD_CARDHOLDER_AGREEMENT",
        ]
    );
    for agreement in &catalog {
        assert_eq!(agreement.as_object().unwrap().len(), 3, "{agreement}");
        assert!(agreement["url"].as_str().unwrap().starts_with("https://"), "{agreement}");
        assert!(!agreement["version"].as_str().unwrap().is_empty(), "{agreement}");
    }
    assert_eq!(grid.get("/customers/end-user-terms").await.expect(200)["version"], "V1", "it still works");
}

#[tokio::test]
async fn what_was_accepted_is_recorded_and_answered() {
    let grid = Grid::start().await;
    let all: Vec<_> = catalog(&grid).await.iter().map(consent).collect();
    let created = grid.create(accepting(all.clone())).await;
    let recorded = created["agreementConsents"].as_array().unwrap();
    assert_eq!(recorded.len(), 7);
    let path = format!("/customers/{}", id(&created));
    assert_eq!(grid.get(&path).await.expect(200), created);
    for (recorded, sent) in recorded.iter().zip(&all) {
        assert_eq!(recorded, &with(sent.clone(), &json!({ "acceptedAt": "2026-01-15T12:30:00.5Z" })));
    }

    let change = |consents: &[Value]| json!({ "customerType": "INDIVIDUAL", "agreementConsents": consents });
    let changed = grid.patch(&path, change(&all[..1])).await.expect(200);
    assert_eq!(changed["agreementConsents"], json!(recorded[..1]), "replaced as a whole");
    assert_eq!(grid.patch(&path, change(&[])).await.expect(200)["agreementConsents"], json!([]));
    let without = grid.create(individual("Ada Absent")).await;
    assert!(without.get("agreementConsents").is_none(), "nothing has been recorded");
    let terms = json!({
        "acceptedAt": "2026-01-15T14:30:00Z", "ipAddress": "198.51.100.24", "termsVersion": "V1",
        "acceptanceMethod": "CHECKBOX",
    });
    let change = json!({ "customerType": "INDIVIDUAL", "endUserTermsConsent": terms });
    assert_eq!(grid.patch(&path, change).await.expect(200)["endUserTermsConsent"], terms, "in the old way");
}

#[tokio::test]
async fn a_request_with_both_kinds_of_consent_is_refused() {
    let grid = Grid::start().await;
    let created = grid.create(individual("Agnes Agreeing")).await;
    let both = json!({ "agreementConsents": [], "endUserTermsConsent": {} });
    for answer in [
        grid.post("/customers", with(individual("Agnes Agreeing"), &both)).await,
        grid.patch(&format!("/customers/{}", id(&created)), with(json!({ "customerType": "INDIVIDUAL" }), &both)).await,
    ] {
        assert_eq!(answer.error(400), "INVALID_INPUT");
        assert_eq!(answer.bad_fields(), ["agreementConsents", "endUserTermsConsent"]);
    }
}

#[tokio::test]
async fn every_bad_consent_is_named_by_its_place() {
    let grid = Grid::start().await;
    let all: Vec<_> = catalog(&grid).await.iter().map(consent).collect();
    let format = json!({ "format": "date-time" });
    for (change, field, code, constraint) in [
        (json!({ "type": "TERMS" }), "type", "INVALID_INPUT", None),
        (json!({ "type": null }), "type", "INVALID_INPUT", None),
        (json!({ "termsVersion": "V1" }), "termsVersion", "END_USER_TERMS_VERSION_NOT_FOUND", Some(Value::Null)),
        (
            json!({ "termsVersion": "x".repeat(65) }),
            "termsVersion",
            "INVALID_INPUT",
            Some(json!({ "minLength": 1, "maxLength": 64 })),
        ),
        (json!({ "acceptedAt": "2026-01-15T14:30:00" }), "acceptedAt", "INVALID_INPUT", Some(format.clone())),
        (json!({ "acceptedAt": "2026-01-15 14:30:00Z" }), "acceptedAt", "INVALID_INPUT", Some(format.clone())),
        (json!({ "acceptedAt": "2999-01-15T14:30:00Z" }), "acceptedAt", "INVALID_INPUT", Some(format)),
        (json!({ "acceptedAt": 1_768_487_400 }), "acceptedAt", "INVALID_INPUT", None),
        (json!({ "ipAddress": "x".repeat(46) }), "ipAddress", "INVALID_INPUT", None),
        (json!({ "acceptanceMethod": "NOD" }), "acceptanceMethod", "INVALID_INPUT", None),
    ] {
        let answer = grid.post("/customers", accepting(vec![all[1].clone(), with(all[0].clone(), &change)])).await;
        assert_eq!(answer.error(400), code, "{change}");
        assert_eq!(answer.bad_fields(), [format!("agreementConsents[1].{field}")], "{change}");
        if let Some(constraint) = constraint {
            assert_eq!(answer.body["details"]["errors"][0]["constraint"], constraint, "{change}");
        }
    }
    let empty = grid.post("/customers", accepting(vec![json!({})])).await;
    let fields = ["acceptanceMethod", "acceptedAt", "ipAddress", "termsVersion", "type"];
    assert_eq!(empty.bad_fields(), fields.map(|field| format!("agreementConsents[0].{field}")));

    let twice = accepting(vec![all[0].clone(), all[0].clone()]);
    assert_eq!(grid.post("/customers", twice).await.bad_fields(), ["agreementConsents[1].type"]);
    let eight: Vec<_> = all.iter().chain(&all[..1]).cloned().collect();
    let answer = grid.post("/customers", accepting(eight)).await;
    assert_eq!(answer.bad_fields(), ["agreementConsents"]);
    assert_eq!(answer.body["details"]["errors"][0]["constraint"], json!({ "maxLength": 7 }));
    for (consents, field) in [(json!({}), "agreementConsents"), (json!(["yes"]), "agreementConsents[0]")] {
        assert_eq!(grid.post("/customers", accepting(consents)).await.bad_fields(), [field]);
    }
}

#[tokio::test]
async fn the_sandboxes_clock_says_what_is_in_the_future() {
    let grid = Grid::start().await;
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let consent = with(consent(&catalog(&grid).await[0]), &json!({ "acceptedAt": tomorrow.to_string() }));
    let body = accepting(vec![consent]);
    assert_eq!(grid.post("/customers", body.clone()).await.bad_fields(), ["agreementConsents[0].acceptedAt"]);
    grid.advance(48 * 3600).await;
    grid.create(body).await;
}
