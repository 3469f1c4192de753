//! From the text of a setting to its value. Every error says what would have been right.

use super::setting::{Bounds, Kind};
use crate::telemetry::log_filter;
use reqwest::Url;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tracing_subscriber::filter::Targets;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A type that settings have.
pub(super) trait Value: Sized {
    /// Reads the text of a setting of this kind.
    fn read(text: &str, kind: Kind) -> Result<Self, String>;
}

impl Value for SocketAddr {
    fn read(text: &str, _: Kind) -> Result<Self, String> {
        text.parse().map_err(|_| {
            let hint = match text.rsplit_once(':') {
                Some(("localhost" | "", port)) => format!("127.0.0.1:{port}"),
                _ => "127.0.0.1:50051".to_owned(),
            };
            format!("\"{text}\" is not an IP address with a port; write for example {hint}")
        })
    }
}

impl Value for bool {
    fn read(text: &str, _: Kind) -> Result<Self, String> {
        text.parse().map_err(|_| format!("\"{text}\" is neither true nor false"))
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Value for $number {
            fn read(text: &str, kind: Kind) -> Result<Self, String> {
                Self::try_from(number(text, kind)?).map_err(|_| format!("\"{text}\" is more than {}", Self::MAX))
            }
        })*
    };
}

numbers! { u8 u32 u64 usize }

impl Value for Duration {
    fn read(text: &str, kind: Kind) -> Result<Self, String> {
        let Kind::Duration(bounds) = kind else { return Err("is not a length of time".to_owned()) };
        let days = text.strip_suffix('d').filter(|_| bounds.most > DAY);
        let parsed = match days.filter(|days| !days.is_empty() && days.bytes().all(|b| b.is_ascii_digit())) {
            Some(days) => Some(DAY.saturating_mul(days.parse().unwrap_or(u32::MAX))),
            None => text.parse::<jiff::SignedDuration>().ok().and_then(|signed| Duration::try_from(signed).ok()),
        };
        let examples = if bounds.most > DAY { "90d or 720h" } else { "500ms, 30s or 2m" };
        let wrong = || format!("\"{text}\" is not a length of time; write for example {examples}");
        bounds.check(text, parsed.ok_or_else(wrong)?, shown)
    }
}

/// A length of time as it is written for a setting.
pub(super) fn shown(duration: &Duration) -> String {
    match duration.as_secs() / DAY.as_secs() {
        0 => format!("{duration:?}"),
        days => format!("{days}d"),
    }
}

impl Value for String {
    fn read(text: &str, kind: Kind) -> Result<Self, String> {
        match kind {
            Kind::Url => return base_url(text).map(Into::into),
            Kind::Pem => return lines(text),
            Kind::Word(words) if !words.contains(&text) => {
                return Err(format!("\"{text}\" is none of {}", words.join(", ")));
            }
            _ => {}
        }
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err("must not be empty, nor contain line breaks or other control characters".to_owned());
        }
        Ok(text.to_owned())
    }
}

impl Value for PathBuf {
    fn read(text: &str, kind: Kind) -> Result<Self, String> {
        String::read(text, kind).map(PathBuf::from)
    }
}

impl Value for SecretString {
    fn read(text: &str, kind: Kind) -> Result<Self, String> {
        String::read(text, kind).map(SecretString::from)
    }
}

impl Value for Url {
    fn read(text: &str, _: Kind) -> Result<Self, String> {
        base_url(text)
    }
}

impl Value for Targets {
    fn read(text: &str, _: Kind) -> Result<Self, String> {
        log_filter(text)
    }
}

/// A whole number, or a number of bytes: `65536`, `64KiB`, `4 MiB`, `1GiB`.
fn number(text: &str, kind: Kind) -> Result<u64, String> {
    let whole = |Bounds { least, most, .. }: Bounds<u64>| match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(format!("\"{text}\" is not a whole number from {least} to {most}")),
    };
    match kind {
        Kind::Number(bounds) => whole(bounds),
        Kind::Percent => whole(Bounds::new(0, 100)),
        Kind::Size(bounds) => {
            let wrong =
                || format!("\"{text}\" is not a number of bytes; write for example 65536, 512KiB, 4MiB or 1GiB");
            let bytes = size(text).filter(|bytes| *bytes > 0).ok_or_else(wrong)?;
            bounds.check(text, bytes, |bytes| match bytes {
                mib if mib % (1 << 20) == 0 => format!("{}MiB", mib >> 20),
                kib if kib % (1 << 10) == 0 => format!("{}KiB", kib >> 10),
                bytes => bytes.to_string(),
            })
        }
        _ => Err("is not a number".to_owned()),
    }
}

fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end();
    let unit = match text.strip_prefix(digits)?.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let number = if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse::<u64>().ok() } else { None };
    number?.checked_mul(unit)
}

/// Text of any number of lines that is not blank.
fn lines(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err("must not be empty, nor contain control characters other than line breaks".to_owned());
    }
    Ok(text.to_owned())
}

/// The base URL of an API: `http` or `https`, with a host, and nothing after the path.
fn base_url(text: &str) -> Result<Url, String> {
    // The text is not repeated: what is wrong with it may be that it contains a password.
    let url = Url::parse(text).map_err(|error| format!("not a URL ({error}); write for example https://host/path"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("must begin with https:// or http:// and a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user or password; credentials have settings of their own".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not contain ? or #".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::super::settings::{
        EVENT_MAX_AGE, GRPC_MAX_CALL_WAIT, GRPC_MAX_CALLS, GRPC_MAX_DEADLINE, GRPC_MAX_REQUEST_SIZE,
    };
    use super::*;

    #[test]
    fn sizes() {
        let size = |text| u64::read(text, GRPC_MAX_REQUEST_SIZE.kind);
        assert_eq!(size("1"), Ok(1));
        assert_eq!(size("512KiB"), Ok(512 * 1024));
        assert_eq!(size("4 MiB"), Ok(4 * 1024 * 1024));
        assert_eq!(size("1GiB"), Ok(1024 * 1024 * 1024));
        for wrong in
            ["", "0", "MiB", "4MB", "-1", "+4", "1.5MiB", "99999999999999999999", "18446744073709551615GiB", "4 0"]
        {
            assert!(size(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn durations() {
        let duration = |text| Duration::read(text, GRPC_MAX_DEADLINE.kind);
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(Duration::read("0s", GRPC_MAX_CALL_WAIT.kind), Ok(Duration::ZERO));
        for wrong in ["", "30", "-5s", "0s", "1ns", "25h", "1d", "soon", "99999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn long_durations() {
        let long = |text| Duration::read(text, EVENT_MAX_AGE.kind);
        assert_eq!(long("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(long("720h"), Ok(Duration::from_secs(30 * 86_400)));
        for wrong in ["", "d", "-1d", "1.5d", "8 days ago", "36526d", "99999999999999999999d", "-5h", "900000h"] {
            assert!(long(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn numbers() {
        let percent = |text| u8::read(text, Kind::Percent);
        assert_eq!((percent("0"), percent("100")), (Ok(0), Ok(100)));
        for wrong in ["", "101", "-1", "1.5", "5%", "256"] {
            assert!(percent(wrong).is_err(), "{wrong:?}");
        }
        let count = |text| u32::read(text, GRPC_MAX_CALLS.kind);
        assert_eq!(count("4294967295"), Ok(u32::MAX));
        for wrong in ["0", "-1", "4294967296", "one"] {
            assert_eq!(count(wrong), Err(format!("\"{wrong}\" is not a whole number from 1 to 4294967295")));
        }
        assert_eq!(u32::read("0", Kind::Number(Bounds::new(0, 1))), Ok(0));
    }

    #[test]
    fn addresses() {
        let address = |text| SocketAddr::read(text, Kind::Address);
        assert_eq!(address("127.0.0.1:0"), Ok(SocketAddr::from(([127, 0, 0, 1], 0))));
        assert!(address("[::1]:50051").is_ok());
        assert!(address(":9000").unwrap_err().contains("127.0.0.1:9000"));
        assert!(address("localhost:9000").unwrap_err().contains("127.0.0.1:9000"));
        assert!(address("127.0.0.1").is_err());
    }

    #[test]
    fn texts() {
        let text = |text| String::read(text, Kind::Text);
        assert!(text("a b").is_ok() && lines("a b").is_ok());
        assert!(text("a\nb").is_err() && lines("a\r\nb\n").is_ok());
        for wrong in ["", "a\u{7}b"] {
            assert!(text(wrong).is_err() && lines(wrong).is_err(), "{wrong:?}");
        }
        assert!(lines(" \n").is_err());
    }

    #[test]
    fn base_urls() {
        assert!(base_url("https://api.lightspark.com/grid/2025-10-13").is_ok());
        for wrong in
            ["", "api.lightspark.com", "ftp://x/", "https://u:p@x/", "https://x/?a=b", "https://x/#a", "unix:/a"]
        {
            let problem = base_url(wrong).unwrap_err();
            assert!(!problem.contains("u:p"), "{problem}");
        }
    }
}
