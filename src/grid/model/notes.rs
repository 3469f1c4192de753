//! Notes taken while an answer is read: unknown words, and parts that cannot be read.
//!
//! serde calls the code that reads a field, and gives it no way to return a note. That code never awaits, so a thread-local
//! holds the notes of one reading. Only names of fields are noted, never their values.

use std::cell::RefCell;

/// How many paths are kept of one reading; further parts are only counted.
const MAX_PATHS: usize = 16;
/// How many losses are remembered of one reading, for those who ask what an item lost.
const MAX_LOSSES: usize = 64;

thread_local! {
    /// While somebody reads on this thread: where the reading is, and what was noted.
    static READING: RefCell<Option<Reading>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Reading {
    /// The path of the field that is being read, such as `data[].ownershipPercentage`.
    path: String,
    notes: Notes,
    /// The path of each part that could not be read, in order, at most 64.
    losses: Vec<String>,
}

impl Reading {
    fn lose(&mut self, path: String) {
        self.notes.unreadable.add_path(&path);
        if self.losses.len() < MAX_LOSSES {
            self.losses.push(path);
        }
    }
}

/// The notes of one reading.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notes {
    /// The vocabulary of each word that is not known.
    pub unknown_words: Vec<&'static str>,
    /// The parts that could not be read, and were left out.
    pub unreadable: Unreadable,
}

/// Parts of an answer that could not be read. The rest of it was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unreadable {
    /// How many fields, each taken for absent.
    pub fields: u64,
    /// How many items of lists, each left out.
    pub items: u64,
    /// Whether the text was no JSON, and had to be mended first: no Unicode, a number beyond all bounds, cut off.
    pub text: bool,
    /// Paths of these fields and items in Grid's names, each once, at most 16.
    pub paths: Vec<String>,
}

impl Unreadable {
    /// Whether all could be read.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.text && self.fields == 0 && self.items == 0
    }

    fn add_path(&mut self, path: &str) {
        if self.paths.len() < MAX_PATHS && self.paths.iter().all(|known| known != path) {
            self.paths.push(path.to_owned());
        }
    }
}

/// Runs a reading, and returns its result with the notes.
pub(in crate::grid) fn noting<T>(read: impl FnOnce() -> T) -> (T, Notes) {
    let before = READING.replace(Some(Reading::default()));
    let read = read();
    let reading = READING.replace(before);
    (read, reading.unwrap_or_default().notes)
}

/// Forgets the notes so far: the answer is read again, as mended text.
pub(super) fn begin_again() {
    with(|reading| {
        *reading = Reading::default();
        reading.notes.unreadable.text = true;
    });
}

/// A word that is not known was read, of this vocabulary.
pub(super) fn unknown_word(vocabulary: &'static str) {
    with(|reading| reading.notes.unknown_words.push(vocabulary));
}

/// The field that is being read cannot be.
pub(super) fn unreadable_field() {
    with(|reading| {
        reading.notes.unreadable.fields += 1;
        reading.lose(reading.path.clone());
    });
}

/// The item of a list that is being read cannot be; `field` of it is why, or all of it.
pub(super) fn unreadable_item(field: &str) {
    with(|reading| {
        reading.notes.unreadable.items += 1;
        let path = &reading.path;
        reading.lose(if field.is_empty() { path.clone() } else { format!("{path}.{field}") });
    });
}

/// How much could not be read so far, to ask with [`losses_since`].
pub(super) fn losses() -> usize {
    READING.with_borrow(|reading| reading.as_ref().map_or(0, |reading| reading.losses.len()))
}

/// What could not be read since, as paths below where the reading is.
pub(super) fn losses_since(before: usize) -> Vec<String> {
    READING.with_borrow(|reading| {
        let Some(reading) = reading else { return Vec::new() };
        let below =
            |path: &String| path.strip_prefix(&reading.path).map(|path| path.trim_start_matches('.').to_owned());
        reading.losses.iter().skip(before).filter_map(below).collect()
    })
}

/// Where the reading is, to come back to with [`back_to`].
pub(super) fn place() -> usize {
    READING.with_borrow(|reading| reading.as_ref().map_or(0, |reading| reading.path.len()))
}

/// A field of this name is going to be read.
pub(super) fn into_field(name: &str) {
    with(|Reading { path, .. }| {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
    });
}

/// The items of a list are going to be read.
pub(super) fn into_items() {
    with(|Reading { path, .. }| path.push_str("[]"));
}

pub(super) fn back_to(place: usize) {
    with(|Reading { path, .. }| path.truncate(place));
}

fn with(note: impl FnOnce(&mut Reading)) {
    READING.with_borrow_mut(|reading| {
        if let Some(reading) = reading {
            note(reading);
        }
    });
}
