//! What was received on Grid's paths, for tests to look at: a bounded ring of the latest requests.
//!
//! Credentials are left out. Bodies are kept as they came, personal data included: they are the sandbox's own state,
//! shown by the control API alone and never logged.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::BASE_PATH;
use super::body::{MAX_JSON_BYTES, is_json};
use super::error::GridError;
use super::faults::HangUp;
use super::shared::App;

/// Largest JSON body that is kept; of a larger one only the size is.
const MAX_KEPT_BODY: usize = 64 * 1024;

/// The latest requests.
pub(super) struct Journal {
    capacity: usize,
    next: AtomicU64,
    /// Guards the ring; held for one push, change or copy.
    entries: Mutex<VecDeque<Entry>>,
}

/// One request, as it was received.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    /// Counts all requests since the start.
    number: u64,
    received_at: Timestamp,
    method: String,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    /// Lower-case names; `authorization` is left out.
    headers: BTreeMap<String, Vec<String>>,
    /// The JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    body_bytes: u64,
    /// The parts of a multipart body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Part>,
    /// What was answered; absent while the request is under way, or when no answer was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
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
        Self { capacity, next: AtomicU64::new(1), entries: Mutex::new(VecDeque::new()) }
    }

    /// The requests after this number, oldest first.
    pub(super) fn after(&self, number: u64) -> Vec<Entry> {
        self.entries().iter().filter(|entry| entry.number > number).cloned().collect()
    }

    /// Forgets every request.
    pub(super) fn clear(&self) {
        self.entries().clear();
    }

    /// Says which parts a multipart body had.
    pub(super) fn note_parts(&self, number: EntryNumber, parts: Vec<Part>) {
        self.change(number.0, |entry| entry.parts = parts);
    }

    fn push(&self, entry: Entry) {
        let mut entries = self.entries();
        while entries.len() >= self.capacity.max(1) {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries().iter_mut().rev().find(|entry| entry.number == number) {
            change(entry);
        }
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records a request, and what was answered.
pub(super) async fn record(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = std::time::Instant::now();
    let number = app.journal.next.fetch_add(1, Ordering::Relaxed);
    let json = is_json(&request);
    let (parts, body) = request.into_parts();
    let mut entry = Entry {
        number,
        received_at: app.clock.now(),
        method: parts.method.to_string(),
        // The router has taken the base path off.
        path: format!("{BASE_PATH}{}", parts.uri.path()),
        query: parts.uri.query().map(str::to_owned),
        headers: headers(&parts.headers),
        body: None,
        body_bytes: 0,
        parts: Vec::new(),
        status: None,
    };
    let method = parts.method.clone();
    let counted = Arc::new(AtomicU64::new(0));
    let body = if json {
        match to_bytes(body, MAX_JSON_BYTES).await {
            Ok(bytes) => {
                entry.body_bytes = bytes.len() as u64;
                counted.store(entry.body_bytes, Ordering::Relaxed);
                entry.body = (bytes.len() <= MAX_KEPT_BODY).then(|| serde_json::from_slice(&bytes).ok()).flatten();
                Body::from(bytes)
            }
            Err(_) => {
                app.journal.push(entry);
                let message = format!("The body can't be read, or has over {MAX_JSON_BYTES} bytes");
                return GridError::invalid_format(message).into_response();
            }
        }
    } else {
        let counter = Arc::clone(&counted);
        let count = move |chunk: &bytes::Bytes| {
            counter.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        };
        Body::from_stream(body.into_data_stream().inspect_ok(count))
    };
    app.journal.push(entry);

    let mut request = Request::from_parts(parts, body);
    request.extensions_mut().insert(EntryNumber(number));
    let response = next.run(request).await;
    app.journal.change(number, |entry| {
        entry.status = response.extensions().get::<HangUp>().is_none().then(|| response.status().as_u16());
        entry.body_bytes = counted.load(Ordering::Relaxed);
    });
    let status = response.status().as_u16();
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(number, %method, status, elapsed_ms, "sandbox answered");
    response
}

fn headers(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in headers.iter().filter(|(name, _)| **name != AUTHORIZATION) {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        all.entry(name.as_str().to_owned()).or_default().push(value);
    }
    all
}
