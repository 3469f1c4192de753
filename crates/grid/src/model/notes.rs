//! Notes taken while an answer is read: unknown words, and parts that cannot be read.
//!
//! serde calls the code that reads a field, and gives it no way to return a note. That code never awaits, so a thread-local
//! holds the notes of one reading. Only names of fields are noted, never their values.

use std::cell::RefCell;

/// How many paths are kept of one reading; further parts are only counted.
const MAX_PATHS: usize = 16;
/// How many paths of losses are kept of one item of a list, and of what is outside of lists.
const MAX_LOSSES: usize = 64;
/// Among the paths of losses: there are more, which are not named.
pub(super) const MORE_LOSSES: &str = "*";

thread_local! {
    /// While somebody reads on this thread: where the reading is, and what was noted.
    static READING: RefCell<Option<Reading>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Reading {
    /// The path of the field that is being read, such as `data[].ownershipPercentage`.
    path: String,
    notes: Notes,
    /// What could not be read of the item that is being read, or of the whole answer.
    losses: Losses,
}

/// Parts that could not be read.
#[derive(Default)]
pub(super) struct Losses {
    /// How many.
    count: u64,
    /// The paths of the first ones, at most 64.
    paths: Vec<String>,
}

impl Losses {
    fn add(&mut self, path: String) {
        self.count += 1;
        if self.paths.len() < MAX_LOSSES {
            self.paths.push(path);
        }
    }

    fn append(&mut self, of_item: Self) {
        self.count += of_item.count;
        let room = MAX_LOSSES.saturating_sub(self.paths.len());
        self.paths.extend(of_item.paths.into_iter().take(room));
    }

    /// The paths below `place`, each once; the last one is [`MORE_LOSSES`] where not all are kept.
    fn below(&self, place: &str) -> Vec<String> {
        let mut below: Vec<String> = Vec::new();
        for path in &self.paths {
            let path = path.strip_prefix(place).unwrap_or(path).trim_start_matches('.');
            if below.iter().all(|known| known != path) {
                below.push(path.to_owned());
            }
        }
        if usize::try_from(self.count).is_ok_and(|count| count > self.paths.len()) {
            below.push(MORE_LOSSES.to_owned());
        }
        below
    }
}

impl Reading {
    fn lose(&mut self, path: String) {
        self.notes.unreadable.add_path(&path);
        self.losses.add(path);
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
pub fn noting<T>(read: impl FnOnce() -> T) -> (T, Notes) {
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

/// An item of a list is going to be read. Returns what was lost before, for [`end_item`].
pub(super) fn begin_item() -> Losses {
    READING.with_borrow_mut(|reading| {
        reading.as_mut().map_or_else(Losses::default, |reading| std::mem::take(&mut reading.losses))
    })
}

/// An item was read. Returns what could not be read of it, as paths below where the reading is.
pub(super) fn end_item(before: Losses) -> Vec<String> {
    READING.with_borrow_mut(|reading| {
        let Some(Reading { path, losses, .. }) = reading else { return Vec::new() };
        let of_item = std::mem::replace(losses, before);
        let below = of_item.below(path);
        losses.append(of_item);
        below
    })
}

/// What could not be read of the whole answer.
pub(super) fn all_losses() -> Vec<String> {
    READING.with_borrow(|reading| reading.as_ref().map_or_else(Vec::new, |reading| reading.losses.below("")))
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
