//! Lists: filters, pages, cursors.

use serde_json::{Value, json};

use super::harness::{Grid, business, id};

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(id).collect()
}

async fn list(grid: &Grid, query: &str) -> Value {
    grid.get(&format!("/customers?{query}")).await.expect(200)
}

#[tokio::test]
async fn every_filter_filters() {
    let grid = Grid::start().await;
    let plain = json!({ "customerType": "INDIVIDUAL", "platformCustomerId": "plain" });
    let rich = json!({
        "customerType": "INDIVIDUAL", "platformCustomerId": "rich", "region": "MX", "currencies": ["MXN", "USDC"],
        "umaAddress": "$rich@uma.example.com",
    });
    let (plain, rich) = (grid.create(plain).await, grid.create(rich).await);
    let company = grid.create(business("5523041")).await;
    let gone = grid.create_id(json!({ "customerType": "INDIVIDUAL", "platformCustomerId": "gone" })).await;
    grid.delete(&format!("/customers/{gone}")).await.expect(200);
    let (plain_id, rich_id, company_id) = (id(&plain), id(&rich), id(&company));
    let change = json!({ "customerType": "INDIVIDUAL", "fullName": "A B" });
    let changed = grid.patch(&format!("/customers/{plain_id}"), change).await.expect(200);
    let created_at = |customer: &Value| customer["createdAt"].as_str().unwrap().to_owned();
    let changed_at = changed["updatedAt"].as_str().unwrap();

    for (query, expected) in [
        (String::new(), vec![&plain_id, &rich_id, &company_id]),
        ("platformCustomerId=rich".into(), vec![&rich_id]),
        ("platformCustomerId=RICH".into(), vec![]),
        ("customerType=BUSINESS".into(), vec![&company_id]),
        ("customerType=INDIVIDUAL".into(), vec![&plain_id, &rich_id]),
        ("region=MX".into(), vec![&rich_id]),
        ("currency=USDC".into(), vec![&rich_id]),
        ("currency=EUR".into(), vec![]),
        ("umaAddress=$rich@uma.example.com".into(), vec![&rich_id]),
        ("isIncludingDeleted=true".into(), vec![&plain_id, &rich_id, &company_id, &gone]),
        ("isIncludingDeleted=true&platformCustomerId=gone".into(), vec![&gone]),
        ("isIncludingDeleted=false&platformCustomerId=gone".into(), vec![]),
        (format!("createdAfter={}", created_at(&rich)), vec![&rich_id, &company_id]),
        (format!("createdBefore={}", created_at(&rich)), vec![&plain_id, &rich_id]),
        (format!("createdAfter={0}&createdBefore={0}", created_at(&rich)), vec![&rich_id]),
        (format!("updatedAfter={changed_at}"), vec![&plain_id]),
        (format!("updatedBefore={}", created_at(&rich)), vec![&rich_id]),
        ("region=MX&customerType=BUSINESS".into(), vec![]),
        ("somethingNew=1".into(), vec![&plain_id, &rich_id, &company_id]),
    ] {
        let page = list(&grid, &query).await;
        assert_eq!(ids(&page).iter().collect::<Vec<_>>(), expected, "{query}");
        assert_eq!(page["totalCount"], expected.len(), "{query}");
        assert_eq!(page["hasMore"], false, "{query}");
        assert!(page.get("nextCursor").is_none(), "{query}");
    }
}

#[tokio::test]
async fn pages_show_everything_once_whatever_happens_meanwhile() {
    let grid = Grid::start().await;
    let mut expected = Vec::new();
    for _ in 0..7 {
        expected.push(grid.create_id(json!({ "customerType": "INDIVIDUAL" })).await);
    }
    let (mut cursor, mut seen, mut pages) = (None::<String>, Vec::new(), 0);
    loop {
        let query = cursor.map_or("limit=3".to_owned(), |cursor| format!("limit=3&cursor={cursor}"));
        let page = list(&grid, &query).await;
        seen.extend(ids(&page));
        pages += 1;
        if pages == 1 {
            // One that was seen disappears, and a new one comes: neither moves the others.
            grid.delete(&format!("/customers/{}", expected[0])).await.expect(200);
            expected.push(grid.create_id(json!({ "customerType": "INDIVIDUAL" })).await);
        }
        assert_eq!(page["hasMore"], page.get("nextCursor").is_some());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(pages, 3);
    assert_eq!(list(&grid, "limit=100").await["data"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn a_page_has_twenty_rows_unless_said_otherwise() {
    let grid = Grid::start().await;
    for _ in 0..21 {
        grid.create(json!({ "customerType": "INDIVIDUAL" })).await;
    }
    let page = list(&grid, "").await;
    assert_eq!((ids(&page).len(), &page["totalCount"], &page["hasMore"]), (20, &json!(21), &json!(true)));
}

#[tokio::test]
async fn bad_parameters_are_named_at_once() {
    let grid = Grid::start().await;
    for _ in 0..2 {
        grid.create(json!({ "customerType": "INDIVIDUAL" })).await;
    }
    let query = "limit=0&cursor=x&customerType=ROBOT&createdAfter=now&updatedBefore=2025&isIncludingDeleted=yes";
    let answer = grid.get(&format!("/customers?{query}")).await;
    assert_eq!(
        answer.bad_fields(),
        ["createdAfter", "cursor", "customerType", "isIncludingDeleted", "limit", "updatedBefore"]
    );
    for limit in ["0", "101", "-1", "x", ""] {
        assert_eq!(grid.get(&format!("/customers?limit={limit}")).await.bad_fields(), ["limit"]);
    }
    let cursor = list(&grid, "limit=1").await["nextCursor"].as_str().unwrap().to_owned();
    for path in [
        format!("/customers?cursor={cursor}&region=MX"),
        format!("/documents?cursor={cursor}"),
        format!("/verifications?cursor={cursor}"),
        format!("/beneficial-owners?customerId=x&cursor={cursor}"),
    ] {
        assert_eq!(grid.get(&path).await.bad_fields(), ["cursor"], "{path}: a cursor belongs to its list");
    }
    list(&grid, &format!("limit=2&cursor={cursor}")).await;
}
