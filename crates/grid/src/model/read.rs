//! Reads an answer of Grid's as far as it can be read.

use serde::Deserialize;

use super::any::object;
use super::complete::Complete;
use super::notes;
use super::text::{Mended, has_rounded, mend};

/// Why nothing can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misread {
    /// The text is no JSON, also when it is read tolerantly.
    #[error("no JSON")]
    NotJson,
    /// The text ends in the middle of the JSON.
    #[error("JSON without an end")]
    CutOff,
    /// It is JSON, and no object.
    #[error("JSON, but no object")]
    NotAnObject,
    /// It is an object without a field that makes it what it should be.
    #[error("no readable `{0}`")]
    Missing(&'static str),
}

/// What to make of a text that ends in the middle of its JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is an error: the missing part may hold anything.
    Needed,
    /// The part that came is used.
    Spared,
}

/// Reads an object of Grid's: fields that cannot be read are absent, and text that is no JSON is mended where that can
/// be done.
///
/// # Errors
/// When the text is no JSON object, or the object is not complete.
pub fn read<T: for<'de> Deserialize<'de> + Complete>(body: &[u8], ending: Ending) -> Result<T, Misread> {
    let is_exact = !T::IS_SENT_BACK || !has_rounded(body);
    let mut read: T = match is_exact.then(|| strict(body)) {
        Some(Ok(read)) => read,
        Some(Err(_)) | None => {
            notes::begin_again();
            let Mended { value, is_cut_off, doubles: _, has_trailer: _ } = mend(body).ok_or(Misread::NotJson)?;
            if is_cut_off && ending == Ending::Needed {
                return Err(Misread::CutOff);
            }
            if !value.is_object() {
                return Err(Misread::NotAnObject);
            }
            strict(value.to_string().as_bytes()).map_err(|_| Misread::NotJson)?
        }
    };
    if let Some(field) = T::missing(&read) {
        return Err(Misread::Missing(field));
    }
    let lost = notes::all_losses();
    if !lost.is_empty() {
        read.lost(lost);
    }
    Ok(read)
}

/// Reads text that is JSON.
fn strict<'a, T: Deserialize<'a>>(body: &'a [u8]) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = object(&mut deserializer)?;
    deserializer.end()?;
    Ok(read)
}

#[cfg(test)]
mod tests;
