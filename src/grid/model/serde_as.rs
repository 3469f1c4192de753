//! Tolerant readings of JSON values.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// Reads `null` as the type's default, so that a list Grid sends as `null` is an empty one.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads an RFC 3339 time; one that can't be read is absent rather than a failed message.
pub(super) fn lenient_time<'de, D>(deserializer: D) -> Result<Option<Timestamp>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}
