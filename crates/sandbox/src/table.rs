//! Rows of one kind, in the order they were created, found by id and by the group they belong to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Rows of one kind. A row's position says when it was created relative to the others, and never changes.
#[derive(Debug)]
pub(super) struct Table<T> {
    rows: BTreeMap<u64, T>,
    positions: HashMap<String, u64>,
    groups: HashMap<String, BTreeSet<u64>>,
    next: u64,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), positions: HashMap::new(), groups: HashMap::new(), next: 1 }
    }
}

impl<T> Table<T> {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn insert(&mut self, id: String, group: String, row: T) -> u64 {
        let position = self.next;
        self.next += 1;
        self.positions.insert(id, position);
        self.groups.entry(group).or_default().insert(position);
        self.rows.insert(position, row);
        position
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.rows.get(self.positions.get(id)?)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.rows.get_mut(self.positions.get(id)?)
    }

    pub(super) fn remove(&mut self, id: &str, group: &str) -> Option<T> {
        let position = self.positions.remove(id)?;
        if let Some(members) = self.groups.get_mut(group) {
            members.remove(&position);
            if members.is_empty() {
                self.groups.remove(group);
            }
        }
        self.rows.remove(&position)
    }

    /// Every row with its position, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &T)> {
        self.rows.iter().map(|(position, row)| (*position, row))
    }

    /// The rows of a group with their positions, oldest first.
    pub(super) fn group(&self, group: &str) -> impl DoubleEndedIterator<Item = (u64, &T)> {
        let members = self.groups.get(group).into_iter().flatten();
        members.filter_map(|position| Some((*position, self.rows.get(position)?)))
    }

    pub(super) fn group_len(&self, group: &str) -> usize {
        self.groups.get(group).map_or(0, BTreeSet::len)
    }

    pub(super) fn for_each_in(&mut self, group: &str, mut change: impl FnMut(&mut T)) {
        for position in self.groups.get(group).into_iter().flatten() {
            if let Some(row) = self.rows.get_mut(position) {
                change(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn rows_are_found_by_id_and_by_group_and_keep_their_order() {
        let mut table = Table::default();
        for (id, group) in [("a", "x"), ("b", "y"), ("c", "x")] {
            table.insert(id.to_owned(), group.to_owned(), id);
        }
        assert_eq!(table.get("b"), Some(&"b"));
        assert_eq!(table.group("x").map(|(_, row)| *row).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(table.iter().map(|(position, _)| position).collect::<Vec<_>>(), [1, 2, 3]);

        assert_eq!(table.remove("a", "x"), Some("a"));
        assert_eq!(table.remove("a", "x"), None);
        assert_eq!(table.group("x").map(|(position, _)| position).collect::<Vec<_>>(), [3]);
        assert_eq!(table.insert("d".to_owned(), "x".to_owned(), "d"), 4, "positions are never used again");
        assert_eq!((table.len(), table.group_len("x"), table.group_len("z")), (3, 2, 0));
    }
}
