//! Pages of lists.

use super::Violations;
use super::mapping::IntoApi;
use crate::grid::PageRequest;
use crate::grid::model::{Page, UnreadableRow};
use crate::pb;

/// Rows of a page where the caller does not say (Grid's own default).
const DEFAULT_SIZE: i32 = 20;
/// Rows of a page at most (Grid's own limit).
const MAX_SIZE: i32 = 100;

/// Reads `page_size` and `page_token`: 0 means the default, more than Grid's most means Grid's most (AIP-158).
pub(super) fn request(page_size: i32, page_token: String, violations: &mut Violations) -> PageRequest {
    if page_size < 0 {
        violations.add("page_size", "must not be negative");
    }
    let size = if page_size == 0 { DEFAULT_SIZE } else { page_size.clamp(1, MAX_SIZE) };
    PageRequest { limit: size.unsigned_abs(), cursor: Some(page_token).filter(|token| !token.is_empty()) }
}

/// A page as the API's list responses have it.
pub(super) struct Listed<T> {
    pub(super) rows: Vec<T>,
    pub(super) next_page_token: String,
    pub(super) total_size: Option<i64>,
    pub(super) unreadable_rows: Vec<pb::UnreadableRow>,
    pub(super) truncated: bool,
}

impl<T, M: IntoApi<T>> From<Page<M>> for Listed<T> {
    fn from(page: Page<M>) -> Self {
        let Page { data, unreadable_rows, has_more, next_cursor, total_count } = page;
        Self {
            rows: data.into_api(),
            truncated: has_more && next_cursor.is_none(),
            next_page_token: next_cursor.unwrap_or_default(),
            total_size: total_count.and_then(|count| i64::try_from(count).ok()),
            unreadable_rows: unreadable_rows.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<UnreadableRow> for pb::UnreadableRow {
    fn from(row: UnreadableRow) -> Self {
        let UnreadableRow { index, field } = row;
        // A page has 100 rows at most.
        Self { index: i32::try_from(index).unwrap_or(i32::MAX), field: field.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_aip_158() {
        for (asked, sent) in [(0, 20), (1, 1), (100, 100), (101, 100), (i32::MAX, 100)] {
            let mut violations = Violations::default();
            assert_eq!(request(asked, String::new(), &mut violations), PageRequest { limit: sent, cursor: None });
            assert!(violations.list().is_empty());
        }
        let mut violations = Violations::default();
        request(-1, String::new(), &mut violations);
        assert_eq!(violations.list()[0].field, "page_size");
    }

    #[test]
    fn the_last_page_has_no_token_and_one_without_a_way_on_says_so() {
        let listed =
            |json: serde_json::Value| Listed::<String>::from(serde_json::from_value::<Page<String>>(json).unwrap());
        let last = listed(serde_json::json!({ "data": [], "hasMore": false, "nextCursor": "x", "totalCount": 3 }));
        assert_eq!((last.next_page_token.as_str(), last.truncated, last.total_size), ("", false, Some(3)));
        let lost = listed(serde_json::json!({ "data": ["a", 1], "hasMore": true, "nextCursor": {} }));
        assert_eq!((lost.next_page_token.as_str(), lost.truncated, lost.rows.len()), ("", true, 1));
        assert_eq!(lost.unreadable_rows, [pb::UnreadableRow { index: 1, field: String::new() }]);
    }
}
