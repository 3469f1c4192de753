//! Links to the hosted verification, and the page behind them.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Answer, Grid, business, id, individual, owner, send, with};

async fn link(grid: &Grid, customer: &str) -> Value {
    grid.post(&format!("/customers/{customer}/kyc-link"), json!({})).await.expect(201)
}

/// The path of the page on the sandbox itself.
fn path(grid: &Grid, link: &Value) -> String {
    link["kycUrl"].as_str().unwrap().strip_prefix(&grid.origin).expect("a page of the sandbox").to_owned()
}

async fn open(grid: &Grid, link: &Value) -> Answer {
    send(grid.bare(Method::GET, &path(grid, link))).await
}

async fn press(grid: &Grid, link: &Value, decision: &str) -> Answer {
    let form = grid
        .bare(Method::POST, &path(grid, link))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("decision={decision}"));
    send(form).await
}

#[tokio::test]
async fn each_call_hands_out_a_fresh_link_unless_it_repeats_a_key() {
    let grid = Grid::start().await;
    let customer = grid.create_id(individual("Jane Doe")).await;
    let first = link(&grid, &customer).await;
    assert_eq!(first["provider"], "SUMSUB");
    assert!(first["token"].as_str().unwrap().starts_with("_act-sbx-"));
    assert_ne!(link(&grid, &customer).await["kycUrl"], first["kycUrl"]);
    let empty = send(grid.request(Method::POST, &format!("/customers/{customer}/kyc-link"))).await;
    empty.expect(201);

    let keyed = async |customer: &str, key: &str, body: Value| {
        let request = grid.request(Method::POST, &format!("/customers/{customer}/kyc-link"));
        send(request.header("Idempotency-Key", key).json(&body)).await
    };
    let original = keyed(&customer, "key-1", json!({})).await.expect(201);
    assert_eq!(keyed(&customer, "key-1", json!({})).await.expect(201), original);
    assert_ne!(keyed(&customer, "key-2", json!({})).await.expect(201), original);
    press(&grid, &original, "approve").await.expect(200);
    assert_eq!(keyed(&customer, "key-1", json!({})).await.expect(201), original, "the same answer, used or not");
    let other = grid.create_id(individual("John Doe")).await;
    assert_eq!(keyed(&other, "key-1", json!({})).await.bad_fields(), ["Idempotency-Key"]);
    assert_eq!(keyed(&other, "", json!({})).await.bad_fields(), ["Idempotency-Key"]);
    assert_eq!(grid.status(&customer).await, "APPROVED");
}

