//! Tolerant readings of JSON values, for fields of answers.
//!
//! An optional field must not make its whole answer unreadable: a field of another type than documented is
//! absent, an item of a list that cannot be read is left out, and both are noted ([`notes`]). So no struct here fails to
//! be read as long as its text is JSON; what an answer cannot do without is asked for afterwards ([`Complete`]).
//!
//! | field | reading |
//! |---|---|
//! | `Option<T>` | [`lenient`] |
//! | `T` with a default | [`or_default`] |
//! | `Option<i64>` and other whole numbers | [`integer`]; [`count`] with 0 for a default |
//! | `Option<String>` that may be written as a number | [`text`] |
//! | `Vec<T>` | [`list`] |
//! | `Option<Vec<T>>` | [`maybe_list`] |
//! | `Option<Option<bool>>` | [`stated_truth`] |

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::any::{Any, List, Rows};
use super::notes;

/// The fields that an object cannot do without.
pub trait Complete {
    /// Whether callers send it back to Grid with everything in it: then a number that is rounded is one that can't be read.
    const IS_SENT_BACK: bool = false;

    /// The field that is missing or cannot be read, and without which this is nothing: an id, as a rule.
    fn missing(&self) -> Option<&'static str> {
        None
    }

    /// Told of an item of a list and of a whole answer: parts of it could not be read, which are at these paths in it. The
    /// path `*` stands for more of them.
    fn lost(&mut self, _paths: Vec<String>) {}
}

impl Complete for String {}

/// Implements [`Complete`] for a type that is nothing without these texts, such as its id: `field = "grid's name"`.
macro_rules! complete {
    ($name:ident $(, $field:ident = $grid:literal)*) => {
        impl $crate::model::serde_as::Complete for $name {
            fn missing(&self) -> Option<&'static str> {
                $(if !$crate::model::serde_as::is_exact(&self.$field) {
                    return Some($grid);
                })*
                None
            }
        }
    };
}
pub(super) use complete;

/// Whether a text can be an id, or another text that only means something as it was sent: it is there, and no part of
/// it was lost when its text was mended.
#[must_use]
pub fn is_exact(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER)
}

/// Reads a field that is text, a truth value or an object; what is something else is absent.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    match deserializer.deserialize_any(Any::<T>::new())? {
        Some(read) => Ok(read.inspect_none(notes::unreadable_field)),
        None => Ok(None),
    }
}

/// The same for a field that has a default.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    lenient(deserializer).map(Option::unwrap_or_default)
}

/// Reads a list; what is none is empty.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Complete,
{
    maybe_list(deserializer).map(Option::unwrap_or_default)
}

/// Reads a list; what is none is absent.
pub(super) fn maybe_list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Complete,
{
    let read = deserializer.deserialize_any(List::<T>::new())?;
    Ok(read.and_then(|read| read.inspect_none(notes::unreadable_field)).map(|Rows { rows, unreadable: _ }| rows))
}

/// Reads a list, which `null` is an empty one of, and says which items were left out; what is no list is absent.
pub(super) fn rows<'de, D, T>(deserializer: D) -> Result<Option<Rows<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Complete,
{
    match deserializer.deserialize_any(List::<T>::new())? {
        Some(read) => Ok(read.inspect_none(notes::unreadable_field)),
        None => Ok(Some(Rows { rows: Vec::new(), unreadable: Vec::new() })),
    }
}

/// Reads a whole number, also one that is written with a fraction of zero (`51.0`, `5.1e1`) or as text (`"51"`). One
/// that is out of its type's range is absent.
pub(super) fn integer<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i128>,
{
    // As it is written: a floating-point number would lose the digits beyond 2^53.
    let json = Box::<RawValue>::deserialize(deserializer)?;
    if json.get() == "null" {
        return Ok(None);
    }
    let text = serde_json::from_str::<String>(json.get()).unwrap_or_else(|_| json.get().to_owned());
    Ok(whole_number(&text).and_then(|number| T::try_from(number).ok()).inspect_none(notes::unreadable_field))
}

/// The same for a number that is 0 where Grid does not say it.
pub(super) fn count<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i128> + Default,
{
    integer(deserializer).map(Option::unwrap_or_default)
}

/// Reads a text that is passed on as it came, such as a cursor: a whole number is the text it is written as, and an
/// empty text none. `Some(None)`: it is something else.
pub(super) fn opaque<'de, D>(deserializer: D) -> Result<Option<Option<String>>, D::Error>
where
    D: Deserializer<'de>,
{
    let json = Box::<RawValue>::deserialize(deserializer)?;
    let json = json.get();
    let text = match serde_json::from_str::<Option<String>>(json) {
        Ok(text) if text.as_deref().is_none_or(str::is_empty) => return Ok(None),
        Ok(text) => text.filter(|text| is_exact(text)),
        Err(_) => Some(json).filter(|json| json.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned),
    };
    Ok(Some(text.inspect_none(notes::unreadable_field)))
}

/// Reads a text, also one that is written as a number.
pub(super) fn text<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let json = Box::<RawValue>::deserialize(deserializer)?;
    let json = json.get();
    if let Ok(text) = serde_json::from_str::<Option<String>>(json) {
        return Ok(text);
    }
    let number = Some(json).filter(|json| json.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
    Ok(number.map(str::to_owned).inspect_none(notes::unreadable_field))
}

/// Reads a truth value, also one that is written as text.
pub(super) fn truth<'de, D>(deserializer: D) -> Result<Option<bool>, D::Error>
where
    D: Deserializer<'de>,
{
    stated_truth(deserializer).map(Option::flatten)
}

/// The same where one that cannot be read means something else than none. `Some(None)`: it cannot be read.
pub(super) fn stated_truth<'de, D>(deserializer: D) -> Result<Option<Option<bool>>, D::Error>
where
    D: Deserializer<'de>,
{
    let json = Box::<RawValue>::deserialize(deserializer)?;
    Ok(match json.get() {
        "null" => None,
        "true" | r#""true""# => Some(Some(true)),
        "false" | r#""false""# => Some(Some(false)),
        _ => {
            notes::unreadable_field();
            Some(None)
        }
    })
}

/// The value of a number in JSON's notation, if it is a whole one.
pub(super) fn whole_number(text: &str) -> Option<i128> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if before.is_empty() || !before.bytes().chain(after.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{before}{after}");
    let significant = digits.trim_end_matches('0');
    if significant.trim_start_matches('0').is_empty() {
        return Some(0);
    }
    // How many zeros follow the significant digits; fewer than none are a fraction.
    let zeros = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(after.len()).ok()?)?;
    let zeros = zeros.checked_add(i32::try_from(digits.len() - significant.len()).ok()?)?;
    let scale = 10i128.checked_pow(u32::try_from(zeros).ok()?)?;
    let number = significant.parse::<i128>().ok()?.checked_mul(scale)?;
    Some(if negative { -number } else { number })
}

trait InspectNone: Sized {
    /// Calls it where there is nothing.
    fn inspect_none(self, call: impl FnOnce()) -> Self;
}

impl<T> InspectNone for Option<T> {
    fn inspect_none(self, call: impl FnOnce()) -> Self {
        if self.is_none() {
            call();
        }
        self
    }
}
