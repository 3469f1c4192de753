//! Grid's JSON as the API's messages, and back: [`mapping!`] declares which field is which.

use std::fmt;

use super::field_mask::Emptied;
use super::{Violations, timestamp};
use crate::grid::model::Time;

/// Declares how a message of the API and an object of Grid's stand for each other, in answers, in requests or in both
/// (`api as input` names another message for requests). Both sides are taken apart, so a field that one of them gains does
/// not compile until it is in a row. How a field is converted is said by its types on both sides ([`IntoApi`], [`FromApi`]).
/// The rows, in this order:
/// - `same: a;` has the same name on both sides.
/// - `sent: a;` has it too, and is only in requests.
/// - `renamed: a = b;` is `a` in the API, and `b` at Grid.
/// - `words: a + a_raw;` is a word of Grid's: in the API an enum's value, and beside it the word itself.
/// - `parts: a: A { b };` is a part of Grid's object whose fields are the message's own.
/// - `unused: a;` of the side that is taken apart is not in the other one; `used: a;` is in a value below.
/// - `made: a = value;` of the side that is made has this value. So has `said: a + a_raw = word;`.
/// - `absent: a;` of Grid's object is never in this request.
macro_rules! mapping {
    (both $api:path = $grid:path { $($rows:tt)+ }) => {
        mapping!(both $api as $api = $grid { $($rows)+ });
    };
    (both $api:path as $input:path = $grid:path { same: $($same:ident),+ $(,)?; $(sent: $($sent:ident),+;)? }) => {
        mapping!(answer $api = $grid { same: $($same),+; $(unused: $($sent),+;)? });
        mapping!(request $input = $grid { same: $($same),+ $(, $($sent),+)?; });
    };
    (answer $api:path = $grid:path {
        $(same: $($same:ident),+ $(,)?;)?
        $(renamed: $($new:ident = $old:ident),+;)?
        $(words: $($word:ident + $raw:ident),+;)?
        $(parts: $($part:ident: $part_type:path { $($own:ident),+ $(,)? }),+;)?
        $(unused: $($unused:ident),+;)?
        $(used: $($used:ident),+;)?
        $(made: $($made:ident = $value:expr),+;)?
        $(said: $($said:ident + $said_raw:ident = $said_word:expr),+;)?
    }) => {
        impl $crate::rpc::mapping::IntoApi<$api> for $grid {
            fn into_api(self) -> $api {
                let $grid {
                    $($($same,)+)?
                    $($($old,)+)?
                    $($($word,)+)?
                    $($($part: $part_type { $($own,)+ },)+)?
                    $($($unused: _,)+)?
                    $($($used,)+)?
                } = self;
                $($(let $made = $value;)+)?
                $($(let $said: (i32, String) = $crate::rpc::mapping::IntoApi::into_api($said_word);)+)?
                $($(let $word: (i32, String) = $crate::rpc::mapping::IntoApi::into_api($word);)+)?
                $api {
                    $($($same: $crate::rpc::mapping::IntoApi::into_api($same),)+)?
                    $($($new: $crate::rpc::mapping::IntoApi::into_api($old),)+)?
                    $($($word: $word.0, $raw: $word.1,)+)?
                    $($($($own: $crate::rpc::mapping::IntoApi::into_api($own),)+)+)?
                    $($($made,)+)?
                    $($($said: $said.0, $said_raw: $said.1,)+)?
                }
            }
        }
    };
    (request $api:path = $grid:path {
        $(same: $($same:ident),+ $(,)?;)?
        $(renamed: $($new:ident = $old:ident),+;)?
        $(parts: $($part:ident: $part_type:path { $($own:ident),+ $(,)? $(; absent: $($own_absent:ident),+)? }),+;)?
        $(unused: $($unused:ident),+;)?
        $(absent: $($absent:ident),+;)?
    }) => {
        impl $crate::rpc::mapping::FromApi<$api> for $grid {
            fn from_api(
                message: $api,
                at: $crate::rpc::mapping::At<'_>,
                reading: &mut $crate::rpc::mapping::Reading<'_>,
            ) -> Self {
                let $api {
                    $($($same,)+)?
                    $($($new,)+)?
                    $($($($own,)+)+)?
                    $($($unused: _,)+)?
                } = message;
                $grid {
                    $($($same: mapping!(@read $same at reading),)+)?
                    $($($old: mapping!(@read $new at reading),)+)?
                    // In braces, since a path of a macro's is no beginning of an expression.
                    $($($part: {
                        $part_type {
                            $($own: mapping!(@read $own at reading),)+
                            $($($own_absent: Default::default(),)+)?
                        }
                    },)+)?
                    $($($absent: Default::default(),)+)?
                }
            }
        }
    };
    (@read $field:ident $at:ident $reading:ident) => {
        $crate::rpc::mapping::FromApi::from_api($field, $at.field(stringify!($field)), $reading)
    };
}
pub(super) use mapping;

