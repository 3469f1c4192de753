//! Ids on their way into a path.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Longest id accepted, in bytes. Grid's own are under 60.
const MAX_LEN: usize = 256;

/// Paths beside a customer's own (`/customers/bulk/…`, `/customers/agreements`), which no id may name. Grid's other resources
/// have none.
const SIBLING_PATHS: [&str; 5] = ["agreements", "bulk", "end-user-terms", "external-accounts", "internal-accounts"];

/// What stays as it is in one path segment: RFC 3986's unreserved characters, and the colon of Grid's ids.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// An id of one of Grid's resources, fit to be one segment of a path.
///
/// Which ids exist is Grid's business; refused here is only what would reach another path than the one meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResourceId(String);

impl ResourceId {
    /// Takes an id as a caller gave it.
    ///
    /// # Errors
    /// An id that is empty, `.`, `..`, the name of a sibling path (`bulk`, `agreements` and the like), longer than 256 bytes, or
    /// that holds a slash, a backslash, `?`, `#`, `%`, white space or a control character.
    pub fn parse(id: &str) -> Result<Self, InvalidResourceId> {
        if id.is_empty() {
            return Err(InvalidResourceId::Empty);
        }
        if id.len() > MAX_LEN {
            return Err(InvalidResourceId::TooLong);
        }
        if id == "." || id == ".." || SIBLING_PATHS.iter().any(|path| id.eq_ignore_ascii_case(path)) {
            return Err(InvalidResourceId::Reserved);
        }
        let unfit = |c: char| matches!(c, '/' | '\\' | '?' | '#' | '%') || c.is_whitespace() || c.is_control();
        if id.contains(unfit) {
            return Err(InvalidResourceId::NotOneSegment);
        }
        Ok(Self(id.to_owned()))
    }

    /// The id as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id, percent-encoded as one path segment (RFC 3986, section 3.3).
    pub(super) fn segment(&self) -> impl fmt::Display {
        utf8_percent_encode(&self.0, KEPT)
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an id can't be sent to Grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResourceId {
    /// It is empty.
    #[error("must not be empty")]
    Empty,
    /// It is longer than 256 bytes.
    #[error("must not be longer than {MAX_LEN} bytes")]
    TooLong,
    /// It is `.`, `..`, or the name of another path.
    #[error("is a reserved word, not an id")]
    Reserved,
    /// It is not one segment of a path.
    #[error("must not contain slashes, backslashes, '?', '#', '%', white space or control characters")]
    NotOneSegment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_grid_pass_unchanged() {
        let id = ResourceId::parse("Customer:019542f5-b3e7-1d02-0000-000000000001").unwrap();
        assert_eq!(id.segment().to_string(), "Customer:019542f5-b3e7-1d02-0000-000000000001");
    }

    #[test]
    fn odd_ids_are_encoded_as_one_segment() {
        let id = ResourceId::parse("Kund:ü;a=b&c@d").unwrap();
        assert_eq!(id.segment().to_string(), "Kund:%C3%BC%3Ba%3Db%26c%40d");
        assert_eq!(id.as_str(), "Kund:ü;a=b&c@d");
    }

    #[test]
    fn what_would_reach_another_path_is_refused() {
        let refused = [
            ("", InvalidResourceId::Empty),
            (".", InvalidResourceId::Reserved),
            ("..", InvalidResourceId::Reserved),
            ("bulk", InvalidResourceId::Reserved),
            ("Bulk", InvalidResourceId::Reserved),
            ("end-user-terms", InvalidResourceId::Reserved),
            ("agreements", InvalidResourceId::Reserved),
            ("Agreements", InvalidResourceId::Reserved),
            ("internal-accounts", InvalidResourceId::Reserved),
            ("EXTERNAL-ACCOUNTS", InvalidResourceId::Reserved),
            ("%61greements", InvalidResourceId::NotOneSegment),
            ("agreements/", InvalidResourceId::NotOneSegment),
            ("a/b", InvalidResourceId::NotOneSegment),
            ("a\\b", InvalidResourceId::NotOneSegment),
            ("%2e%2e", InvalidResourceId::NotOneSegment),
            ("a?b", InvalidResourceId::NotOneSegment),
            ("a#b", InvalidResourceId::NotOneSegment),
            ("a b", InvalidResourceId::NotOneSegment),
            ("a\u{a0}b", InvalidResourceId::NotOneSegment),
            ("a\nb", InvalidResourceId::NotOneSegment),
            ("a\0b", InvalidResourceId::NotOneSegment),
        ];
        for (id, why) in refused {
            assert_eq!(ResourceId::parse(id), Err(why), "{id:?}");
        }
        assert_eq!(ResourceId::parse(&"x".repeat(257)), Err(InvalidResourceId::TooLong));
        assert!(ResourceId::parse(&"x".repeat(256)).is_ok());
    }
}
