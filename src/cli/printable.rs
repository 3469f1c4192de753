//! Texts of others, on a terminal.

/// What stands where nobody knows.
pub(super) const UNKNOWN: &str = "–";

/// A text without what could do something to a terminal.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() || is_invisible(c) { '\u{fffd}' } else { c };
    if text.is_empty() { UNKNOWN.to_owned() } else { text.chars().map(shown).collect() }
}

/// Characters that change how others are shown: marks of direction, and such without width.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
