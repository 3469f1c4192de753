//! What an object cannot do without.

/// The fields that an object cannot do without.
pub trait Complete {
    /// Whether callers send it back to Grid with everything in it: then a number that is rounded is one that can't be read.
    const IS_SENT_BACK: bool = false;

    /// The field that is missing or cannot be read, and without which this is nothing: an id, as a rule.
    fn missing(&self) -> Option<&'static str> {
        None
    }

    /// Told of an item of a list and of a whole answer: parts of it could not be read, which are at these paths in it. The
    /// path `*` stands for more of them.
    fn lost(&mut self, _paths: Vec<String>) {}
}

impl Complete for String {}
