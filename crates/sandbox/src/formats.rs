//! The format of each kind of field, and the error for a value that does not have it.

use jiff::Timestamp;
use jiff::civil::Date;

use super::vocabulary::COUNTRIES;
use gridgate_grid::model::{FieldConstraint, Time};

#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// Any text that is not empty, of at most so many characters where a length is said.
    Text(Option<usize>),
    Email,
    Phone,
    /// A civil date, not later than this one.
    DateUntil(Date),
    /// A country, ISO 3166-1 alpha-2.
    Country,
    OneOf(&'static [&'static str]),
    /// `$name@domain`.
    UmaAddress,
    /// A U.S. tax number of a person: `###-##-####`.
    UsPersonTaxNumber,
    /// A U.S. employer's number: `##-#######`.
    Ein,
    /// A NAICS code: 2 to 6 digits.
    Naics,
    /// A time, RFC 3339, and so with an offset.
    DateTime,
    /// The same, not later than this one.
    PastDateTime(Timestamp),
    IpAddress,
    WebAddress,
}

#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) constraint: FieldConstraint,
}

const E164: &str = r"^\+[1-9]\d{1,14}$";
const UMA: &str = r"^\$[a-z0-9._+-]+@[a-z0-9.-]+$";
const PERSON_TAX_NUMBER: &str = r"^\d{3}-\d{2}-\d{4}$";
const EIN: &str = r"^\d{2}-\d{7}$";
const NAICS: &str = r"^\d{2,6}$";

const LONGEST_EMAIL: usize = 255;
const LONGEST_IP: i64 = 45;

/// Longest text that is stored where Grid's OpenAPI names no length.
const LONGEST: usize = 2_000;

impl Form {
    pub(super) fn check(self, value: &str) -> Result<(), Box<Refusal>> {
        let length = value.chars().count();
        if let Self::Text(max) = self {
            let max = max.unwrap_or(LONGEST);
            let good = !value.trim().is_empty() && length <= max;
            return if good { Ok(()) } else { Err(self.refusal()) };
        }
        if matches!(self, Self::Email) && length > LONGEST_EMAIL {
            return Err(too_long_for_an_email());
        }
        let good = length <= LONGEST
            && match self {
                Self::Text(_) => true,
                Self::Email => is_email(value),
                Self::Phone => is_phone(value),
                Self::DateUntil(latest) => parse_date(value).is_some_and(|date| date <= latest),
                Self::Country => COUNTRIES.binary_search(&value).is_ok(),
                Self::OneOf(words) => words.contains(&value),
                Self::UmaAddress => is_uma_address(value),
                Self::UsPersonTaxNumber => has_shape(value, "###-##-####"),
                Self::Ein => has_shape(value, "##-#######"),
                Self::Naics => (2..=6).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit()),
                Self::DateTime => parse_time(value).is_some(),
                Self::PastDateTime(latest) => parse_time(value).is_some_and(|time| time <= latest),
                Self::IpAddress => value.parse::<std::net::IpAddr>().is_ok(),
                Self::WebAddress => is_web_address(value),
            };
        if good { Ok(()) } else { Err(self.refusal()) }
    }

    /// The code of an error about this field, where Grid has one of its own.
    pub(super) fn code(self) -> &'static str {
        if matches!(self, Self::UmaAddress) { "INVALID_UMA_ADDRESS" } else { "INVALID_INPUT" }
    }

    fn refusal(self) -> Box<Refusal> {
        let format = |name: &str| FieldConstraint { format: Some(name.to_owned()), ..FieldConstraint::default() };
        let pattern = |text: &str| FieldConstraint { pattern: Some(text.to_owned()), ..FieldConstraint::default() };
        let (message, constraint) = match self {
            Self::Text(max) => {
                let message = match max {
                    Some(max) => format!("must have 1 to {max} characters"),
                    None => format!("must not be empty, and have at most {LONGEST} characters"),
                };
                let max_length = i64::try_from(max.unwrap_or(LONGEST)).ok();
                (message, FieldConstraint { min_length: Some(1), max_length, ..FieldConstraint::default() })
            }
            Self::Email => ("must be an email address".to_owned(), format("email")),
            Self::Phone => (
                "must be a phone number in strict E.164 format, such as +14155551234".to_owned(),
                FieldConstraint { pattern: Some(E164.to_owned()), ..format("e.164") },
            ),
            Self::DateUntil(latest) => {
                (format!("must be a date (YYYY-MM-DD), not later than {latest}"), format("date"))
            }
            Self::Country => ("must be an ISO 3166-1 alpha-2 country code".to_owned(), format("iso3166-1-alpha-2")),
            Self::OneOf(words) => (
                "Value is not one of the allowed enum members.".to_owned(),
                FieldConstraint {
                    allowed: words.iter().map(|word| (*word).to_owned()).collect(),
                    ..FieldConstraint::default()
                },
            ),
            Self::UmaAddress => ("must be a UMA address, such as $jane.doe@uma.example.com".to_owned(), pattern(UMA)),
            Self::UsPersonTaxNumber => (
                "must have the format ###-##-####".to_owned(),
                FieldConstraint { pattern: Some(PERSON_TAX_NUMBER.to_owned()), ..format("us-ssn") },
            ),
            Self::Ein => ("must have the format ##-#######".to_owned(), pattern(EIN)),
            Self::Naics => ("must be a NAICS code of 2 to 6 digits".to_owned(), pattern(NAICS)),
            Self::DateTime => ("must be a date and time with an offset (RFC 3339)".to_owned(), format("date-time")),
            Self::PastDateTime(_) => (
                "must be a date and time with an offset (RFC 3339), and not in the future".to_owned(),
                format("date-time"),
            ),
            Self::IpAddress => (
                "must be an IPv4 or IPv6 address".to_owned(),
                FieldConstraint { max_length: Some(LONGEST_IP), ..format("ip") },
            ),
            Self::WebAddress => {
                ("must start with https:// (or http:// for local development)".to_owned(), format("url"))
            }
        };
        Box::new(Refusal { message, constraint })
    }
}

