//! Pages of lists.

use super::Violations;
use crate::grid::PageRequest;
use crate::grid::model::Page;

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
}

impl<M, T: From<M>> From<Page<M>> for Listed<T> {
    fn from(page: Page<M>) -> Self {
        let Page { data, has_more, next_cursor, total_count } = page;
        Self {
            rows: data.into_iter().map(T::from).collect(),
            // A cursor beside `hasMore: false` leads nowhere, and would make a caller loop.
            next_page_token: next_cursor.filter(|_| has_more).unwrap_or_default(),
            total_size: total_count.and_then(|count| i64::try_from(count).ok()),
        }
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
    fn the_last_page_has_no_token() {
        let page =
            Page::<String> { data: vec![], has_more: false, next_cursor: Some("x".into()), total_count: Some(3) };
        let listed = Listed::<String>::from(page);
        assert_eq!((listed.next_page_token.as_str(), listed.total_size), ("", Some(3)));
    }
}
