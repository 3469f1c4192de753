//! Requests that Grid would never send.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use gridgate::webhook::{Limits, Outcome};
use serde_json::json;

use super::{Door, Opening};
use crate::support::webhook_sender::{Request, WebhookSender, kyc, webhook};

/// Values of the signature's header that are wrong in every way, with their names.
pub fn malformed_signatures(grid: &WebhookSender, body: &[u8]) -> Vec<(&'static str, String)> {
    let der = grid.sign(body);
    let good = STANDARD.encode(&der);
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let p384 = STANDARD.encode(p384.sign(&SystemRandom::new(), body).unwrap());
    vec![
        ("empty", String::new()),
        ("no base64", "*".repeat(96)),
        ("half of it", good[..good.len() / 2].to_owned()),
        ("truncated DER", STANDARD.encode(&der[..der.len() - 1])),
        ("DER and more", STANDARD.encode([&der[..], &[0]].concat())),
        ("zeros", STANDARD.encode([0; 70])),
        ("another alphabet", URL_SAFE.encode([0xff; 70])),
        ("another curve", p384),
        ("another body's", grid.signature(b"another body")),
        ("unknown version", format!(r#"{{"v":"2","s":"{good}"}}"#)),
        ("an unknown number as version", format!(r#"{{"v":2,"s":"{good}"}}"#)),
        ("a fraction as version", format!(r#"{{"v":1.5,"s":"{good}"}}"#)),
        ("no version", format!(r#"{{"s":"{good}"}}"#)),
        ("no signature", r#"{"v":"1"}"#.to_owned()),
        ("half of JSON", format!(r#"{{"v":"1","s":"{good}"#)),
        ("a list", format!(r#"["1","{good}"]"#)),
        ("deep JSON", format!(r#"{{"v":{}"#, "[".repeat(900))),
        ("8 KB", "A".repeat(8 * 1024)),
    ]
}

#[tokio::test]
async fn signatures_that_are_malformed_in_every_way_are_401() {
    let door = Door::open().await;
    let body = kyc("W:1", "Customer:1", "APPROVED").into_bytes();
    let good = STANDARD.encode(door.grid.sign(&body));
    let cases = malformed_signatures(&door.grid, &body);
    let count = u64::try_from(cases.len()).unwrap();
    for (name, signature) in cases {
        let answer = door.send(Request::post(&body).header("X-Grid-Signature", signature)).await;
        assert_eq!(answer.status, 401, "{name}");
    }
    let no_text = Request::post(&body).header("X-Grid-Signature", [0xff, 0xfe, 0x80]);
    assert_eq!(door.send(no_text).await.code(), "signature_malformed");
    assert_eq!(door.send(Request::post(&body)).await.code(), "signature_missing");
    let twice = door.grid.webhook(&body).header("x-grid-signature", &good);
    assert_eq!(door.send(twice).await.code(), "signature_repeated");
    let refused: u64 =
        door.counters.snapshot().outcomes.iter().filter(|(o, _)| o.status() == 401).map(|(_, n)| n).sum();
    assert_eq!(refused, count + 3);
    assert_eq!(door.send(door.grid.webhook(&body)).await.status, 200, "it was never the body's fault");
    assert_eq!(door.log.observations().len(), 1);
}

#[tokio::test]
async fn a_huge_head_is_431() {
    let door = Door::open().await;
    for (name, value) in [("X-Grid-Signature", "A".repeat(200_000)), ("X-Other", "A".repeat(17 * 1024))] {
        let answer = door.send(Request::post("{}").header(name, value)).await;
        assert_eq!(answer.status, 431, "{name}");
    }
    let many = (0..200).fold(Request::post("{}"), |request, n| request.header(&format!("X-{n}"), "a"));
    assert_eq!(door.send(many).await.status, 431);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_however_it_comes_and_whoever_signed_it() {
    let door = Door::open().await;
    let huge = vec![b' '; 10 * 1024 * 1024];
    let limit = Limits::default().max_body_bytes;
    let signed = door.grid.webhook(&huge);
    let just_over = door.grid.webhook(vec![b' '; limit + 1]);
    for request in [signed.clone(), signed.chunked(64 * 1024), Request::post(&huge), just_over.chunked(1000)] {
        let answer = door.send(request).await;
        assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
        assert_eq!(answer.header("connection"), Some("close"));
    }
    let mut just_fits = kyc("W:1", "Customer:1", "APPROVED").into_bytes();
    just_fits.resize(limit, b' ');
    let just_fits = door.grid.webhook(&just_fits);
    assert_eq!(door.send(just_fits.clone()).await.status, 200);
    assert_eq!(door.send(just_fits.chunked(1000)).await.status, 409);
    assert_eq!(door.count(Outcome::TooLarge), 4);
}

#[tokio::test]
async fn bodies_share_a_bounded_memory() {
    let limits = Limits { max_bodies_bytes: 64 * 1024, ..Limits::default() };
    let door = Opening { limits, ..Opening::new() }.open().await;
    let answer = door.send(door.grid.webhook(vec![b' '; 100 * 1024])).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
    assert_eq!(door.deliver(kyc("W:1", "Customer:1", "APPROVED")).await.status, 200, "it was given back");
}

#[tokio::test]
async fn a_length_that_is_no_length_is_400() {
    let door = Door::open().await;
    for length in ["-1", "x", "99999999999999999999999"] {
        let request = door.grid.webhook("{}").without("Content-Length").header("Content-Length", length);
        assert_eq!(door.send(request).await.status, 400, "{length}");
    }
    let both = door.grid.webhook("{}").header("Transfer-Encoding", "gzip");
    assert_eq!(door.send(both).await.status, 400);
}

#[tokio::test]
async fn deep_json_costs_nothing_signed_or_not() {
    let door = Door::open().await;
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    assert_eq!(door.send(Request::post(&deep)).await.status, 401);
    assert_eq!(door.deliver(&deep).await.status, 400);
    let deep_objects = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    assert_eq!(door.deliver(&deep_objects).await.status, 400);
    let within = |data: &str| format!(r#"{{"id":"W:1","type":"CUSTOMER.KYC_APPROVED","data":{data}}}"#);
    assert_eq!(door.deliver(within(&deep)).await.code(), "quarantined");
    let status = within(&format!(r#"{{"id":"Customer:1","kycStatus":"APPROVED","new":{deep}}}"#));
    assert_eq!(door.deliver(status).await.code(), "recorded");
    let unknown = webhook("W:2", "CARD.STATE_CHANGE", json!(null)).replace("null", &deep);
    assert_eq!(door.deliver(unknown).await.code(), "acknowledged");
}

#[tokio::test]
async fn a_byte_that_is_no_utf8_costs_no_more_than_the_text_it_stands_in() {
    let door = Door::open().await;
    let spoilt = |id: &str, before: &str| {
        let body = kyc(id, "Customer:1", "APPROVED");
        let at = body.find(before).unwrap() + before.len();
        [&body.as_bytes()[..at], b"\xc3", &body.as_bytes()[at..]].concat()
    };
    let body = kyc("W:1", "Customer:1", "APPROVED");
    for before in ["{", r#""W:"#, &body] {
        assert_eq!(door.deliver(&spoilt("W:1", before)).await.status, 400, "after {before}");
    }
    assert_eq!(door.deliver(&spoilt("W:2", r#""Customer:"#)).await.code(), "quarantined");
    assert_eq!(door.deliver(&spoilt("W:3", r#""APPROVED"#)).await.code(), "quarantined");
    assert!(door.log.observations().is_empty());
    let with_a_name = [b"{\"new\":\"Ren\xe9\",".as_slice(), &body.as_bytes()[1..]].concat();
    assert_eq!(door.deliver(&with_a_name).await.code(), "recorded");
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let door = Door::open().await;
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    assert_eq!(connect_and_say(&door, tls).await, Some(400));
    let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert!(matches!(connect_and_say(&door, http2).await, None | Some(400 | 505)));
    assert_eq!(door.deliver(kyc("W:1", "Customer:1", "APPROVED")).await.status, 200);
}

async fn connect_and_say(door: &Door, bytes: &[u8]) -> Option<u16> {
    use tokio::io::AsyncWriteExt as _;
    let mut stream = tokio::net::TcpStream::connect(door.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let response = crate::support::soon("an end", super::Response::read(&mut stream)).await;
    response.map(|response| response.status)
}