/// The fault of an email address that is too long, before any other.
fn too_long_for_an_email() -> Box<Refusal> {
    Box::new(Refusal {
        message: format!("must have at most {LONGEST_EMAIL} characters"),
        constraint: FieldConstraint {
            format: Some("email".to_owned()),
            max_length: i64::try_from(LONGEST_EMAIL).ok(),
            ..FieldConstraint::default()
        },
    })
}

/// Reads a time as RFC 3339 writes it, and nothing else that jiff would read as one.
fn parse_time(value: &str) -> Option<Timestamp> {
    let seconds = value.get(..19).filter(|seconds| has_shape(seconds, "####-##-##T##:##:##"))?;
    let rest = value.get(seconds.len()..)?;
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if offset.len() == fraction.len() {
                return None;
            }
            offset
        }
        None => rest,
    };
    let is_offset = offset == "Z" || has_shape(offset, "+##:##") || has_shape(offset, "-##:##");
    if is_offset { value.parse().ok().map(Time::clamped) } else { None }
}

/// Reads `YYYY-MM-DD`, and nothing else.
fn parse_date(value: &str) -> Option<Date> {
    if !has_shape(value, "####-##-##") {
        return None;
    }
    value.parse().ok()
}

/// Whether a value is digits where the shape has `#`, and the shape's own characters elsewhere.
fn has_shape(value: &str, shape: &str) -> bool {
    value.len() == shape.len()
        && value.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
            b'#' => byte.is_ascii_digit(),
            literal => byte == literal,
        })
}

fn is_phone(value: &str) -> bool {
    let Some(digits) = value.strip_prefix('+') else { return false };
    (2..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// An address that every checker of JSON Schema's `email` accepts: a dot-atom, `@`, and a domain of labels.
fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.rsplit_once('@') else { return false };
    let atom = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte))
    };
    local.len() <= 64 && local.split('.').all(atom) && is_domain(domain)
}

fn is_domain(domain: &str) -> bool {
    let label = |text: &str| {
        (1..=63).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
    };
    domain.contains('.') && domain.split('.').all(label)
}