#[tokio::test]
async fn the_way_back_is_a_web_address() {
    let grid = Grid::start().await;
    let customer = grid.create_id(individual("Jane Doe")).await;
    let create =
        async |uri: &str| grid.post(&format!("/customers/{customer}/kyc-link"), json!({ "redirectUri": uri })).await;
    for bad in ["", "done", "javascript:alert(1)", "ftp://example.com/", "https://"] {
        assert_eq!(create(bad).await.bad_fields(), ["redirectUri"], "{bad}");
    }
    let uri = "http://localhost:3000/done?x=1&y=%3C";
    let link = create(uri).await.expect(201);
    assert!(
        link["kycUrl"]
            .as_str()
            .unwrap()
            .ends_with("?redirectUri=http%3A%2F%2Flocalhost%3A3000%2Fdone%3Fx%3D1%26y%3D%253C")
    );
    let done = press(&grid, &link, "submit").await.expect(200);
    assert!(done.as_str().unwrap().contains(r#"href="http://localhost:3000/done?x=1&amp;y=%3C""#));
}

#[tokio::test]
async fn a_person_plays_the_applicant() {
    plays_the_applicant(Grid::start().await, "001", "IN_PROGRESS").await;
    plays_the_applicant(Grid::deciding_at_creation().await, "003", "PENDING_MANUAL_REVIEW").await;
}

/// Every button, for a name whose suffix waits for a reviewer.
async fn plays_the_applicant(grid: Grid, suffix: &str, under_review: &str) {
    for (decision, status, verification) in [
        ("approve", "APPROVED", "APPROVED"),
        ("reject", "REJECTED", "REJECTED"),
        ("hold", "HOLD", under_review),
        ("submit", "PENDING", under_review),
    ] {
        let customer = grid.create_id(individual(&format!("Jane <b>Doe</b> {suffix}"))).await;
        let link = link(&grid, &customer).await;
        let page = open(&grid, &link).await;
        let policy = page.headers["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        assert_eq!(page.headers["cache-control"], "no-store");
        let page = page.expect(200);
        let html = page.as_str().unwrap();
        assert!(html.contains(&format!("Jane &lt;b&gt;Doe&lt;/b&gt; {suffix}")) && html.contains(&customer));
        assert!(!html.contains("<script") && !html.contains("src="), "works without scripts, loads nothing");
        assert_eq!(grid.status(&customer).await, "UNVERIFIED", "opening a link changes nothing");

        press(&grid, &link, "shrug").await.expect(400);
        press(&grid, &link, decision).await.expect(200);
        assert_eq!(grid.status(&customer).await, status);
        let all = grid.get(&format!("/verifications?customerId={customer}")).await.expect(200);
        assert_eq!((&all["totalCount"], &all["data"][0]["verificationStatus"]), (&json!(1), &json!(verification)));
        open(&grid, &link).await.expect(410);
        press(&grid, &link, "approve").await.expect(410);
        assert_eq!(grid.status(&customer).await, status);
    }
}

#[tokio::test]
async fn whoever_is_held_or_rejected_tries_again() {
    tries_again(Grid::start().await, "Jane Doe 001").await;
    tries_again(Grid::deciding_at_creation().await, "Jane Doe 003").await;
}

async fn tries_again(grid: Grid, name: &str) {
    let customer = grid.create_id(individual(name)).await;
    for (decision, status) in [
        ("hold", "HOLD"),
        ("submit", "PENDING"),
        ("reject", "REJECTED"),
        ("submit", "PENDING"),
        ("approve", "APPROVED"),
        ("submit", "APPROVED"),
    ] {
        press(&grid, &link(&grid, &customer).await, decision).await.expect(200);
        assert_eq!(grid.status(&customer).await, status, "after {decision}");
    }
}

#[tokio::test]
async fn somebody_finishes_by_the_suffix() {
    let grid = Grid::start().await;
    for (suffix, status, verification) in [
        ("001", "PENDING", "IN_PROGRESS"),
        ("002", "REJECTED", "REJECTED"),
        ("003", "UNVERIFIED", "RESOLVE_ERRORS"),
        ("417", "APPROVED", "APPROVED"),
    ] {
        // The applicant gives the page whatever is missing.
        let person = json!({ "customerType": "INDIVIDUAL", "fullName": format!("Jane Doe {suffix}") });
        for customer in [grid.create_id(person).await, grid.create_id(business(suffix)).await] {
            press(&grid, &link(&grid, &customer).await, "submit").await.expect(200);
            assert_eq!(grid.status(&customer).await, status, "{suffix}");
            let all = grid.get(&format!("/verifications?customerId={customer}")).await.expect(200);
            assert_eq!((&all["totalCount"], &all["data"][0]["verificationStatus"]), (&json!(1), &json!(verification)));
        }
    }
    let nameless = grid.create_id(json!({ "customerType": "INDIVIDUAL" })).await;
    press(&grid, &link(&grid, &nameless).await, "submit").await.expect(200);
    assert_eq!(grid.status(&nameless).await, "APPROVED");
}

#[tokio::test]
async fn a_business_finishes_by_its_suffix_or_as_pressed() {
    let new = [("BRN-001", "submit", "PENDING"), ("BRN-003", "submit", "UNVERIFIED")];
    finishes_as_a_business(Grid::start().await, new).await;
    let old = [("BRN-001", "submit", "UNVERIFIED"), ("BRN-003", "submit", "UNVERIFIED")];
    finishes_as_a_business(Grid::deciding_at_creation().await, old).await;
}

async fn finishes_as_a_business(grid: Grid, of_these_rules: [(&str, &str, &str); 2]) {
    let of_both =
        [("5523041", "submit", "APPROVED"), ("BRN-002", "submit", "REJECTED"), ("BRN-001", "approve", "APPROVED")];
    for (number, decision, status) in of_both.into_iter().chain(of_these_rules) {
        let customer = grid.create_id(business(number)).await;
        let owner = id(&grid.post("/beneficial-owners", owner(&customer, "Doe002")).await.expect(201));
        press(&grid, &link(&grid, &customer).await, decision).await.expect(200);
        assert_eq!(grid.status(&customer).await, status, "{number} {decision}");
        let owner = grid.get(&format!("/beneficial-owners/{owner}")).await.expect(200);
        let resolved = if status == "UNVERIFIED" { "UNVERIFIED" } else { "REJECTED" };
        assert_eq!(owner["kycStatus"], resolved, "{number} {decision}");
    }
}

#[tokio::test]
async fn a_link_ends() {
    let grid = Grid::start().await;
    let customer = grid.create_id(individual("Jane Doe 003")).await;
    let early = link(&grid, &customer).await;
    grid.advance(12 * 3600).await;
    let late = link(&grid, &customer).await;
    assert!(early["expiresAt"].as_str() < late["expiresAt"].as_str());
    grid.advance(12 * 3600).await;
    open(&grid, &early).await.expect(410);
    press(&grid, &early, "approve").await.expect(410);
    open(&grid, &late).await.expect(200);

    grid.delete(&format!("/customers/{customer}")).await.expect(200);
    open(&grid, &late).await.expect(410);
    send(grid.bare(Method::GET, "/onboard/unknown")).await.expect(404);
}

#[tokio::test]
async fn contact_details_come_first() {
    let grid = Grid::start().await;
    let european = json!({ "region": "SE", "email": "jane@example.com", "phoneNumber": "+46701234567" });
    let customer = grid.create_id(with(individual("Jane Doe 003"), &european)).await;
    for channel in ["email", "phone"] {
        let answer = grid.post(&format!("/customers/{customer}/kyc-link"), json!({})).await;
        assert_eq!(answer.error(409), "CONFLICT");
        let confirm = format!("/customers/{customer}/verify-{channel}/confirm");
        grid.post(&confirm, json!({ "code": "123456" })).await.expect(200);
    }
    link(&grid, &customer).await;
}

#[tokio::test]
async fn links_lead_to_the_public_address_and_old_ones_give_way() {
    let grid = Grid::with(|config| {
        config.public_base_url = Some("https://kyc.example.com/".to_owned());
        config.limits.kyc_links = 2;
    })
    .await;
    let customer = grid.create_id(individual("Jane Doe 003")).await;
    let mut links = Vec::new();
    for _ in 0..3 {
        let url = link(&grid, &customer).await["kycUrl"].as_str().unwrap().to_owned();
        links.push(url.strip_prefix("https://kyc.example.com").expect("the public address").to_owned());
    }
    for (link, status) in links.iter().zip([404, 200, 200]) {
        send(grid.bare(Method::GET, link)).await.expect(status);
    }
}
