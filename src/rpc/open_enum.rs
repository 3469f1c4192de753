//! Enums of the API and Grid's words for them, each pair in one table.
//!
//! A word of Grid's that has no value here is `UNSPECIFIED`; the field `…_raw` beside it still says it.

use super::Violations;
use crate::grid::model;
use crate::pb;

/// Declares, for one enum, the value that stands for each of Grid's words; with `both ways`, also the way back, for an
/// enum that requests use.
macro_rules! pairs {
    (both ways: $pb:ident = $model:ident { $($variant:ident),+ $(,)? }) => {
        pairs!($pb = $model { $($variant),+ });

        impl pb::$pb {
            /// Grid's word; none for `UNSPECIFIED`.
            pub(super) fn word(self) -> Option<model::$model> {
                match self {
                    $(Self::$variant => Some(model::$model::$variant),)+
                    Self::Unspecified => None,
                }
            }
        }
    };
    ($pb:ident = $model:ident { $($variant:ident),+ $(,)? }) => {
        impl From<&model::$model> for pb::$pb {
            fn from(word: &model::$model) -> Self {
                match word {
                    $(model::$model::$variant => Self::$variant,)+
                    model::$model::Other(_) => Self::Unspecified,
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

/// The two fields that say one of Grid's words: the enum's number, and the word itself ("" where Grid said none).
pub(super) fn both<'a, M, P>(word: Option<&'a M>, as_str: impl FnOnce(&'a M) -> &'a str) -> (i32, String)
where
    P: From<&'a M> + Into<i32> + Default,
{
    match word {
        Some(word) => (P::from(word).into(), as_str(word).to_owned()),
        None => (P::default().into(), String::new()),
    }
}

/// Reads an enum of a request: `UNSPECIFIED` is not said, a number that no version knows is a mistake.
pub(super) fn read<P: TryFrom<i32> + Default>(field: &str, number: i32, violations: &mut Violations) -> P {
    P::try_from(number).unwrap_or_else(|_| {
        violations.add(field, "is not a value of this enum");
        P::default()
    })
}
