//! The readers of published examples, on a small document and a small guide of our own: they find what there is, and
//! what this API has no place for.

use serde_json::{Value, json};

use super::exchange::{Exchange, Part};
use super::schema::Document;
use super::{guide, openapi, play, play_oddly};
use crate::support::api::Rpc;

fn document() -> Value {
    json!({
        "paths": {
            "/customers": {
                "post": {
                    "requestBody": { "content": { "application/json": {
                        "schema": { "oneOf": [{ "$ref": "#/components/schemas/Person" }, { "$ref": "#/components/schemas/Firm" }] },
                        "examples": { "short": { "value": { "customerType": "INDIVIDUAL", "fullName": "Una Vik" } } },
                    } } },
                    "responses": {
                        "201": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Person" } } } },
                        "400": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Bad" } } } },
                    },
                },
                "get": {
                    "parameters": [
                        { "in": "query", "name": "limit", "schema": { "type": "integer", "minimum": 3 } },
                        { "in": "query", "name": "customerType", "schema": { "$ref": "#/components/schemas/Type" } },
                    ],
                    "responses": {},
                },
            },
            "/documents/{documentId}": { "delete": { "responses": { "204": { "description": "gone" } } } },
        },
        "webhooks": { "customer-update": { "post": { "requestBody": { "content": { "application/json": { "schema": {
            "type": "object", "properties": { "id": { "type": "string" }, "data": { "$ref": "#/components/schemas/Person" } },
        } } } } } } },
        "components": { "schemas": {
            "Type": { "type": "string", "enum": ["INDIVIDUAL", "BUSINESS"] },
            "Base": { "type": "object", "properties": {
                "id": { "type": "string", "readOnly": true, "example": "Customer:7" },
                "currencies": { "type": "array", "items": { "type": "string" }, "example": ["SEK", "NOK"] },
                "createdAt": { "type": "string", "format": "date-time", "readOnly": true },
            } },
            "Person": { "allOf": [{ "$ref": "#/components/schemas/Base" }, { "type": "object", "properties": {
                "customerType": { "type": "string", "enum": ["INDIVIDUAL"] },
                "fullName": { "type": "string" },
                "identifier": { "type": "string", "writeOnly": true },
                "pepStatus": { "type": "string", "enum": ["NONE", "HIO", "DOMESTIC"] },
            } }] },
            "Firm": { "allOf": [{ "$ref": "#/components/schemas/Base" }, { "type": "object", "properties": {
                "customerType": { "type": "string", "enum": ["BUSINESS"] },
                "businessInfo": { "type": "object", "properties": { "legalName": { "type": "string" } } },
            } }] },
            "Bad": { "type": "object", "properties": {
                "code": { "type": "string", "enum": ["INVALID_INPUT", "OTHER_THING"] },
                "message": { "type": "string" },
                "details": { "type": "object", "properties": { "errors": { "type": "array", "items": {
                    "type": "object", "properties": { "field": { "type": "string", "example": "fullName" } },
                } } } },
            } },
        } },
    })
}

const GUIDE: &str = r#"
Some words, and `code`.

```javascript
not({ "an": "example" });
```

   ```bash theme={null}
   curl -X POST 'https://grid.example/grid/2025-10-13/customers' \
     -u "$ID:$SECRET" \
     -H "Content-Type: application/json" \
     -d '{ "customerType": "INDIVIDUAL", "address": {...} }'
   ```

```bash
curl -X PUT "https://grid.example/grid/2025-10-13/documents/Document:9" -F "country=SE" -F "side=FRONT" -F "file=@./x.pdf"
```

```json
{ "kycUrl": "https://verify.example/1", "expiresAt": "2027-01-15T14:32:00Z", "provider": "SUMSUB" }
```

```json theme={null}
{ "type": "X.Y", "timestamp": "2027-01-15T14:32:00Z", "data": { "id": "Customer:3", "customerType": "BUSINESS" } }
```
"#;

fn sent<'a>(exchanges: &'a [Exchange], rpc: &str) -> Vec<&'a Value> {
    let of_rpc = exchanges.iter().filter(|exchange| exchange.rpc.name == rpc);
    of_rpc.filter_map(|exchange| if let Part::Sent(sent) = &exchange.part { Some(sent) } else { None }).collect()
}