/// A value of Grid's that the API has as a `P`.
pub(super) trait IntoApi<P> {
    fn into_api(self) -> P;
}

/// A value of Grid that requests carry as a `P`.
pub(super) trait FromApi<P> {
    /// Converts the value of the field `at`; mistakes go to `reading`'s violations.
    fn from_api(value: P, at: At<'_>, reading: &mut Reading<'_>) -> Self;
}

/// The state of converting a request.
pub(super) struct Reading<'a> {
    /// The prefix of its fields' paths in violations: empty, or ending with a dot.
    pub(super) within: &'static str,
    /// The lists that are sent although they are empty.
    pub(super) emptied: Emptied,
    pub(super) violations: &'a mut Violations,
}

impl<'a> Reading<'a> {
    /// For a request with its fields at the top level, in which an empty list means an absent one.
    pub(super) fn new(violations: &'a mut Violations) -> Self {
        Self { within: "", emptied: Emptied::default(), violations }
    }

    /// Adds a violation of a field.
    pub(super) fn add(&mut self, at: At<'_>, description: &str) {
        self.violations.add(format!("{}{at}", self.within), description);
    }
}

/// The place of a field, which is written out only where it is needed.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    outer: Option<&'a At<'a>>,
    step: Step,
}

#[derive(Clone, Copy)]
enum Step {
    Top,
    Field(&'static str),
    Item(usize),
}

impl At<'_> {
    /// The message itself.
    pub(super) const TOP: At<'static> = At { outer: None, step: Step::Top };

    /// A field of the message that is here.
    pub(super) fn field(&self, name: &'static str) -> At<'_> {
        At { outer: Some(self), step: Step::Field(name) }
    }

    /// An item of the list that is here.
    pub(super) fn item(&self, index: usize) -> At<'_> {
        At { outer: Some(self), step: Step::Item(index) }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.outer {
            outer.fmt(f)?;
        }
        let dot = match self.outer {
            None | Some(At { step: Step::Top, .. }) => "",
            Some(_) => ".",
        };
        match self.step {
            Step::Top => Ok(()),
            Step::Field(name) => write!(f, "{dot}{name}"),
            Step::Item(index) => write!(f, "[{index}]"),
        }
    }
}

/// Values that are the same on both sides.
macro_rules! same {
    ($($type:ty),+) => {$(
        impl IntoApi<$type> for $type {
            fn into_api(self) -> $type {
                self
            }
        }

        impl FromApi<$type> for $type {
            fn from_api(value: $type, _: At<'_>, _: &mut Reading<'_>) -> $type {
                value
            }
        }
    )+};
}
same!(String, bool, i32, i64);

/// What may be absent.
impl<P, M: IntoApi<P>> IntoApi<Option<P>> for Option<M> {
    fn into_api(self) -> Option<P> {
        self.map(M::into_api)
    }
}

impl<P, M: FromApi<P>> FromApi<Option<P>> for Option<M> {
    fn from_api(value: Option<P>, at: At<'_>, reading: &mut Reading<'_>) -> Self {
        value.map(|value| M::from_api(value, at, reading))
    }
}

impl<P, M: IntoApi<P>> IntoApi<Vec<P>> for Vec<M> {
    fn into_api(self) -> Vec<P> {
        self.into_iter().map(M::into_api).collect()
    }
}

/// A list that Grid left out is an empty one here.
impl<P, M: IntoApi<P>> IntoApi<Vec<P>> for Option<Vec<M>> {
    fn into_api(self) -> Vec<P> {
        self.unwrap_or_default().into_api()
    }
}

/// An empty list is not sent, unless the mask names it.
impl<P, M: FromApi<P>> FromApi<Vec<P>> for Option<Vec<M>> {
    fn from_api(list: Vec<P>, at: At<'_>, reading: &mut Reading<'_>) -> Self {
        if list.is_empty() && !reading.emptied.has(at) {
            return None;
        }
        let items = list.into_iter().enumerate();
        Some(items.map(|(index, item)| M::from_api(item, at.item(index), reading)).collect())
    }
}

/// Grid's count of something.
impl IntoApi<i64> for u64 {
    fn into_api(self) -> i64 {
        i64::try_from(self).unwrap_or_default()
    }
}

impl IntoApi<prost_types::Timestamp> for Time {
    fn into_api(self) -> prost_types::Timestamp {
        timestamp::to_pb(self)
    }
}

/// One that is no instant is noted, and absent.
impl FromApi<Option<prost_types::Timestamp>> for Option<Time> {
    fn from_api(time: Option<prost_types::Timestamp>, at: At<'_>, reading: &mut Reading<'_>) -> Self {
        let read = timestamp::read(time?);
        if read.is_none() {
            reading.add(at, timestamp::INVALID);
        }
        read
    }
}
