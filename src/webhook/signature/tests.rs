//! Signatures of both shapes, spoilt in every way.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING};
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::webhook::testing::Signer;

const BODY: &[u8] = br#"{"id":"Webhook:1","type":"TEST","data":{}}"#;

fn versioned(base64: &str) -> String {
    format!(r#"{{"v": "1", "s": "{base64}"}}"#)
}

#[test]
fn both_shapes_count_over_the_very_bytes_that_came() {
    let grid = Signer::p256();
    let keys = grid.keys();
    let base64 = grid.base64(BODY);
    let key = keys.ids().next().unwrap();
    let unpadded = base64.trim_end_matches('=').to_owned();
    let more = format!(r#"{{"alg":"x","s":"{base64}","v":"1"}}"#);
    let escaped = versioned(&base64.replace('/', "\\/"));
    for header in [base64.clone(), versioned(&base64), format!("  {base64} "), unpadded, more, escaped] {
        assert_eq!(verify(&keys, header.as_bytes(), BODY), Ok(key), "{header}");
    }
    let reformatted = [BODY, b" "].concat();
    assert_eq!(verify(&keys, base64.as_bytes(), &reformatted), Err(InvalidSignature::Mismatch));
    assert_eq!(verify(&keys, base64.as_bytes(), b""), Err(InvalidSignature::Mismatch));
}

#[test]
fn what_grid_s_published_sample_reads_is_read() {
    let grid = Signer::p256();
    let keys = grid.keys();
    // Both letters that the alphabets differ in are seldom in one signature: signatures are random, so ask again.
    let base64 =
        std::iter::repeat_with(|| grid.base64(BODY)).find(|text| text.contains('+') && text.contains('/')).unwrap();
    let url_safe = base64.replace('+', "-").replace('/', "_");
    let lines = format!("{}\\r\\n{}\\n", &base64[..76], &base64[76..]);
    let versions = ["1", "1.0", "1e0", r#""1""#].map(|version| format!(r#"{{"v":{version},"s":"{base64}"}}"#));
    let spelled = [
        format!(r#"{{ "s" : "{base64}" , "v" : 1 , "kid" : {{"a": [1e999, "\ud83d"]}} }}"#),
        url_safe.clone(),
        url_safe.trim_end_matches('=').to_owned(),
        versioned(&url_safe),
        versioned(base64.trim_end_matches('=')),
        versioned(&lines),
        versioned(&format!(" {base64} ")),
    ];
    for header in versions.into_iter().chain(spelled) {
        assert!(verify(&keys, header.as_bytes(), BODY).is_ok(), "{header}");
        assert_eq!(verify(&keys, header.as_bytes(), b"{}"), Err(InvalidSignature::Mismatch), "{header}");
    }
}

#[test]
fn any_of_the_active_keys_will_do_and_no_other() {
    let (old, new, stranger) = (Signer::p256(), Signer::p256(), Signer::p256());
    let keys = PublicKeys::from_pem([old.pem().as_str(), new.pem().as_str()]).unwrap();
    let ids: Vec<_> = keys.ids().collect();
    assert_eq!(verify(&keys, old.base64(BODY).as_bytes(), BODY), Ok(ids[0]));
    assert_eq!(verify(&keys, new.base64(BODY).as_bytes(), BODY), Ok(ids[1]));
    assert_eq!(verify(&keys, stranger.base64(BODY).as_bytes(), BODY), Err(InvalidSignature::Mismatch));
}

#[test]
fn every_way_to_be_malformed_is_refused() {
    use InvalidSignature::{Malformed, Mismatch, UnknownVersion};
    let grid = Signer::p256();
    let base64 = grid.base64(BODY);
    let der = grid.der(BODY);
    let p384 = Signer::new(&ECDSA_P384_SHA384_ASN1_SIGNING).base64(BODY);
    let fixed = Signer::new(&ECDSA_P256_SHA256_FIXED_SIGNING).base64(BODY);
    let cases: Vec<(Vec<u8>, InvalidSignature)> = vec![
        (b"".to_vec(), Malformed),
        (b"   ".to_vec(), Malformed),
        (b"not base64 at all!".to_vec(), Malformed),
        (b"AAAA".to_vec(), Malformed),
        (b"\xff\xfe\x00".to_vec(), Malformed),
        (format!("{base64}{base64}").into_bytes(), Malformed),
        (vec![b'A'; 100_000], Malformed),
        (p384.into_bytes(), Malformed),
        (fixed.into_bytes(), Mismatch),
        (STANDARD.encode(&der[..der.len() - 1]).into_bytes(), Mismatch),
        (STANDARD.encode(&der[..der.len() / 2]).into_bytes(), Mismatch),
        (STANDARD.encode([der.as_slice(), b"\0"].concat()).into_bytes(), Mismatch),
        (b"{}".to_vec(), Malformed),
        (b"{".to_vec(), Malformed),
        (br#"{"v":"1"}"#.to_vec(), Malformed),
        (format!(r#"{{"s":"{base64}"}}"#).into_bytes(), Malformed),
        (format!(r#"{{"v":2,"s":"{base64}"}}"#).into_bytes(), UnknownVersion),
        (format!(r#"{{"v":1.5,"s":"{base64}"}}"#).into_bytes(), UnknownVersion),
        (format!(r#"{{"v":-1,"s":"{base64}"}}"#).into_bytes(), UnknownVersion),
        (format!(r#"{{"v":true,"s":"{base64}"}}"#).into_bytes(), Malformed),
        (format!(r#"{{"v":null,"s":"{base64}"}}"#).into_bytes(), Malformed),
        (format!(r#"{{"v":[1],"s":"{base64}"}}"#).into_bytes(), Malformed),
        (format!(r#"{{"v":1e999,"s":"{base64}"}}"#).into_bytes(), Malformed),
        (format!(r#"{{"v":1,"s":["{base64}"]}}"#).into_bytes(), Malformed),
        (format!(r#"{{"v":"2","s":"{base64}"}}"#).into_bytes(), UnknownVersion),
        (format!(r#"{{"v":"","s":"{base64}"}}"#).into_bytes(), UnknownVersion),
        (format!(r#"{{"v":"1","s":"","s":"{base64}"}}"#).into_bytes(), Malformed),
        (format!(r#"["1","{base64}"]"#).into_bytes(), Malformed),
        (br#"{"v":"1","s":""}"#.to_vec(), Malformed),
        (br#"{"v":"1","s":null}"#.to_vec(), Malformed),
        ("[".repeat(1000).into_bytes(), Malformed),
        (format!("{{\"v\":{}", "[".repeat(1000)).into_bytes(), Malformed),
    ];
    for (header, expected) in cases {
        let refused = verify(&grid.keys(), &header, BODY).map(|_| ());
        // DER that lacks its last byte may be of a length that cannot be DER at all.
        let refused = if expected == Mismatch && refused == Err(Malformed) { Err(Mismatch) } else { refused };
        assert_eq!(refused, Err(expected), "{}", String::from_utf8_lossy(&header));
    }
}

#[test]
fn one_header_is_needed_and_only_one() {
    let grid = Signer::p256();
    let value = HeaderValue::from_str(&grid.base64(BODY)).unwrap();
    let body = Bytes::from_static(BODY);
    let mut headers = HeaderMap::new();
    assert_eq!(Received::new(&headers, body.clone()).unwrap_err(), InvalidSignature::Missing);
    headers.append(SIGNATURE_HEADER, value.clone());
    assert!(Received::new(&headers, body.clone()).unwrap().verify(&grid.keys()).is_ok());
    headers.append(SIGNATURE_HEADER, value);
    assert_eq!(Received::new(&headers, body).unwrap_err(), InvalidSignature::Several);
}

#[test]
fn debug_output_says_nothing_of_the_body() {
    let grid = Signer::p256();
    let body = Bytes::from_static(b"Jane Canary");
    let mut headers = HeaderMap::new();
    headers.append(SIGNATURE_HEADER, HeaderValue::from_str(&grid.base64(&body)).unwrap());
    let received = Received::new(&headers, body).unwrap();
    assert!(!format!("{received:?}").contains("Canary"));
    assert!(!format!("{:?}", received.verify(&grid.keys()).unwrap()).contains("Canary"));
}

proptest! {
    #[test]
    fn no_header_makes_it_panic_or_counts(header in proptest::collection::vec(any::<u8>(), 0..200)) {
        let grid = Signer::p256();
        prop_assert!(verify(&grid.keys(), &header, BODY).is_err());
    }

    #[test]
    fn no_text_in_the_shape_of_a_header_panics_or_counts(
        text in r#"\{"[vs]": ?("[0-9]"|[0-9]|1[.]0|null), ?"[vs]": ?"[A-Za-z0-9+/=_ -]{0,110}"\}?"#,
    ) {
        let grid = Signer::p256();
        prop_assert!(verify(&grid.keys(), text.as_bytes(), BODY).is_err());
    }

    #[test]
    fn changing_any_bit_of_body_or_signature_spoils_it(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let grid = Signer::p256();
        let keys = grid.keys();
        let mut body = BODY.to_vec();
        let mut der = grid.der(BODY);
        let whole = STANDARD.encode(&der);
        body[at.index(BODY.len())] ^= 1 << bit;
        prop_assert!(verify(&keys, whole.as_bytes(), &body).is_err());
        let length = der.len();
        der[at.index(length)] ^= 1 << bit;
        prop_assert!(verify(&keys, STANDARD.encode(&der).as_bytes(), BODY).is_err());
    }
}
