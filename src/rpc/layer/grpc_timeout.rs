//! The `grpc-timeout` header.
//!
//! [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md): an ASCII integer of at most 8
//! digits, and its unit: `H` hours, `M` minutes, `S` seconds, `m` milli-, `u` micro-, `n` nanoseconds. It speaks of
//! positive integers, but clients whose deadline is over already send `0n`, which is taken for what it says.

use crate::rpc::refused::MalformedTimeout;
use http::HeaderMap;
use std::time::Duration;

/// How long the caller waits; `None` when it does not say.
pub(super) fn parse(headers: &HeaderMap) -> Result<Option<Duration>, MalformedTimeout> {
    let mut values = headers.get_all("grpc-timeout").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(MalformedTimeout);
    }
    let (unit, digits) = value.as_bytes().split_last().ok_or(MalformedTimeout)?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(MalformedTimeout);
    }
    let number = digits.iter().fold(0, |number: u64, digit| number * 10 + u64::from(digit - b'0'));
    let timeout = match unit {
        b'H' => Duration::from_secs(number * 60 * 60),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return Err(MalformedTimeout),
    };
    Ok(Some(timeout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn parsed(value: &[u8]) -> Result<Option<Duration>, MalformedTimeout> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", HeaderValue::from_bytes(value).unwrap());
        parse(&headers)
    }

    #[test]
    fn every_unit() {
        for (text, expected) in [
            ("2H", Duration::from_secs(7200)),
            ("3M", Duration::from_secs(180)),
            ("30S", Duration::from_secs(30)),
            ("82m", Duration::from_millis(82)),
            ("9u", Duration::from_micros(9)),
            ("1n", Duration::from_nanos(1)),
            ("0n", Duration::ZERO),
            ("007S", Duration::from_secs(7)),
            ("99999999H", Duration::from_secs(99_999_999 * 3600)),
        ] {
            assert_eq!(parsed(text.as_bytes()), Ok(Some(expected)), "{text}");
        }
        assert_eq!(parse(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn malformed() {
        for text in ["", "S", "5", "5s", "5 S", " 5S", "-5S", "+5S", "1.5S", "123456789S", "5SS", "0x5S", "\u{665}S"] {
            assert_eq!(parsed(text.as_bytes()), Err(MalformedTimeout), "{text:?}");
        }
        let mut twice = HeaderMap::new();
        twice.append("grpc-timeout", HeaderValue::from_static("1S"));
        twice.append("grpc-timeout", HeaderValue::from_static("1S"));
        assert_eq!(parse(&twice), Err(MalformedTimeout));
    }

    proptest! {
        #[test]
        fn any_header_is_parsed_or_refused(bytes in proptest::collection::vec(32u8..=255, 0..12)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = parsed(value.as_bytes());
            }
        }
    }
}
