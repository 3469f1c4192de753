//! Visitors that take any JSON value, so that one of another type than documented does not fail what it is a part of.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{self, BorrowedStrDeserializer, MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::complete::Complete;
use super::notes;

/// A list, and which of its items could not be read.
pub(super) struct Rows<T> {
    pub(super) rows: Vec<T>,
    pub(super) unreadable: Vec<UnreadableRow>,
}

/// An item of a list that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadableRow {
    /// Its place in Grid's list, from 0.
    pub index: usize,
    /// The field that is missing or unreadable; empty where the item is not an object at all.
    pub field: &'static str,
}

/// Reads a whole answer, which has to be an object.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Root<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Root<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<T, A::Error> {
            let fields = Fields { object: &mut object, place: notes::place() };
            T::deserialize(MapAccessDeserializer::new(fields)).map_err(|problem| match problem {
                Problem::Json(error) => error,
                Problem::Shape => serde::de::Error::custom("a field comes twice"),
            })
        }
    }

    deserializer.deserialize_map(Root(PhantomData))
}

/// Any JSON value: `None` is nothing, `Some(None)` something that is no `T`.
pub(super) struct Any<T>(PhantomData<T>);

impl<T> Any<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

/// Reads a single value as `T`, if it is one.
fn single<'de, T: Deserialize<'de>>(value: impl Deserializer<'de, Error = value::Error>) -> Option<Option<T>> {
    Some(T::deserialize(value).ok())
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
    type Value = Option<Option<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(single(truth.into_deserializer()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(single(number.into_deserializer()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(single(number.into_deserializer()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(single(number.into_deserializer()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(single(StrDeserializer::new(text)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(single(BorrowedStrDeserializer::new(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        // serde would take a list for a struct whose fields come in order.
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let place = notes::place();
        match T::deserialize(MapAccessDeserializer::new(Fields { object: &mut object, place })) {
            Ok(read) => Ok(Some(Some(read))),
            Err(Problem::Json(error)) => Err(error),
            Err(Problem::Shape) => {
                // Fails where what is left is no whole field: the text has a field twice, and is going to be mended.
                while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                notes::back_to(place);
                Ok(Some(None))
            }
        }
    }
}

/// Any JSON value: `None` is nothing, `Some(None)` something that is no list.
pub(super) struct List<T>(PhantomData<T>);

impl<T> List<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Deserialize<'de> + Complete> Visitor<'de> for List<T> {
    type Value = Option<Option<Rows<T>>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Some(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Some(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Some(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Some(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Some(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Some(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let place = notes::place();
        notes::into_items();
        let (mut rows, mut unreadable) = (Vec::new(), Vec::new());
        loop {
            let before = notes::begin_item();
            let item = items.next_element_seed(Item::<T>(PhantomData))?;
            let lost = notes::end_item(before);
            let Some(item) = item else { break };
            let field = match item {
                Some(mut row) => match T::missing(&row) {
                    None => {
                        if !lost.is_empty() {
                            row.lost(lost);
                        }
                        rows.push(row);
                        continue;
                    }
                    Some(field) => field,
                },
                None => "",
            };
            notes::unreadable_item(field);
            unreadable.push(UnreadableRow { index: rows.len() + unreadable.len(), field });
        }
        notes::back_to(place);
        Ok(Some(Some(Rows { rows, unreadable })))
    }
}

/// An item of a list; none where it cannot be read.
struct Item<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Item<T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(Any::<T>(PhantomData)).map(Option::flatten)
    }
}

/// Why an object could not be read as a `T`.
#[derive(Debug)]
enum Problem<E> {
    /// It is no JSON.
    Json(E),
    /// It is no `T`.
    Shape,
}

impl<E: fmt::Display> fmt::Display for Problem<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => error.fmt(f),
            Self::Shape => f.write_str("it is of another shape"),
        }
    }
}

impl<E: std::error::Error> std::error::Error for Problem<E> {}

impl<E: serde::de::Error> serde::de::Error for Problem<E> {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self::Shape
    }
}

/// The fields of an object, whose names are noted on the way.
struct Fields<A> {
    object: A,
    /// Where the object is.
    place: usize,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<A> {
    type Error = Problem<A::Error>;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        self.object.next_key_seed(Name(seed)).map_err(Problem::Json)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        let read = self.object.next_value_seed(seed).map_err(Problem::Json);
        notes::back_to(self.place);
        read
    }
}

/// Notes a field's name and hands it on.
struct Name<K>(K);

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for Name<K> {
    type Value = K::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<K::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for Name<K> {
    type Value = K::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<K::Value, E> {
        notes::into_field(name);
        self.0.deserialize(name.into_deserializer())
    }
}
