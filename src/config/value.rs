//! From the text of a setting to its value. Every function says in its error what would have been right.

use reqwest::Url;
use std::net::SocketAddr;
use std::time::Duration;
use tracing_subscriber::filter::{LevelFilter, Targets};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest duration that a setting can have, as a rule.
const LONGEST: Duration = DAY;

/// An IP address and a port.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let hint = match text.rsplit_once(':') {
            Some(("localhost", port)) => format!("127.0.0.1:{port}"),
            Some(("", port)) => format!("127.0.0.1:{port}"),
            _ => "127.0.0.1:50051".to_owned(),
        };
        format!("\"{text}\" is not an IP address with a port; write for example {hint}")
    })
}

/// `true` or `false`.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("\"{text}\" is neither true nor false")),
    }
}

/// A whole number of at least one.
pub(super) fn count(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("\"{text}\" is not a whole number from 1 to {}", u32::MAX)),
        Ok(n) => Ok(n),
    }
}

/// A whole number, zero included.
pub(super) fn count_or_zero(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("\"{text}\" is not a whole number from 0 to {}", u32::MAX))
}

/// A whole number from 0 to 100.
pub(super) fn percent(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(percent @ 0..=100) => Ok(percent),
        _ => Err(format!("\"{text}\" is not a whole number from 0 to 100")),
    }
}

/// A length of time that may be many days: `90d`, or as [`duration`] has it.
pub(super) fn long_duration(text: &str) -> Result<Duration, String> {
    /// A hundred years.
    const MOST_DAYS: u64 = 36_525;
    let wrong = || format!("\"{text}\" is not a length of time; write for example 90d or 720h");
    match text.strip_suffix('d') {
        Some(days) if !days.is_empty() && days.bytes().all(|b| b.is_ascii_digit()) => {
            let days = days.parse::<u64>().ok().filter(|days| *days <= MOST_DAYS);
            days.map(|days| Duration::from_secs(days * DAY.as_secs())).ok_or_else(|| format!("\"{text}\" is too long"))
        }
        _ => {
            let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|signed| Duration::try_from(signed).ok());
            parsed.filter(|duration| duration.as_secs() / DAY.as_secs() <= MOST_DAYS).ok_or_else(wrong)
        }
    }
}

/// A length of time, zero included.
pub(super) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    let parsed: Option<Duration> =
        text.parse::<jiff::SignedDuration>().ok().and_then(|signed| Duration::try_from(signed).ok());
    match parsed {
        Some(duration) if duration <= LONGEST => Ok(duration),
        Some(_) => Err(format!("\"{text}\" is longer than a day")),
        None => Err(format!("\"{text}\" is not a length of time; write for example 500ms, 30s or 2m")),
    }
}

/// A length of time of at least a millisecond.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match duration_or_zero(text)? {
        short if short < Duration::from_millis(1) => Err(format!("\"{text}\" is shorter than a millisecond")),
        duration => Ok(duration),
    }
}

/// A number of bytes: `65536`, `64KiB`, `4 MiB`, `1GiB`.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end();
    let unit = match text.strip_prefix(digits).map(str::trim) {
        Some("" | "B") => Some(1),
        Some("KiB") => Some(1 << 10),
        Some("MiB") => Some(1 << 20),
        Some("GiB") => Some(1 << 30),
        _ => None,
    };
    let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<usize>().ok()).flatten();
    match number.zip(unit).and_then(|(number, unit)| number.checked_mul(unit)) {
        None | Some(0) => {
            Err(format!("\"{text}\" is not a number of bytes; write for example 65536, 512KiB, 4MiB or 1GiB"))
        }
        Some(bytes) => Ok(bytes),
    }
}

/// Text that is not empty and is a single line.
pub(super) fn text(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("must not be empty, nor contain line breaks or other control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// Text that is not blank, of any number of lines.
pub(super) fn lines(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err("must not be empty, nor contain control characters other than line breaks".to_owned());
    }
    Ok(text.to_owned())
}

/// A log level, or directives of the form `level,module=level`.
pub(super) fn filter(text: &str) -> Result<Targets, String> {
    let directives: Vec<&str> = text.split(',').map(str::trim).collect();
    // A bare word that is no level would be taken for a module's name, and silence everything else.
    let is_misspelt = |word: &str| word.is_empty() || (!word.contains('=') && word.parse::<LevelFilter>().is_err());
    match directives.iter().find(|word| is_misspelt(word)) {
        Some(word) => Err(format!(
            "\"{word}\" is not a log level; write error, warn, info, debug, trace or off, or for one module \
             info,gridgate::grid=debug"
        )),
        None => directives.join(",").parse().map_err(|error| format!("\"{text}\" is not a log filter: {error}")),
    }
}

/// The base URL of an API: `http` or `https`, with a host, and nothing after the path.
pub(super) fn base_url(text: &str) -> Result<Url, String> {
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
    use super::*;

    #[test]
    fn sizes() {
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
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration_or_zero("0s"), Ok(Duration::ZERO));
        for wrong in ["", "30", "-5s", "0s", "1ns", "25h", "1d", "soon", "99999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn long_durations() {
        assert_eq!(long_duration("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(long_duration("720h"), Ok(Duration::from_secs(30 * 86_400)));
        for wrong in ["", "d", "-1d", "1.5d", "8 days ago", "36526d", "99999999999999999999d", "-5h", "900000h"] {
            assert!(long_duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn percents() {
        assert_eq!((percent("0"), percent("100")), (Ok(0), Ok(100)));
        for wrong in ["", "101", "-1", "1.5", "5%", "256"] {
            assert!(percent(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(count_or_zero("0"), Ok(0));
        assert!(count_or_zero("-1").is_err());
    }

    #[test]
    fn addresses() {
        assert_eq!(address("127.0.0.1:0"), Ok(SocketAddr::from(([127, 0, 0, 1], 0))));
        assert!(address("[::1]:50051").is_ok());
        assert!(address(":9000").unwrap_err().contains("127.0.0.1:9000"));
        assert!(address("localhost:9000").unwrap_err().contains("127.0.0.1:9000"));
        assert!(address("127.0.0.1").is_err());
    }

    #[test]
    fn texts() {
        assert!(text("a b").is_ok() && lines("a b").is_ok());
        assert!(text("a\nb").is_err() && lines("a\r\nb\n").is_ok());
        for wrong in ["", "a\u{7}b"] {
            assert!(text(wrong).is_err() && lines(wrong).is_err(), "{wrong:?}");
        }
        assert!(lines(" \n").is_err());
    }

    #[test]
    fn filters() {
        for right in ["info", "off", "info,gridgate::grid=debug", "warn, h2=off"] {
            assert!(filter(right).is_ok(), "{right:?}");
        }
        for wrong in ["", "inof", "info,gridgate", "gridgate=loud"] {
            assert!(filter(wrong).is_err(), "{wrong:?}");
        }
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
