//! What is read of answers that are not as documented.

use serde_json::{Value, json};

use super::super::{
    Agreements, BeneficialOwner, Customer, ImportError, ImportJob, KycStatus, Notes, Page, PlatformConfig, Unreadable,
    UnreadableRow, noting,
};
use super::*;

fn noted<T: for<'de> Deserialize<'de> + Complete>(body: &[u8]) -> (Result<T, Misread>, Unreadable) {
    let (read, Notes { unknown_words: _, unreadable }) = noting(|| read(body, Ending::Needed));
    (read, unreadable)
}

fn from<T: for<'de> Deserialize<'de> + Complete>(json: &Value) -> (T, Unreadable) {
    let (read, unreadable) = noted(json.to_string().as_bytes());
    (read.unwrap(), unreadable)
}

#[test]
fn a_field_of_another_type_is_absent_and_noted_by_its_path_alone() {
    let (customer, unreadable) = from::<Customer>(&json!({
        "id": "Customer:1", "customerType": "BUSINESS", "kybStatus": "PENDING", "region": 7, "email": ["Jane Doe"],
        "address": "Jane's street", "createdAt": 1_767_225_600, "updatedAt": "yesterday", "isDeleted": "no",
        "currencies": ["EUR", null, 4], "phoneNumber": null, "unknown": { "deep": [1] },
        "businessInfo": { "legalName": true, "taxId": "1", "countriesOfOperation": {} },
        "beneficialOwners": [
            { "id": "BeneficialOwner:1", "ownershipPercentage": 51.0, "roles": "UBO" }, { "id": 4 }, "Jane", null, {},
            { "id": "BeneficialOwner:2", "personalInfo": { "birthDate": [], "address": { "city": 1 } } },
        ],
    }));
    let owners = customer.beneficial_owners.as_deref().unwrap();
    assert_eq!(
        owners.iter().map(|owner| owner.id.as_str()).collect::<Vec<_>>(),
        ["BeneficialOwner:1", "BeneficialOwner:2"]
    );
    assert_eq!((owners[0].ownership_percentage, owners[0].roles.len()), (Some(51), 0));
    assert_eq!(customer.status(), Some(&KycStatus::Pending));
    assert_eq!(customer.profile.currencies.as_deref(), Some(["EUR".to_owned()].as_slice()));
    assert_eq!(customer.business_info.as_ref().unwrap().tax_id.as_deref(), Some("1"));
    assert_eq!(
        (customer.profile.region, customer.profile.address, customer.created_at, customer.is_deleted),
        (None, None, None, Some(None))
    );
    let Unreadable { fields, items, text, mut paths } = unreadable;
    paths.sort();
    let expected = [
        "address",
        "beneficialOwners[]",
        "beneficialOwners[].id",
        "beneficialOwners[].personalInfo.address.city",
        "beneficialOwners[].personalInfo.birthDate",
        "beneficialOwners[].roles",
        "businessInfo.countriesOfOperation",
        "businessInfo.legalName",
        "createdAt",
        "currencies[]",
        "email",
        "isDeleted",
        "region",
        "updatedAt",
    ];
    assert_eq!(paths, expected);
    // The id that is no text is a field that is read for nothing, and then the owner without one.
    assert_eq!((fields, items, text), (12, 6, false));
}

