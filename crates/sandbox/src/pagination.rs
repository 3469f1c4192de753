//! Pages of a list, and the cursors between them.
//!
//! A cursor is the position of the last row that was shown. Rows keep their positions and new ones come last, so a
//! walk through the pages shows every row once, even if rows are created or deleted meanwhile.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use gridgate_grid::model::Page;

pub(super) struct PageRequest {
    pub(super) limit: usize,
    /// Position of the last row of the page before.
    pub(super) after: u64,
    /// The list and filters, which the next cursor is bound to.
    pub(super) scope: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) position: u64,
    scope: u64,
}

impl Cursor {
    /// A fingerprint of a list and its filters.
    pub(super) fn scope<'a>(list: &str, filters: impl Iterator<Item = Option<&'a str>>) -> u64 {
        let mut hasher = DefaultHasher::new();
        list.hash(&mut hasher);
        filters.for_each(|filter| filter.hash(&mut hasher));
        hasher.finish()
    }

    fn encode(self) -> String {
        let mut bytes = self.scope.to_be_bytes().to_vec();
        bytes.extend(self.position.to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor of this list and these filters.
    pub(super) fn decode(text: &str, scope: u64) -> Option<Self> {
        let bytes: [u8; 16] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let both = u128::from_be_bytes(bytes);
        let cursor = Self { scope: u64::try_from(both >> 64).ok()?, position: both as u64 };
        (cursor.scope == scope).then_some(cursor)
    }
}

/// One page of the rows that match, which come with their positions, oldest first.
pub(super) fn page<'a, T: 'a, U>(
    rows: impl Iterator<Item = (u64, &'a T)>,
    request: &PageRequest,
    mut render: impl FnMut(&'a T) -> U,
) -> Page<U> {
    let mut data = Vec::new();
    let (mut total, mut last, mut has_more) = (0, request.after, false);
    for (position, row) in rows {
        total += 1;
        if position <= request.after {
            continue;
        }
        if data.len() < request.limit {
            last = position;
            data.push(render(row));
        } else {
            has_more = true;
        }
    }
    let next_cursor = has_more.then(|| Cursor { position: last, scope: request.scope }.encode());
    Page { data, unreadable_rows: Vec::new(), has_more, next_cursor, total_count: Some(total) }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, PageRequest, page};

    #[test]
    fn a_walk_shows_every_row_once() {
        let rows: Vec<(u64, u64)> = (1..=7).map(|n| (n, n * 10)).collect();
        let scope = Cursor::scope("list", [None, Some("x")].into_iter());
        let (mut after, mut seen) = (0, Vec::new());
        loop {
            let request = PageRequest { limit: 3, after, scope };
            let page = page(rows.iter().map(|(position, row)| (*position, row)), &request, |row| *row);
            assert_eq!(page.total_count, Some(7));
            assert_eq!(page.has_more, page.next_cursor.is_some());
            seen.extend(page.data);
            let Some(cursor) = page.next_cursor else { break };
            after = Cursor::decode(&cursor, scope).expect("own cursor").position;
        }
        assert_eq!(seen, [10, 20, 30, 40, 50, 60, 70]);
    }

    #[test]
    fn a_cursor_belongs_to_its_list_and_filters() {
        let scope = Cursor::scope("list", [Some("a")].into_iter());
        let text = Cursor { position: u64::MAX, scope }.encode();
        assert_eq!(Cursor::decode(&text, scope).map(|cursor| cursor.position), Some(u64::MAX));
        assert_eq!(Cursor::decode(&text, Cursor::scope("list", [Some("b")].into_iter())), None);
        for bad in ["", "x", "%%%", "AAAA", &text[1..]] {
            assert_eq!(Cursor::decode(bad, scope), None, "{bad:?}");
        }
    }
}
