//! Enums of the API and Grid's words for them, each pair in one table.
//!
//! A word of Grid's that has no value here is `UNSPECIFIED`; the field `…_raw` beside it still says it.

use super::mapping::{At, FromApi, IntoApi, Reading};
use crate::grid::model;
use crate::pb;

/// A word of Grid's that is an enum here.
pub(super) trait Word: Into<String> {
    type Api: TryFrom<i32> + Into<i32> + Default;

    /// The value that stands for it.
    fn value(&self) -> Self::Api;
}

/// One that requests can have too.
pub(super) trait RequestWord: Word {
    /// The word that a value stands for; none for `UNSPECIFIED`.
    fn of(value: Self::Api) -> Option<Self>;
}

/// Declares, for one enum, the value that stands for each of Grid's words; with `both ways`, also the way back, for an
/// enum that requests use.
macro_rules! pairs {
    (both ways: $pb:ident = $model:ident { $($variant:ident),+ $(,)? }) => {
        pairs!($pb = $model { $($variant),+ });

        impl RequestWord for model::$model {
            fn of(value: pb::$pb) -> Option<Self> {
                match value {
                    $(pb::$pb::$variant => Some(Self::$variant),)+
                    pb::$pb::Unspecified => None,
                }
            }
        }
    };
    ($pb:ident = $model:ident { $($variant:ident),+ $(,)? }) => {
        impl Word for model::$model {
            type Api = pb::$pb;

            fn value(&self) -> pb::$pb {
                match self {
                    $(Self::$variant => pb::$pb::$variant,)+
                    Self::Other(_) => pb::$pb::Unspecified,
                }
            }
        }
    };
}

pairs!(both ways: CustomerType = CustomerType { Individual, Business });
pairs!(both ways: KycStatus = KycStatus { Unverified, Pending, Approved, Rejected, Hold });
pairs!(ContactVerificationStatus = ContactVerificationStatus { Pending, Verified });
pairs!(both ways: DocumentSide = DocumentSide { Front, Back });
pairs!(ImportJobStatus = ImportJobStatus { Pending, Processing, Completed, Failed });
pairs!(both ways: VerificationStatus = VerificationStatus {
    ResolveErrors,
    PendingManualReview,
    InProgress,
    Approved,
    Rejected,
    ReadyForVerification,
});

/// The two fields that say one of Grid's words: the enum's number, and the word itself.
impl<M: Word> IntoApi<(i32, String)> for M {
    fn into_api(self) -> (i32, String) {
        (self.value().into(), self.into())
    }
}

/// The word is empty where Grid said none.
impl<M: Word> IntoApi<(i32, String)> for Option<M> {
    fn into_api(self) -> (i32, String) {
        self.map_or_else(|| (M::Api::default().into(), String::new()), M::into_api)
    }
}

impl<M: RequestWord> FromApi<i32> for Option<M> {
    fn from_api(number: i32, at: At<'_>, reading: &mut Reading<'_>) -> Self {
        match M::Api::try_from(number) {
            Ok(value) => M::of(value),
            Err(_) => {
                reading.add(at, "is not a value of this enum");
                None
            }
        }
    }
}
