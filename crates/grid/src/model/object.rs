//! Objects of Grid's JSON: one declaration makes the type, the code that reads and writes it, and its `Debug`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserializer, Serializer};

use super::field::Field;

/// Declares an object of Grid's JSON. A field has the same name there, in camel case (`legal_name` is `legalName`), and is
/// read and written as its type says ([`Field`]). A field that is itself an object (and no `Option` of one) is a part: its
/// fields stand among those of this one.
///
/// `Debug` prints only the fields marked `[shown]` and `[id]`, because the others may be personal; it prints all of a struct
/// that derives it. Without the fields marked `[id]` and `[essential]` an object is not [complete](super::Complete); what
/// else that trait says of it may stand after the struct.
macro_rules! object {
    ($(#[doc = $doc:expr])* #[derive(Debug)] $($item:tt)+) => {
        object!(@declare [$(#[doc = $doc])* #[derive(Debug, Clone, PartialEq, Eq, Default)]] $($item)+);
    };
    ($(#[doc = $doc:expr])* $vis:vis struct $($item:tt)+) => {
        object!(@debug $($item)+);
        object!(@declare [$(#[doc = $doc])* #[derive(Clone, PartialEq, Eq, Default)]] $vis struct $($item)+);
    };

    (@debug $name:ident {
        $($(#[doc = $doc:expr])* $field_vis:vis $field:ident: $type:ty $([$mark:ident])?,)*
    }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                $(object!(@show shown self $field $($mark)?);)*
                shown.finish_non_exhaustive()
            }
        }
    };
    (@show $out:ident $self:ident $field:ident) => {};
    (@show $out:ident $self:ident $field:ident essential) => {};
    (@show $out:ident $self:ident $field:ident $mark:ident) => { $out.field(stringify!($field), &$self.$field); };

    (@declare [$($attribute:tt)*] $vis:vis struct $name:ident {
        $($(#[doc = $doc:expr])* $field_vis:vis $field:ident: $type:ty $([$mark:ident])?,)*
    } $(impl Complete { $($complete:tt)* })?) => {
        $($attribute)*
        $vis struct $name { $($(#[doc = $doc])* $field_vis $field: $type,)* }

        #[allow(dead_code, reason = "not every object needs them")]
        impl $name {
            /// Grid's names of its fields.
            #[must_use]
            pub fn names() -> Vec<&'static str> {
                let mut names = Vec::new();
                <Self as $crate::model::field::Field>::names("", &mut names);
                names
            }

            /// Takes over what `said` says.
            pub fn merge(&mut self, said: Self) {
                $crate::model::field::Field::merge(self, said);
            }
        }

        const _: () = {
            use $crate::model::{field, object};

            impl field::Field for $name {
                const WIDTH: usize = 0 $(+ <$type as field::Field>::WIDTH)*;

                fn names(_: &'static str, names: &mut Vec<&'static str>) {
                    $(<$type as field::Field>::names(object!(@name $field), names);)*
                }

                fn place(_: &str, name: &str) -> Option<usize> {
                    let first = 0;
                    $(
                        if let Some(place) = <$type as field::Field>::place(object!(@name $field), name) {
                            return Some(first + place);
                        }
                        let first = first + <$type as field::Field>::WIDTH;
                    )*
                    let _ = first;
                    None
                }

                fn read<'de, A: serde::de::MapAccess<'de>>(
                    &mut self,
                    place: usize,
                    object: &mut A,
                ) -> Result<(), A::Error> {
                    $(
                        let Some(place) = place.checked_sub(<$type as field::Field>::WIDTH) else {
                            return field::Field::read(&mut self.$field, place, object);
                        };
                    )*
                    let _ = place;
                    Ok(())
                }

                fn others(&mut self) -> Option<&mut field::OtherFields> {
                    None$(.or(field::Field::others(&mut self.$field)))*
                }

                fn write<S: serde::ser::SerializeMap>(&self, _: &'static str, object: &mut S) -> Result<(), S::Error> {
                    $(field::Field::write(&self.$field, object!(@name $field), object)?;)*
                    Ok(())
                }

                fn merge(&mut self, said: Self) {
                    $(field::Field::merge(&mut self.$field, said.$field);)*
                }
            }

            impl field::Value for $name {}

            impl $crate::model::Complete for $name {
                fn missing(&self) -> Option<&'static str> {
                    $($(object!(@missing self $field $mark);)?)*
                    None
                }
                $($($complete)*)?
            }

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    object::write(self, serializer)
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    object::read(deserializer)
                }
            }
        };
    };
    (@missing $self:ident $field:ident shown) => {};
    (@missing $self:ident $field:ident $mark:ident) => {
        if !field::is_exact(&$self.$field) {
            return Some(object!(@name $field));
        }
    };

    (@name $field:ident) => {{
        const NAME: &[u8] = &object::camel_case::<{ object::camel_case_length(stringify!($field)) }>(stringify!($field));
        const TEXT: &str = match std::str::from_utf8(NAME) {
            Ok(name) => name,
            Err(_) => stringify!($field),
        };
        TEXT
    }};
}
pub(super) use object;

/// How long the camel case of a name is.
pub(super) const fn camel_case_length(name: &str) -> usize {
    let mut rest = without_prefix(name.as_bytes());
    let mut length = 0;
    while let [first, after @ ..] = rest {
        length += if *first == b'_' { 0 } else { 1 };
        rest = after;
    }
    length
}

/// A name in camel case: `legal_name` is `legalName`, and `r#type` is `type`.
#[allow(clippy::indexing_slicing, reason = "an index beyond the end does not compile, for this runs while compiling")]
pub(super) const fn camel_case<const LENGTH: usize>(name: &str) -> [u8; LENGTH] {
    let mut rest = without_prefix(name.as_bytes());
    let mut camel = [0; LENGTH];
    let (mut length, mut begins_word) = (0, false);
    while let [first, after @ ..] = rest {
        if *first != b'_' {
            camel[length] = if begins_word { first.to_ascii_uppercase() } else { *first };
            length += 1;
        }
        begins_word = *first == b'_';
        rest = after;
    }
    camel
}

/// A name without the prefix that makes a name of a keyword.
const fn without_prefix(name: &[u8]) -> &[u8] {
    match name {
        [b'r', b'#', name @ ..] | name => name,
    }
}

/// Writes an object with what it has.
pub(super) fn write<T: Field, S: Serializer>(object: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_map(None)?;
    object.write("", &mut fields)?;
    fields.end()
}

/// Reads an object. It has no field twice.
pub(super) fn read<'de, T: Field + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(Object(PhantomData))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Field + Default> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<T, A::Error> {
        const { assert!(T::WIDTH <= u64::BITS as usize, "the fields that were read are bits of a u64") }
        let mut read = T::default();
        let mut are_read = 0u64;
        let keeps_others = read.others().is_some();
        while let Some(name) = object.next_key_seed(Name::<T> { keeps_others, of: PhantomData })? {
            match name {
                FieldName::Declared(place) => {
                    let field = 1 << place;
                    if are_read & field != 0 {
                        return Err(A::Error::custom("a field comes twice"));
                    }
                    are_read |= field;
                    read.read(place, &mut object)?;
                }
                FieldName::Other(name) => match read.others() {
                    Some(others) => drop(others.0.insert(name, object.next_value()?)),
                    None => drop(object.next_value::<IgnoredAny>()?),
                },
            }
        }
        Ok(read)
    }
}

/// The name of a field of `T`.
struct Name<T> {
    /// Whether names that are not declared are kept.
    keeps_others: bool,
    of: PhantomData<T>,
}

enum FieldName {
    /// The place of a declared field.
    Declared(usize),
    /// Another name, where it is kept.
    Other(String),
}

impl<'de, T: Field> DeserializeSeed<'de> for Name<T> {
    type Value = FieldName;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<FieldName, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<T: Field> Visitor<'_> for Name<T> {
    type Value = FieldName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<FieldName, E> {
        let other = || FieldName::Other(if self.keeps_others { name.to_owned() } else { String::new() });
        Ok(T::place("", name).map_or_else(other, FieldName::Declared))
    }
}
