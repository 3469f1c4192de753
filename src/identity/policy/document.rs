//! A TOML document read strictly: every mistake with its line, and no key that means nothing.

use super::Mistake;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is read, and the mistakes found so far.
pub(super) struct Document<'t> {
    text: &'t str,
    mistakes: Vec<Mistake>,
}

/// A value, with the key and the line that it stands at.
#[derive(Clone)]
pub(super) struct At<T> {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) value: T,
}

impl<T> At<T> {
    /// The same place, with another value.
    pub(super) fn with<U>(&self, value: U) -> At<U> {
        At { key: self.key.clone(), line: self.line, value }
    }
}

/// A table of the document.
pub(super) type Table<'d> = At<&'d DeTable<'d>>;

impl<'t> Document<'t> {
    /// Parses the text. What is no TOML is a mistake; what could be read nevertheless is returned.
    pub(super) fn parse(text: &'t str) -> (Self, Spanned<DeTable<'t>>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut document = Document { text, mistakes: Vec::new() };
        for error in errors {
            let line = document.line(error.span().map_or(0, |span| span.start));
            let problem = error.message().trim().to_owned();
            document.mistakes.push(Mistake { line, key: String::new(), problem });
        }
        (document, root)
    }

    /// The mistakes, in the order of their lines.
    pub(super) fn into_mistakes(mut self) -> Vec<Mistake> {
        self.mistakes.sort_by_key(|mistake| mistake.line);
        self.mistakes
    }

    /// Notes a mistake.
    pub(super) fn mistake<T>(&mut self, at: &At<T>, problem: impl Into<String>) {
        self.mistakes.push(Mistake { line: at.line, key: at.key.clone(), problem: problem.into() });
    }

    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
    }

    /// The entries of a table.
    pub(super) fn entries<'d>(&self, table: &Table<'d>) -> Vec<(&'d str, At<&'d DeValue<'d>>)> {
        let entry = |(name, value): (&'d Spanned<_>, &'d Spanned<DeValue<'d>>)| {
            let name: &'d std::borrow::Cow<'d, str> = name.get_ref();
            let name: &'d str = name;
            let key = if table.key.is_empty() { name.to_owned() } else { format!("{}.{name}", table.key) };
            (name, At { key, line: self.line(value.span().start), value: value.get_ref() })
        };
        table.value.iter().map(entry).collect()
    }

    /// The entry with this name, if there is one.
    pub(super) fn entry<'d>(&self, table: &Table<'d>, name: &str) -> Option<At<&'d DeValue<'d>>> {
        self.entries(table).into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// Whether the list of this name is not there, or has nothing in it.
    pub(super) fn lacks(&self, table: &Table<'_>, name: &str) -> bool {
        self.entry(table, name).is_none_or(|entry| entry.value.as_array().is_some_and(|list| list.is_empty()))
    }

    /// Notes every entry that has none of these names.
    pub(super) fn only(&mut self, table: &Table<'_>, names: &[&str]) {
        for (name, entry) in self.entries(table) {
            if !names.contains(&name) {
                self.mistake(&entry, format!("there is no such key; there are {}", names.join(", ")));
            }
        }
    }

    /// A table in a table; what is none is noted.
    pub(super) fn table<'d>(&mut self, at: &At<&'d DeValue<'d>>) -> Option<Table<'d>> {
        match at.value {
            DeValue::Table(table) => Some(at.with(table)),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => {
                self.mistake(at, "must be a table");
                None
            }
        }
    }

    /// The tables in the table of this name, by their own names.
    pub(super) fn tables<'d>(&mut self, root: &Table<'d>, name: &str) -> Vec<(&'d str, Table<'d>)> {
        let Some(table) = self.entry(root, name).and_then(|entry| self.table(&entry)) else { return Vec::new() };
        let entries = self.entries(&table);
        entries.into_iter().filter_map(|(name, entry)| Some((name, self.table(&entry)?))).collect()
    }

    /// The texts in the list of this name; none where there is no list.
    pub(super) fn texts(&mut self, table: &Table<'_>, name: &str) -> Vec<At<String>> {
        let items = self.items(table, name, "must be a list of texts in quotes, in brackets");
        let mut texts = Vec::new();
        for item in items {
            match item.value.as_str() {
                Some(text) => texts.push(item.with(text.to_owned())),
                None => self.mistake(&item, "must be a list of texts in quotes"),
            }
        }
        texts
    }

    /// What is in the list of this name; nothing where there is no list. `must` says what it has to be.
    pub(super) fn items<'d>(&mut self, table: &Table<'d>, name: &str, must: &str) -> Vec<At<&'d DeValue<'d>>> {
        let Some(entry) = self.entry(table, name) else { return Vec::new() };
        let DeValue::Array(list) = entry.value else {
            self.mistake(&entry, must);
            return Vec::new();
        };
        let at = |item: &'d Spanned<DeValue<'d>>| At {
            key: entry.key.clone(),
            line: self.line(item.span().start),
            value: item.get_ref(),
        };
        list.iter().map(at).collect()
    }

    /// The instant of this name: a date with a time and an offset, or a date alone, which stands for its beginning in UTC.
    pub(super) fn instant(&mut self, table: &Table<'_>, name: &str) -> Option<At<Timestamp>> {
        let entry = self.entry(table, name)?;
        let text = entry.value.as_datetime().map(ToString::to_string).unwrap_or_default();
        let of_date = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
        let instant = text
            .parse::<Timestamp>()
            .ok()
            .or_else(|| text.parse().ok().filter(|_| !text.contains(':')).and_then(of_date));
        if instant.is_none() {
            self.mistake(
                &entry,
                "must be a date without quotes, or one with a time and an offset: 2030-01-31 or 2030-01-31T12:00:00Z",
            );
        }
        Some(entry.with(instant?))
    }

    /// The text of this name.
    pub(super) fn text(&mut self, table: &Table<'_>, name: &str) -> Option<At<String>> {
        let entry = self.entry(table, name)?;
        let text = entry.value.as_str();
        if text.is_none() {
            self.mistake(&entry, "must be text in quotes");
        }
        Some(entry.with(text?.to_owned()))
    }

    /// The whole number of at least 1 of this name.
    pub(super) fn count(&mut self, table: &Table<'_>, name: &str) -> Option<u32> {
        let entry = self.entry(table, name)?;
        let number =
            entry.value.as_integer().and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok());
        let number = number.filter(|number| *number > 0);
        if number.is_none() {
            self.mistake(&entry, "must be a whole number of at least 1");
        }
        number
    }
}