#[test]
fn a_whole_number_is_that_number_however_it_is_written() {
    let share = |number: &str| {
        let body = format!(r#"{{"id":"BeneficialOwner:1","ownershipPercentage":{number},"customerId":"c"}}"#);
        let (owner, unreadable) = noted::<BeneficialOwner>(body.as_bytes());
        let owner = owner.unwrap();
        assert_eq!(owner.customer_id, "c", "{number}");
        assert_eq!(owner.ownership_percentage.is_none() && number != "null", unreadable.fields == 1, "{number}");
        owner.ownership_percentage
    };
    for (number, expected) in [
        ("51", Some(51)),
        ("51.0", Some(51)),
        ("51.000", Some(51)),
        ("5.1e1", Some(51)),
        ("510E-1", Some(51)),
        ("0.51e+2", Some(51)),
        (r#""51""#, Some(51)),
        (r#""51.0""#, Some(51)),
        ("-0.0", Some(0)),
        ("0e99999", Some(0)),
        ("-1", Some(-1)),
        ("2147483647.0", Some(i32::MAX)),
        ("1e2", Some(100)),
        ("null", None),
        ("51.5", None),
        ("2147483648", None),
        ("1e999", None),
        ("1e-999", None),
        ("123456789012345678901234567890", None),
        ("1e99999999999999999999", None),
        (r#""""#, None),
        (r#""fifty""#, None),
        (r#"" 51""#, None),
        (r#""+51""#, None),
        (r#"".5""#, None),
        (r#""1e""#, None),
        ("true", None),
        ("[51]", None),
        (r#"{"value":51}"#, None),
    ] {
        assert_eq!(share(number), expected, "{number}");
    }
    let body = br#"{"supportedCurrencies":[{"currencyCode":"X","minAmount":9007199254740993.0,"maxAmount":1e18},
        {"currencyCode":"Y","minAmount":9223372036854775808,"maxAmount":"9223372036854775807"}]}"#;
    let (config, unreadable) = noted::<PlatformConfig>(body);
    let config = config.unwrap();
    let [x, y] = config.supported_currencies.as_slice() else { panic!("{config:?}") };
    assert_eq!((x.min_amount, x.max_amount), (Some(9_007_199_254_740_993), Some(1_000_000_000_000_000_000)));
    assert_eq!((y.min_amount, y.max_amount), (None, Some(i64::MAX)));
    assert_eq!(unreadable.paths, ["supportedCurrencies[].minAmount"]);
    let (job, _) = from::<ImportJob>(&json!({
        "id": "Job:1", "status": "FAILED", "progress": { "total": 50.0, "processed": -1, "successful": 1.5, "failed": "3" },
    }));
    let progress = job.progress.unwrap();
    assert_eq!((progress.total, progress.processed, progress.successful, progress.failed), (50, 0, 0, 3));
}

#[test]
fn a_row_that_cannot_be_read_costs_that_row() {
    let (page, unreadable) = from::<Page<Customer>>(&json!({
        "data": [{ "id": "Customer:1" }, { "id": null }, [], { "id": "Customer:2", "email": 3 }, { "region": "FI" }, ""],
        "hasMore": true, "nextCursor": "c", "totalCount": 6.0,
    }));
    let ids: Vec<_> = page.data.iter().map(|customer| customer.id.as_str()).collect();
    assert_eq!(ids, ["Customer:1", "Customer:2"]);
    let row = |index, field| UnreadableRow { index, field };
    assert_eq!(page.unreadable_rows, [row(1, "id"), row(2, ""), row(4, "id"), row(5, "")]);
    assert_eq!((page.has_more, page.next_cursor.as_deref(), page.total_count), (true, Some("c"), Some(6)));
    assert_eq!((unreadable.items, unreadable.fields), (4, 1));
    assert_eq!(unreadable.paths, ["data[].id", "data[]", "data[].email"]);
}

#[test]
fn whether_a_page_follows_is_said_by_what_can_be_read() {
    let after = |has_more: Value, cursor: Value| {
        let (page, _) = from::<Page<String>>(&json!({ "data": [], "hasMore": has_more, "nextCursor": cursor }));
        (page.has_more, page.next_cursor)
    };
    let cursor = |cursor: &str| Some(cursor.to_owned());
    assert_eq!(after(json!(true), json!("c")), (true, cursor("c")));
    assert_eq!(after(json!("true"), json!(17)), (true, cursor("17")));
    assert_eq!(after(json!(false), json!("c")), (false, None));
    assert_eq!(after(json!("false"), json!("c")), (false, None));
    for unclear in [json!(null), json!(1), json!({}), json!("yes")] {
        assert_eq!(after(unclear.clone(), json!("c")), (true, cursor("c")), "{unclear}");
        assert_eq!(after(unclear.clone(), json!(null)), (false, None), "{unclear}");
        assert_eq!(after(unclear.clone(), json!("")), (false, None), "{unclear}");
        assert_eq!(after(unclear.clone(), json!({})), (true, None), "{unclear}");
    }
    for lost in [json!(null), json!(""), json!({}), json!(1.5), json!(-1), json!("a\u{fffd}")] {
        assert_eq!(after(json!(true), lost.clone()), (true, None), "{lost}");
    }
    let (page, _) = from::<Page<String>>(&json!({ "data": [], "hasMore": true, "nextCursor": "c" }));
    assert_eq!(page.clone().after(Some("b")).next_cursor.as_deref(), Some("c"));
    assert_eq!((page.clone().after(Some("c")).next_cursor, page.after(Some("c")).has_more), (None, true));
}

#[test]
fn an_agreement_that_cannot_be_read_costs_that_agreement_and_is_told() {
    let listed = |data: Value| from::<Agreements>(&json!({ "data": data })).0;
    let Agreements { data, unreadable_rows } =
        listed(json!([{ "type": "A", "version": 2 }, { "type": 1, "version": "1" }, {}, "B", { "type": "C" }]));
    let types: Vec<_> = data.unwrap().into_iter().map(|agreement| agreement.r#type).collect();
    assert_eq!(types, ["A", "C"]);
    let row = |index, field| UnreadableRow { index, field };
    assert_eq!(unreadable_rows, [row(1, "type"), row(2, "type"), row(3, "")]);
    assert_eq!(listed(Value::Null).data, Some(Vec::new()));
    for none in [json!({}), json!({ "data": "A" }), json!({ "data": {} })] {
        assert_eq!(noted::<Agreements>(none.to_string().as_bytes()).0, Err(Misread::Missing("data")), "{none}");
    }
}

#[test]
fn what_failed_in_an_import_is_read_in_each_of_its_forms() {
    let (job, unreadable) = from::<ImportJob>(&json!({ "id": "Job:1", "errors": [
        { "correlationId": 5, "code": 400, "message": "bad" }, { "correlationId": "x", "error": "no name" },
        { "correlationId": -1.5, "error": { "code": 7, "message": "m", "details": { "a": 1 } } }, { "correlationId": {}, "error": 3 },
    ]}));
    let read = |error: &ImportError| {
        let ImportError { correlation_id, code, message, details } = error.clone();
        (correlation_id, code.unwrap_or_default(), message.unwrap_or_default(), details.len())
    };
    let row =
        |id: &str, code: &str, message: &str, details| (id.to_owned(), code.to_owned(), message.to_owned(), details);
    let errors: Vec<_> = job.errors.iter().flatten().map(read).collect();
    let expected =
        [row("5", "400", "bad", 0), row("x", "", "no name", 0), row("-1.5", "7", "m", 1), row("", "", "", 0)];
    assert_eq!(errors, expected);
    assert_eq!(unreadable.paths, ["errors[].correlationId", "errors[].error"]);
}

#[test]
fn a_page_needs_a_list_or_a_way_past_it() {
    for data in [json!({}), json!("rows"), json!(3)] {
        let (page, _) = from::<Page<String>>(&json!({ "data": data, "hasMore": true, "nextCursor": "c" }));
        assert_eq!(page.unreadable_rows, [UnreadableRow { index: 0, field: "data" }], "{data}");
        assert_eq!(page.next_cursor.as_deref(), Some("c"));
        for end in [json!({ "data": data }), json!({ "data": data, "hasMore": false, "nextCursor": "c" }), json!({})] {
            assert_eq!(noted::<Page<String>>(end.to_string().as_bytes()).0, Err(Misread::Missing("data")), "{end}");
        }
    }
    assert_eq!(from::<Page<String>>(&json!({ "data": null })).0.unreadable_rows, []);
}

#[test]
fn text_that_is_no_json_is_mended() {
    let customer = |body: &[u8]| {
        let (customer, unreadable) = noted::<Customer>(body);
        let shown = String::from_utf8_lossy(body).into_owned();
        assert!(unreadable.text, "{shown}");
        let customer = customer.unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!((customer.id.as_str(), customer.profile.region.as_deref()), ("Customer:1", Some("FI")), "{shown}");
        customer.individual.full_name
    };
    let whole = |name: &str| format!(r#"{{"id":"Customer:1","fullName":{name},"region":"FI"}}"#);
    for (name, expected) in [
        (r#""Acme \ud83d""#, Some("Acme \u{fffd}")),
        (r#""\ude00 Acme""#, Some("\u{fffd} Acme")),
        (r#""\ud83d\ud83d\ude00""#, Some("\u{fffd}😀")),
        (r#""\ud83dA\ud83d\n""#, Some("\u{fffd}A\u{fffd}\n")),
        (r#""\uZZZZ""#, Some("\u{fffd}ZZZZ")),
        (r#""\x41\'""#, Some("x41'")),
        ("\"a\nb\tc\"", Some("a\nb\tc")),
        ("NaN", None),
        ("-Infinity", None),
        ("1e999", None),
        ("01", None),
    ] {
        assert_eq!(customer(whole(name).as_bytes()).as_deref(), expected, "{name}");
    }
    let name = |bytes: &[u8]| [br#"{"id":"Customer:1","region":"FI","fullName":""#, bytes, br#""}"#].concat();
    assert_eq!(customer(&name(b"Ren\xe9")).as_deref(), Some("Ren\u{fffd}"));
    assert_eq!(customer(&name(b"\xed\xa0\xbd")).as_deref(), Some("\u{fffd}\u{fffd}\u{fffd}"));
    let text = whole("\"Zo\u{eb} \u{1f600}\"");
    assert_eq!(customer(&[b"\xef\xbb\xbf", text.as_bytes()].concat()).as_deref(), Some("Zoë 😀"));
    let units = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<_>>();
    for encoded in [
        units(u16::to_le_bytes),
        units(u16::to_be_bytes),
        [vec![0xff, 0xfe], units(u16::to_le_bytes)].concat(),
        [vec![0xfe, 0xff], units(u16::to_be_bytes)].concat(),
    ] {
        assert_eq!(customer(&encoded).as_deref(), Some("Zoë 😀"));
    }
    for odd in [
        r#"{"id":"Customer:2","id":"Customer:1","region":"FI"}"#,
        r#"{"id":"Customer:1","region":"FI"} trailing"#,
        "{\"id\":\"Customer:1\",\"region\":\"FI\"}\0",
        r#"{"id":"Customer:1","region":"FI"}{"id":"Customer:3"}"#,
        r#"{"id":"Customer:1","beneficialOwners":[{"id":"B","id":"C","roles":[1e999]}],"region":"FI"}"#,
    ] {
        customer(odd.as_bytes());
    }
}

#[test]
fn nesting_is_bounded_where_it_is_read() {
    let deep = |levels: usize| format!("{}1{}", r#"{"a":["#.repeat(levels), "]}".repeat(levels));
    for levels in [1, 40, 60, 64, 100, 50_000] {
        let deep = deep(levels);
        let errors = format!(r#"[{{"correlationId":"x","details":{deep}}},{{"correlationId":"y","new":{deep}}}]"#);
        let body = format!(r#"{{"id":"Job:1","new":{deep},"errors":{errors},"status":"FAILED"}}"#);
        let job = noted::<ImportJob>(body.as_bytes()).0.unwrap();
        let ids: Vec<_> = job.errors.iter().flatten().map(|error| error.correlation_id.as_str()).collect();
        assert_eq!((ids, job.errors.as_ref().unwrap()[0].details.len()), (vec!["x", "y"], 1), "{levels}");
    }
}

#[test]
fn what_is_not_mended_says_why() {
    for (body, why) in [
        ("", Misread::NotJson),
        ("<!doctype html><p>OK", Misread::NotJson),
        ("OK", Misread::NotJson),
        ("{id: 1}", Misread::NotJson),
        (r#"{"id" "Customer:1"}"#, Misread::NotJson),
        (r#"{"id":"Customer:1" "region":"FI"}"#, Misread::NotJson),
        (r#"{"id":"Customer:1","region":undefined}"#, Misread::NotJson),
        ("[]", Misread::NotAnObject),
        ("null", Misread::NotAnObject),
        ("\"Customer:1\"", Misread::NotAnObject),
        ("17", Misread::NotAnObject),
        ("{}", Misread::Missing("id")),
        (r#"{"id":17}"#, Misread::Missing("id")),
        (r#"{"id":""}"#, Misread::Missing("id")),
        // It is not the id that Grid sent.
        (r#"{"id":"Customer:\ud83d"}"#, Misread::Missing("id")),
    ] {
        assert_eq!(noted::<Customer>(body.as_bytes()).0, Err(why), "{body}");
    }
}

#[test]
fn of_a_text_without_an_end_what_is_complete_can_be_had() {
    let whole = r#"{"id":"Customer:1","isDeleted":true,"beneficialOwners":[{"id":"B","roles":["UBO"]}],"region":"FI"}"#;
    for end in 0..whole.len() {
        let part = &whole.as_bytes()[..end];
        let needed = read::<Customer>(part, Ending::Needed).unwrap_err();
        let spared = read::<Customer>(part, Ending::Spared);
        match end {
            0 => assert_eq!((needed, spared), (Misread::NotJson, Err(Misread::NotJson))),
            1..=17 => assert_eq!((needed, spared), (Misread::CutOff, Err(Misread::Missing("id")))),
            _ => {
                let spared = spared.unwrap_or_else(|error| panic!("{end}: {error}"));
                assert_eq!((needed, spared.id.as_str()), (Misread::CutOff, "Customer:1"));
                assert_eq!(spared.is_deleted, (end > 35).then_some(Some(true)), "{end}");
                assert_eq!(spared.profile.region.is_some(), end + 1 == whole.len(), "{end}: all but the last brace");
            }
        }
    }
}

#[test]
fn nothing_is_noted_of_an_answer_as_documented() {
    let (_, unreadable) = from::<Page<Customer>>(&json!({
        "data": [{ "id": "Customer:1", "email": null, "createdAt": "2026-01-02T03:04:05Z", "kycStatus": "NEW_WORD" }],
        "hasMore": false,
    }));
    assert!(unreadable.is_nothing(), "{unreadable:?}");
}

#[test]
fn every_loss_of_a_configuration_is_told_where_it_can_do_harm() {
    let currency = json!({ "currencyCode": "X", "minAmount": "1 dollar" });
    let (config, _) = from::<PlatformConfig>(&json!({ "id": "P", "supportedCurrencies": vec![currency; 80] }));
    assert_eq!(config.supported_currencies.len(), 80);
    // More are lost than are named of the whole: it is not known that no currency was.
    assert!(config.supported_currencies.iter().all(|currency| currency.lost_fields.0 == ["minAmount", "*"]));
    let mut many = json!({ "currencyCode": "X", "minAmount": "1 dollar" });
    many["providerRequiredCustomerFields"] = json!(vec![1; 70]);
    let (config, _) = from::<PlatformConfig>(&json!({ "id": "P", "supportedCurrencies": [many, { "minAmount": 1 }] }));
    let [many, good] = config.supported_currencies.as_slice() else { panic!("{config:?}") };
    assert!(many.lost_fields.0.contains(&"*".to_owned()), "{many:?}");
    assert_eq!((good.min_amount, good.lost_fields.0.as_slice()), (Some(1), ["*".to_owned()].as_slice()));
    for (currencies, lost) in [
        (json!(["USD", { "currencyCode": "EUR" }, null]), "supportedCurrencies[]"),
        (json!({ "USD": {} }), "supportedCurrencies"),
    ] {
        let (config, _) = from::<PlatformConfig>(&json!({ "id": "P", "supportedCurrencies": currencies }));
        assert_eq!(config.lost_fields.0, [lost]);
        assert!(config.supported_currencies.iter().all(|currency| currency.lost_fields.0 == [lost]));
    }
    for endpoint in [json!({ "url": "https://hooks.example/" }), json!([]), json!(7)] {
        let (config, _) = from::<PlatformConfig>(&json!({ "id": "P", "webhookEndpoint": endpoint, "umaDomain": 1 }));
        let mut lost = config.lost_fields.0.clone();
        lost.sort();
        assert_eq!(
            (config.has_unreadable_endpoint(), lost),
            (true, vec!["umaDomain".to_owned(), "webhookEndpoint".to_owned()])
        );
    }
    let (config, _) =
        from::<PlatformConfig>(&json!({ "id": "P", "webhookEndpoint": null, "supportedCurrencies": null }));
    assert_eq!((config.has_unreadable_endpoint(), config.lost_fields.0), (false, vec![]));
}

#[test]
fn a_number_that_is_none_or_is_rounded_is_not_taken_for_another() {
    let config =
        |body: &str| noted::<PlatformConfig>(body.as_bytes()).0.unwrap_or_else(|error| panic!("{body}: {error}"));
    for number in
        ["NaN", "-Infinity", "1e999", "0.10000000000000000001", "0.12345678901234567", "-1.00000000000000001E5"]
    {
        let read = config(&format!(
            r#"{{"id":"P","x":{number},"umaDomain":{number},"supportedCurrencies":[{{"minAmount":{number},"z":[{number}],
            "requiredCounterpartyFields":{number},"enabledTransactionTypes":{number}}}]}}"#
        ));
        let currency = &read.supported_currencies[0];
        assert_eq!(read.other_fields.0["x"], json!([["\u{fffd}"]]), "{number}");
        assert_eq!(currency.other_fields.0["z"], json!([[["\u{fffd}"]]]), "{number}");
        assert_eq!(
            (read.uma_domain, read.lost_fields.0.as_slice()),
            (None, ["umaDomain".to_owned()].as_slice()),
            "{number}"
        );
        assert_eq!((currency.min_amount, currency.enabled_transaction_types.len()), (None, 0), "{number}");
        let mut lost = currency.lost_fields.0.clone();
        lost.sort();
        assert_eq!(lost, ["enabledTransactionTypes[]", "minAmount", "requiredCounterpartyFields[]"], "{number}");
    }
    // As it is written, also in text that has to be mended.
    for flaw in ["1", "NaN"] {
        let read = config(&format!(
            r#"{{"id":"P","f":{flaw},"s":"\\\"0.10000000000000000001","x":0.100000000000000000,"y":9007199254740993,
            "supportedCurrencies":[{{"minAmount":9007199254740993.0}}]}}"#
        ));
        assert_eq!(read.supported_currencies[0].min_amount, Some(9_007_199_254_740_993), "{flaw}");
        assert_eq!(
            (&read.other_fields.0["x"], &read.other_fields.0["y"]),
            (&json!(0.1), &json!(9_007_199_254_740_993_i64))
        );
    }
}