fn is_uma_address(value: &str) -> bool {
    let Some((name, domain)) = value.strip_prefix('$').and_then(|rest| rest.split_once('@')) else { return false };
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._+-".contains(&byte);
    !name.is_empty() && name.bytes().all(good) && is_domain(domain) && domain.bytes().all(|b| !b.is_ascii_uppercase())
}

fn is_web_address(value: &str) -> bool {
    let Ok(uri) = value.parse::<http::Uri>() else { return false };
    matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn each_form_tells_good_from_bad() {
        let today = jiff::civil::date(2025, 10, 13);
        let cases: &[(Form, &[&str], &[&str])] = &[
            (Form::Text(None), &["a", "Ana Oliveira", "€"], &["", "  "]),
            (Form::Text(Some(3)), &["abc", "€€€"], &["", "abcd"]),
            (
                Form::Email,
                &["jane.doe@example.com", "a+b@mail.example.co"],
                &[
                    "",
                    "jane",
                    "@example.com",
                    "jane@",
                    "jane@localhost",
                    "a..b@example.com",
                    "a b@example.com",
                    "a@-b.com",
                ],
            ),
            (Form::Phone, &["+14155551234", "+49"], &["", "14155551234", "+0415", "+1", "+1415555123456789", "+1 415"]),
            (
                Form::DateUntil(today),
                &["1990-01-15", "2025-10-13", "2024-02-29"],
                &["", "1990-1-15", "1990-02-30", "2025-10-14", "1990-01-15T00:00:00Z", "15.01.1990"],
            ),
            (Form::Country, &["US", "DE", "MX"], &["", "us", "USA", "XX", "UK"]),
            (Form::OneOf(&["A", "B"]), &["A", "B"], &["", "a", "C"]),
            (
                Form::UmaAddress,
                &["$john.doe@uma.domain.com", "$acme_1@uma.example.com"],
                &[
                    "",
                    "john@uma.domain.com",
                    "$@uma.domain.com",
                    "$john",
                    "$john@",
                    "$John@uma.domain.com",
                    "$j@localhost",
                ],
            ),
            (Form::UsPersonTaxNumber, &["123-45-6789"], &["", "123456789", "123-456-789", "abc-de-fghi"]),
            (Form::Ein, &["12-3456789"], &["", "123-45-6789"]),
            (Form::Naics, &["54", "541511"], &["", "5", "5415111", "54a"]),
            (
                Form::DateTime,
                &["2025-07-21T17:32:28Z", "2025-07-21T17:32:28.123+02:00"],
                &[
                    "",
                    "2025-07-21",
                    "yesterday",
                    "2025-07-21T17:32:28",
                    "2025-07-21 17:32:28Z",
                    "2025-07-21T17:32Z",
                    "2025-07-21T17:32:28.Z",
                    "2025-07-21T17:32:28+0200",
                    "2025-07-21T17:32:28+02:00[Europe/Paris]",
                    "2025-02-30T17:32:28Z",
                    "2025-07-21T17:32:2é",
                ],
            ),
            (
                Form::PastDateTime("2025-10-13T12:00:00Z".parse().unwrap()),
                &["2025-10-13T12:00:00Z", "2025-10-13T13:59:59+02:00"],
                &["", "2025-10-13T12:00:00.001Z", "2025-10-13T11:00:00-02:00", "2025-10-13T11:00:00"],
            ),
            (Form::IpAddress, &["198.51.100.24", "2001:db8::1"], &["", "198.51.100", "host"]),
            (
                Form::WebAddress,
                &["https://app.example.com/done", "http://localhost:3000/x"],
                &["", "ftp://a/b", "/done", "javascript:alert(1)"],
            ),
        ];
        for (form, good, bad) in cases {
            for value in *good {
                assert!(form.check(value).is_ok(), "{form:?} refuses {value:?}");
            }
            for value in *bad {
                assert!(form.check(value).is_err(), "{form:?} accepts {value:?}");
            }
        }
    }
}
