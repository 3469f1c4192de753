//! Instants as Grid and the API have them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{DateTime, datetime};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const EPOCH: DateTime = datetime(1970, 1, 1, 0, 0, 0, 0);
const FIRST: DateTime = datetime(1, 1, 1, 0, 0, 0, 0);
/// The last whole second of [`Timestamp`]. The event log keeps microseconds, and those of a later fraction are beyond its end.
const LAST: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// An instant from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z, as RFC 3339 and `google.protobuf.Timestamp`
/// have it. ([`Timestamp`] ends 26 hours earlier, and begins elsewhere.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(DateTime);

/// A text is no instant of the years 1 to 9999 with an offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time of the years 0001 to 9999 with an offset, such as 2025-07-21T17:32:28Z")]
pub struct InvalidTime;

impl Time {
    /// So long after 1970; none outside of the years 1 to 9999.
    #[must_use]
    pub fn since_1970(seconds: i64, nanos: i32) -> Option<Self> {
        let time = EPOCH.checked_add(SignedDuration::new(seconds, nanos)).ok()?;
        (time >= FIRST).then_some(Self(time))
    }

    /// Whole seconds since 1970, and nanoseconds from there forward.
    #[must_use]
    pub fn parts(self) -> (i64, i32) {
        let since = self.0.duration_since(EPOCH);
        match (since.as_secs(), since.subsec_nanos()) {
            (seconds, nanos @ ..0) => (seconds - 1, nanos + 1_000_000_000),
            parts => parts,
        }
    }

    /// The same as what is compared and recorded; a time after the last second that the event log can hold is that second.
    #[must_use]
    pub fn clamped(self) -> Timestamp {
        Offset::UTC.to_timestamp(self.0).map_or(LAST, |time| time.min(LAST))
    }
}

/// An instant before the year 1 becomes the first of it.
impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        Self(Offset::UTC.to_datetime(time).max(FIRST))
    }
}

impl FromStr for Time {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let text = to_nanoseconds(text);
        let read = || {
            let pieces = Pieces::parse(&*text).ok()?;
            let local = pieces.date().to_datetime(pieces.time()?);
            let offset = pieces.to_numeric_offset()?;
            local.checked_sub(SignedDuration::from_secs(offset.seconds().into())).ok().filter(|time| *time >= FIRST)
        };
        read().map(Self).ok_or(InvalidTime)
    }
}

/// A time without the digits beyond nanoseconds, which are cut off.
fn to_nanoseconds(text: &str) -> Cow<'_, str> {
    let cut = || {
        let (seconds, fraction) = text.split_once(['.', ','])?;
        let offset = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = fraction.strip_suffix(offset)?;
        (digits.len() > 9).then(|| format!("{seconds}.{:.9}{offset}", digits))
    };
    cut().map_or(Cow::Borrowed(text), Cow::Owned)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_from_one_end_to_the_other_are_what_they_are() {
        for (text, seconds, nanos) in [
            ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
            ("1969-12-31T23:59:59.25Z", -1, 250_000_000),
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2025-07-21T17:32:28.000000001Z", 1_753_119_148, 1),
            ("9999-12-30T22:00:00.9Z", 253_402_207_200, 900_000_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999),
        ] {
            let time: Time = text.parse().unwrap();
            assert_eq!((time.parts(), time.to_string().as_str()), ((seconds, nanos), text));
            assert_eq!(Time::since_1970(seconds, nanos), Some(time));
            let clamped = time.clamped();
            assert!(Time::from(clamped) == time || clamped == LAST, "{text}");
            let micros = clamped.as_microsecond();
            assert_eq!(Timestamp::from_microsecond(micros).unwrap().as_microsecond(), micros, "{text}");
        }
        for (text, utc) in [
            ("2025-07-21T19:32:28+02:00", "2025-07-21T17:32:28Z"),
            ("2025-07-21t17:32:28z", "2025-07-21T17:32:28Z"),
            ("9999-12-31T23:00:00+01:00", "9999-12-31T22:00:00Z"),
            ("2025-07-21T17:32:28.1234567899Z", "2025-07-21T17:32:28.123456789Z"),
            ("2025-07-21T19:32:28.500000000000+02:00", "2025-07-21T17:32:28.5Z"),
        ] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), utc);
        }
    }

    #[test]
    fn what_is_no_instant_of_these_years_is_none() {
        for text in [
            "",
            "yesterday",
            "2025-07-21",
            "2025-07-21T17:32:28",
            "0000-12-31T23:59:59Z",
            "-000001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "10000-01-01T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-07-21T17:32:28.1234567890",
            "2025-07-21T17:32:28.1234567890é",
        ] {
            assert_eq!(text.parse::<Time>(), Err(InvalidTime), "{text}");
        }
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (-62_135_596_801, 0), (253_402_300_800, 0)] {
            assert_eq!(Time::since_1970(seconds, nanos), None);
        }
        assert_eq!(Time::from(Timestamp::MIN).to_string(), "0001-01-01T00:00:00Z");
    }
}
