//! How the fields of Grid's objects are read and written, by their type.
//!
//! An optional field must not make its whole answer unreadable: a field of another type than documented is
//! absent, an item of a list that cannot be read is left out, and both are noted ([`notes`]). So no object fails to
//! be read as long as its text is JSON; what an answer cannot do without is asked for afterwards ([`Complete`]).

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::any::{Any, List, Rows};
use super::complete::Complete;
use super::notes;
use super::time::Time;

/// A field of an object.
pub(super) trait Field: Sized {
    /// How many fields of the JSON it is.
    const WIDTH: usize = 1;

    /// Adds the names of these fields; `own` is the name of this one.
    fn names(own: &'static str, names: &mut Vec<&'static str>) {
        names.push(own);
    }

    /// Which of these fields has this name.
    fn place(own: &str, name: &str) -> Option<usize> {
        (own == name).then_some(0)
    }

    /// Reads the value of the field at `place`.
    fn read<'de, A: MapAccess<'de>>(&mut self, place: usize, object: &mut A) -> Result<(), A::Error>;

    /// Where fields are kept whose names are not declared, if they are.
    fn others(&mut self) -> Option<&mut OtherFields> {
        None
    }

    /// Writes these fields, where they say something.
    fn write<S: SerializeMap>(&self, own: &'static str, object: &mut S) -> Result<(), S::Error>;

    /// Takes over what `said` says.
    fn merge(&mut self, said: Self);
}

/// A value that a field can have.
pub(super) trait Value: DeserializeOwned + Serialize {
    /// Reads a value; anything else is absent, and noted.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        lenient(deserializer)
    }
}

/// Is absent where it says nothing, also in what is written.
impl<T: Value> Field for Option<T> {
    fn read<'de, A: MapAccess<'de>>(&mut self, _: usize, object: &mut A) -> Result<(), A::Error> {
        *self = object.next_value_seed(Reading::<T>(PhantomData))?;
        Ok(())
    }

    fn write<S: SerializeMap>(&self, own: &'static str, object: &mut S) -> Result<(), S::Error> {
        self.as_ref().map_or(Ok(()), |value| object.serialize_entry(own, value))
    }

    fn merge(&mut self, said: Self) {
        if said.is_some() {
            *self = said;
        }
    }
}

/// Implements [`Field`] for values that are as good as their default where Grid says nothing. They are always written.
macro_rules! with_default {
    ($([$($parameter:tt)*] $type:ty,)+) => {$(
        impl<$($parameter)*> $crate::model::field::Field for $type {
            fn read<'de, A: serde::de::MapAccess<'de>>(&mut self, place: usize, object: &mut A) -> Result<(), A::Error> {
                let mut read: Option<Self> = None;
                $crate::model::field::Field::read(&mut read, place, object)?;
                *self = read.unwrap_or_default();
                Ok(())
            }

            fn write<S: serde::ser::SerializeMap>(&self, own: &'static str, object: &mut S) -> Result<(), S::Error> {
                object.serialize_entry(own, self)
            }

            fn merge(&mut self, said: Self) {
                *self = said;
            }
        }
    )+};
}
pub(super) use with_default;

with_default! {
    [] String,
    [] bool,
    [] u64,
    [] Map<String, Json>,
    [T: DeserializeOwned + Serialize + Complete] Vec<T>,
}

/// Reads a value.
struct Reading<T>(PhantomData<T>);

impl<'de, T: Value> DeserializeSeed<'de> for Reading<T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        T::read(deserializer)
    }
}

impl Value for String {}
impl Value for bool {}
impl Value for Time {}
impl Value for Map<String, Json> {}

/// A list without the items that cannot be read.
impl<T: DeserializeOwned + Serialize + Complete> Value for Vec<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let read = deserializer.deserialize_any(List::<T>::new())?;
        Ok(read.and_then(noted).map(|Rows { rows, unreadable: _ }| rows))
    }
}

/// A truth value, which Grid may also say in a way that cannot be read: then either may be true.
impl Value for Option<bool> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let read = deserializer.deserialize_any(Any::<Truth>::new())?;
        Ok(read.map(|read| noted(read).map(|Truth(truth)| truth)))
    }
}

/// Whole numbers, also those that are written with a fraction of zero (`51.0`, `5.1e1`) or as text (`"51"`). One that is out
/// of its type's range is absent.
macro_rules! whole_numbers {
    ($($type:ty),+) => {
        $(impl Value for $type {
            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
                integer(deserializer)
            }
        })+
    };
}
whole_numbers!(i32, i64, u16, u64);

