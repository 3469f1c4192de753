//! The latest requests on Grid's paths, for tests to inspect.
//!
//! Credentials are left out. Bodies are kept as they came, personal data included: they are the sandbox's own state,
//! shown by the control API alone and never logged.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

pub(super) struct Journal {
    capacity: usize,
    /// How many requests there were since the start.
    count: u64,
    entries: VecDeque<Entry>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    /// Counts all requests since the start.
    pub(super) number: u64,
    pub(super) received_at: Timestamp,
    pub(super) method: String,
    pub(super) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) query: Option<String>,
    /// Lower-case names; `authorization` is left out.
    pub(super) headers: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<Value>,
    pub(super) body_bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<Part>,
    /// What was answered; absent while the request is under way, or when no answer was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
}

/// A part of a multipart body: its text, or the name and size of its file.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    pub(super) bytes: u64,
}

/// Carried by a request, to say more about it later.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryNumber(u64);

impl Journal {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, count: 0, entries: VecDeque::new() }
    }

    /// The requests after this number, oldest first.
    pub(super) fn after(&self, number: u64) -> Vec<&Entry> {
        self.entries.iter().filter(|entry| entry.number > number).collect()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Keeps a request. Beyond the limit, the oldest goes.
    pub(super) fn push(&mut self, entry: Entry) -> EntryNumber {
        self.count += 1;
        while self.entries.len() >= self.capacity.max(1) {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { number: self.count, ..entry });
        EntryNumber(self.count)
    }

    /// A request, if it is still kept.
    pub(super) fn get_mut(&mut self, EntryNumber(number): EntryNumber) -> Option<&mut Entry> {
        self.entries.iter_mut().rev().find(|entry| entry.number == number)
    }

    /// Says which parts a multipart body had.
    pub(super) fn note_parts(&mut self, number: EntryNumber, parts: Vec<Part>) {
        self.get_mut(number).into_iter().for_each(|entry| entry.parts = parts.clone());
    }
}
