//! Pages of lists.

use serde::{Deserialize, Serialize};

use super::any::{Rows, UnreadableRow};
use super::complete::Complete;
use super::field::{Value, opaque, rows, truth};

/// One page of a list answer (`data`, `hasMore`, `nextCursor`, `totalCount`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "PageJson<T>", bound(deserialize = "T: Deserialize<'de> + Complete"))]
pub struct Page<T> {
    /// The rows of this page.
    pub data: Vec<T>,
    /// Rows that could not be read. One whose `field` is `data` stands for all of them.
    #[serde(skip)]
    pub unreadable_rows: Vec<UnreadableRow>,
    /// Whether another page follows.
    pub has_more: bool,
    /// Where the next page starts. Absent beside `has_more`: Grid's cursor is missing or unreadable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many rows match in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_count: Option<u64>,
}

impl<T> Page<T> {
    /// The page that came when asked for what follows this cursor. One that leads to itself leads nowhere.
    #[must_use]
    pub fn after(mut self, cursor: Option<&str>) -> Self {
        self.next_cursor = self.next_cursor.filter(|next| Some(next.as_str()) != cursor);
        self
    }
}

impl<T> Complete for Page<T> {
    fn missing(&self) -> Option<&'static str> {
        let has_rows = self.unreadable_rows.first().is_none_or(|row| row.field != NO_LIST.field);
        (!has_rows && self.next_cursor.is_none()).then_some(NO_LIST.field)
    }
}

/// Instead of a list of rows there is something else.
const NO_LIST: UnreadableRow = UnreadableRow { index: 0, field: "data" };

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de> + Complete"))]
struct PageJson<T> {
    #[serde(default = "no_rows", deserialize_with = "rows")]
    data: Option<Rows<T>>,
    #[serde(default, deserialize_with = "truth")]
    has_more: Option<bool>,
    /// `Some(None)`: it is something else than a cursor.
    #[serde(default, deserialize_with = "opaque")]
    next_cursor: Option<Option<String>>,
    #[serde(default, deserialize_with = "Value::read")]
    total_count: Option<u64>,
}

/// What `Default` would be without a bound on the rows.
fn no_rows<T>() -> Option<Rows<T>> {
    None
}

impl<T> From<PageJson<T>> for Page<T> {
    fn from(json: PageJson<T>) -> Self {
        let PageJson { data, has_more, next_cursor, total_count } = json;
        let Rows { rows, unreadable } = data.unwrap_or(Rows { rows: Vec::new(), unreadable: vec![NO_LIST] });
        let has_more = has_more.unwrap_or(next_cursor.is_some());
        // A cursor beside `hasMore: false` leads nowhere, and would make a caller loop.
        let next_cursor = next_cursor.flatten().filter(|_| has_more);
        Self { data: rows, unreadable_rows: unreadable, has_more, next_cursor, total_count }
    }
}

/// Omits the cursor: it is opaque and may contain personal data.
impl<T: std::fmt::Debug> std::fmt::Debug for Page<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { data, unreadable_rows, has_more, next_cursor: _, total_count } = self;
        f.debug_struct("Page")
            .field("data", data)
            .field("unreadable_rows", unreadable_rows)
            .field("has_more", has_more)
            .field("total_count", total_count)
            .finish_non_exhaustive()
    }
}