/// Whether a text can be an id, or another text that only means something as it was sent: it is there, and no part of
/// it was lost when its text was mended.
#[must_use]
pub fn is_exact(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER)
}

/// What was read of a field; nothing is noted as unreadable.
pub(super) fn noted<T>(read: Option<T>) -> Option<T> {
    if read.is_none() {
        notes::unreadable_field();
    }
    read
}

/// Reads a text, a truth value or an object; anything else is absent.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(deserializer.deserialize_any(Any::<T>::new())?.and_then(noted))
}

/// Reads a list, which `null` is an empty one of, and says which items were left out; what is no list is absent.
pub(super) fn rows<'de, D, T>(deserializer: D) -> Result<Option<Rows<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Complete,
{
    let nothing = || Some(Rows { rows: Vec::new(), unreadable: Vec::new() });
    Ok(deserializer.deserialize_any(List::<T>::new())?.map_or_else(nothing, noted))
}

/// Reads a truth value, also one that is written as text.
pub(super) fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    <Option<bool> as Value>::read(deserializer).map(Option::flatten)
}

fn integer<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
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
    Ok(noted(whole_number(&text).and_then(|number| T::try_from(number).ok())))
}

/// Reads a text that is passed on as it came, such as a cursor: a whole number is the text it is written as, and an
/// empty text none. `Some(None)`: it is something else.
pub(super) fn opaque<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    let json = json.get();
    let text = match serde_json::from_str::<Option<String>>(json) {
        Ok(text) if text.as_deref().is_none_or(str::is_empty) => return Ok(None),
        Ok(text) => text.filter(|text| is_exact(text)),
        Err(_) => Some(json).filter(|json| json.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned),
    };
    Ok(Some(noted(text)))
}

/// Reads a text, also one that is written as a number.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    let json = json.get();
    if let Ok(text) = serde_json::from_str::<Option<String>>(json) {
        return Ok(text);
    }
    let number = Some(json).filter(|json| json.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
    Ok(noted(number.map(str::to_owned)))
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

/// A truth value, also one that is written as text.
struct Truth(bool);

impl<'de> Deserialize<'de> for Truth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IsTruth;

        impl Visitor<'_> for IsTruth {
            type Value = Truth;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a truth value")
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Truth, E> {
                Ok(Truth(truth))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Truth, E> {
                text.parse().map(Truth).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(IsTruth)
    }
}

/// The fields of an object that have no name here: branding, fees, cards, and what Grid adds. They are kept as they came,
/// so that they can be sent back. Debug shows how many there are: they can hold names and addresses.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct OtherFields(pub Map<String, Json>);

impl std::fmt::Debug for OtherFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtherFields").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

impl Field for OtherFields {
    const WIDTH: usize = 0;

    fn names(_: &'static str, _: &mut Vec<&'static str>) {}

    fn place(_: &str, _: &str) -> Option<usize> {
        None
    }

    fn read<'de, A: MapAccess<'de>>(&mut self, _: usize, _: &mut A) -> Result<(), A::Error> {
        Ok(())
    }

    fn others(&mut self) -> Option<&mut OtherFields> {
        Some(self)
    }

    fn write<S: SerializeMap>(&self, _: &'static str, object: &mut S) -> Result<(), S::Error> {
        self.0.iter().try_for_each(|(name, value)| object.serialize_entry(name, value))
    }

    fn merge(&mut self, said: Self) {
        self.0.extend(said.0);
    }
}

/// Paths of what could not be read of an object, which must not be sent back without it; `*` stands for more. They are not
/// part of the JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LostFields(pub Vec<String>);

impl Field for LostFields {
    const WIDTH: usize = 0;

    fn names(_: &'static str, _: &mut Vec<&'static str>) {}

    fn place(_: &str, _: &str) -> Option<usize> {
        None
    }

    fn read<'de, A: MapAccess<'de>>(&mut self, _: usize, _: &mut A) -> Result<(), A::Error> {
        Ok(())
    }

    fn write<S: SerializeMap>(&self, _: &'static str, _: &mut S) -> Result<(), S::Error> {
        Ok(())
    }

    fn merge(&mut self, said: Self) {
        self.0.extend(said.0);
    }
}