#[tokio::test]
async fn every_part_of_a_document_is_found_and_makes_the_round_trip() {
    let document = document();
    let mut exchanges = openapi::of_paths(&document);
    exchanges.extend(openapi::of_webhook(&Document(&document), "customer-update", Rpc::named("GetCustomer")));
    let person = |pep: &str| {
        json!({
            "currencies": ["SEK", "NOK"], "customerType": "INDIVIDUAL", "fullName": "some-fullName",
            "identifier": "some-identifier", "pepStatus": pep,
        })
    };
    let created = sent(&exchanges, "CreateCustomer");
    assert_eq!(created[0], &json!({ "customerType": "INDIVIDUAL", "fullName": "Una Vik" }));
    assert!(created.contains(&&person("NONE")) && created.contains(&&person("HIO")), "{created:#?}");
    let firm = json!({
        "currencies": ["SEK", "NOK"], "customerType": "BUSINESS", "businessInfo": { "legalName": "some-legalName" },
    });
    assert!(created.contains(&&firm), "{created:#?}");
    let listed = sent(&exchanges, "ListCustomers");
    assert!(listed.contains(&&json!({ "limit": "3", "customerType": "INDIVIDUAL" })), "{listed:#?}");
    assert!(listed.contains(&&json!({ "limit": "3", "customerType": "BUSINESS" })), "{listed:#?}");
    let refused = exchanges.iter().filter(|exchange| matches!(exchange.part, Part::Refused(400, _))).count();
    assert_eq!(refused, 2, "an error for each code");
    let answered: Vec<_> = exchanges
        .iter()
        .filter_map(|exchange| if let Part::Answered(_, body) = &exchange.part { Some(body) } else { None })
        .collect();
    assert!(answered.iter().all(|body| body["createdAt"].is_string() && body.get("identifier").is_none()));
    assert_eq!(answered.len(), 6, "three words of pepStatus, answered by a call and by a webhook");
    assert_eq!(play(&exchanges).await, Vec::<String>::new());
}

#[test]
fn properties_that_exclude_each_other_take_turns() {
    let mut document = document();
    document["components"]["schemas"]["Base"]["not"] = json!({ "required": ["currencies", "pepStatus"] });
    let exchanges = openapi::of_paths(&document);
    let created = sent(&exchanges, "CreateCustomer");
    let has = |body: &&&Value, name: &str| body.get(name).is_some();
    assert!(!created.iter().any(|body| has(&body, "currencies") && has(&body, "pepStatus")), "{created:#?}");
    let persons = created.iter().filter(|body| has(body, "identifier"));
    assert_eq!(persons.clone().filter(|body| has(body, "currencies")).count(), 1, "{created:#?}");
    assert_eq!(persons.filter(|body| has(body, "pepStatus")).count(), 3, "one for each word: {created:#?}");
    assert!(created.iter().any(|body| has(&body, "businessInfo") && has(&body, "currencies")), "{created:#?}");
}

#[tokio::test]
async fn every_example_of_a_guide_is_found_and_makes_the_round_trip() {
    let exchanges = guide::exchanges(GUIDE);
    assert_eq!(
        exchanges.iter().map(|exchange| exchange.rpc.name).collect::<Vec<_>>(),
        ["CreateCustomer", "ReplaceDocument", "CreateKycLink", "GetCustomer"]
    );
    assert_eq!(sent(&exchanges, "ReplaceDocument"), [&json!({ "country": "SE", "side": "FRONT" })]);
    assert_eq!(play(&exchanges).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_this_api_has_no_place_for_is_a_failure() {
    let mut document = document();
    document["components"]["schemas"]["Person"]["allOf"][1]["properties"]["shoeSize"] = json!({ "type": "integer" });
    let failures = play(&openapi::of_paths(&document)).await;
    assert!(
        failures.iter().any(|failure| failure.contains("request") && failure.contains("shoeSize")),
        "{failures:#?}"
    );
    assert!(failures.iter().any(|failure| failure.contains("201") && failure.contains("shoeSize")), "{failures:#?}");
}

#[tokio::test]
async fn every_answer_is_read_when_a_field_is_not_as_documented() {
    let (tried, failures) = play_oddly(&openapi::of_paths(&document())).await;
    assert_eq!(failures, Vec::<String>::new());
    assert!(tried > 40, "{tried}");
}
