//! How long the values of a request may be: the longest is taken, a longer one is refused with its limit.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Grid, business, id, owner, send, with};

/// An email address of so many characters.
fn email(length: usize) -> String {
    let local = "l".repeat(64);
    let mut domain = String::new();
    while local.len() + 1 + domain.len() + "example".len() + 1 < length {
        let room = length - local.len() - 1 - domain.len() - "example".len() - 1;
        domain += &format!("{}.", "d".repeat(room.min(61)));
    }
    format!("{local}@{domain}example")
}

fn text(length: usize) -> String {
    "ü".repeat(length)
}

fn lengths(least: Option<u32>, most: u32) -> Value {
    match least {
        Some(least) => json!({ "minLength": least, "maxLength": most }),
        None => json!({ "maxLength": most }),
    }
}

#[tokio::test]
async fn the_longest_values_of_a_customer_are_taken_and_longer_ones_are_not() {
    let grid = Grid::start().await;
    assert_eq!((email(255).len(), email(256).len()), (255, 256));
    let described = |field: &str, category: Value| with(category, &json!({ field: text(500) }));
    for (good, field, bad, constraint) in [
        (json!({ "fullName": text(250) }), "fullName", text(251), lengths(Some(1), 250)),
        (json!({ "email": email(255) }), "email", email(256), json!({ "format": "email", "maxLength": 255 })),
        (
            described("sourceOfFundsOtherDescription", json!({ "sourceOfFundsCategories": ["OTHER"] })),
            "sourceOfFundsOtherDescription",
            text(501),
            lengths(Some(1), 500),
        ),
        (
            described("sourceOfWealthOtherDescription", json!({ "sourceOfWealthCategories": ["OTHER"] })),
            "sourceOfWealthOtherDescription",
            text(501),
            lengths(Some(1), 500),
        ),
        (
            described("purposeOfAccountOtherDescription", json!({ "purposeOfAccount": "OTHER" })),
            "purposeOfAccountOtherDescription",
            text(501),
            lengths(Some(1), 500),
        ),
    ] {
        let body = with(json!({ "customerType": "INDIVIDUAL" }), &good);
        let path = format!("/customers/{}", id(&grid.create(body.clone()).await));
        let bad = with(body, &json!({ field: bad }));
        for answer in [grid.post("/customers", bad.clone()).await, grid.patch(&path, bad).await] {
            assert_eq!(answer.error(400), "INVALID_INPUT");
            assert_eq!(answer.bad_fields(), [field]);
            assert_eq!(answer.body["details"]["errors"][0]["constraint"], constraint, "{field}");
        }
    }
}

#[tokio::test]
async fn the_longest_values_of_a_business_are_taken_and_longer_ones_are_not() {
    let grid = Grid::start().await;
    for (good, field, bad, most) in [
        (json!({ "primaryContactFirstName": text(250) }), "primaryContactFirstName", text(251), 250),
        (json!({ "primaryContactLastName": text(250) }), "primaryContactLastName", text(251), 250),
        (
            json!({ "sourceOfFundsCategories": ["OTHER"], "sourceOfFundsOtherDescription": text(500) }),
            "sourceOfFundsOtherDescription",
            text(501),
            500,
        ),
        (json!({ "purposeOfAccountOtherDescription": text(500) }), "purposeOfAccountOtherDescription", text(501), 500),
    ] {
        let body = with(business("BRN-001"), &json!({ "businessInfo": good }));
        grid.create(body.clone()).await;
        let answer = grid.post("/customers", with(body, &json!({ "businessInfo": { field: bad } }))).await;
        assert_eq!(answer.bad_fields(), [format!("businessInfo.{field}")]);
        assert_eq!(answer.body["details"]["errors"][0]["constraint"], lengths(Some(1), most), "{field}");
    }
}

#[tokio::test]
async fn categories_that_are_named_are_at_least_one() {
    let grid = Grid::start().await;
    let individual = json!({ "customerType": "INDIVIDUAL" });
    let empty = |field: &str| json!({ field: [] });
    for (body, field) in [
        (with(individual.clone(), &empty("sourceOfFundsCategories")), "sourceOfFundsCategories"),
        (with(individual, &empty("sourceOfWealthCategories")), "sourceOfWealthCategories"),
        (
            with(business("BRN-001"), &json!({ "businessInfo": empty("sourceOfFundsCategories") })),
            "businessInfo.sourceOfFundsCategories",
        ),
    ] {
        let answer = grid.post("/customers", body).await;
        assert_eq!(answer.bad_fields(), [field]);
        assert_eq!(answer.body["details"]["errors"][0]["constraint"], json!({ "minLength": 1 }));
    }
}

#[tokio::test]
async fn the_longest_values_of_an_owner_are_taken_and_longer_ones_are_not() {
    let grid = Grid::start().await;
    let customer = grid.create_id(business("BRN-001")).await;
    for (field, longest, most) in [
        ("firstName", 250, lengths(Some(1), 250)),
        ("middleName", 250, lengths(Some(1), 250)),
        ("lastName", 250, lengths(Some(1), 250)),
        ("identifier", 100, lengths(Some(1), 100)),
    ] {
        let person = |length: usize| {
            let person = json!({ "idType": "NON_US_TAX_ID", "countryOfIssuance": "DE", "identifier": "DE 1" });
            json!({ "personalInfo": with(person, &json!({ field: text(length) })) })
        };
        let created =
            grid.post("/beneficial-owners", with(owner(&customer, "Smith"), &person(longest))).await.expect(201);
        let path = format!("/beneficial-owners/{}", id(&created));
        for answer in [
            grid.post("/beneficial-owners", with(owner(&customer, "Smith"), &person(longest + 1))).await,
            grid.patch(&path, person(longest + 1)).await,
        ] {
            assert_eq!(answer.bad_fields(), [format!("personalInfo.{field}")]);
            assert_eq!(answer.body["details"]["errors"][0]["constraint"], most, "{field}");
        }
    }
    let long = with(owner(&customer, "Smith"), &json!({ "personalInfo": { "email": email(256) } }));
    let answer = grid.post("/beneficial-owners", long).await;
    assert_eq!(answer.body["details"]["errors"][0]["constraint"]["maxLength"], 255);
}

#[tokio::test]
async fn the_longest_key_is_taken_and_a_longer_one_is_not() {
    let grid = Grid::start().await;
    let customer = grid.create_id(business("BRN-001")).await;
    let keyed = async |key: String| {
        let request = grid.request(Method::POST, &format!("/customers/{customer}/kyc-link"));
        send(request.header("Idempotency-Key", key).json(&json!({}))).await
    };
    keyed("k".repeat(255)).await.expect(201);
    let answer = keyed("k".repeat(256)).await;
    assert_eq!(answer.bad_fields(), ["Idempotency-Key"]);
    assert_eq!(answer.body["details"]["errors"][0]["constraint"], lengths(Some(1), 255));
}
