//! Instants: `google.protobuf.Timestamp` here, RFC 3339 at Grid.

use super::Violations;
use crate::grid::model::Time;

/// An instant as the API has it. Its nanoseconds count forward, also before 1970 (timestamp.proto).
pub(super) fn to_pb(time: impl Into<Time>) -> prost_types::Timestamp {
    let (seconds, nanos) = time.into().parts();
    prost_types::Timestamp { seconds, nanos }
}

/// Reads an instant of a request, noting one that is none.
pub(super) fn from_pb(field: &str, time: Option<prost_types::Timestamp>, violations: &mut Violations) -> Option<Time> {
    let read = read(time?);
    if read.is_none() {
        violations.add(field, INVALID);
    }
    read
}

/// What is wrong with a timestamp that is no instant.
pub(super) const INVALID: &str = "is not a valid timestamp: years 0001 to 9999, nanos 0 to 999999999";

/// The instant that a timestamp is, if it is one.
pub(super) fn read(time: prost_types::Timestamp) -> Option<Time> {
    let prost_types::Timestamp { seconds, nanos } = time;
    if (0..1_000_000_000).contains(&nanos) { Time::since_1970(seconds, nanos) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_survive_the_way_there_and_back() {
        for text in [
            "2025-07-21T17:32:28Z",
            "1969-12-31T23:59:59.25Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999Z",
            "1970-01-01T00:00:00.000000001Z",
        ] {
            let time: Time = text.parse().unwrap();
            let pb = to_pb(time);
            assert!((0..1_000_000_000).contains(&pb.nanos), "{text}");
            let mut violations = Violations::default();
            assert_eq!(from_pb("t", Some(pb), &mut violations), Some(time), "{text}");
            assert!(violations.list().is_empty());
        }
    }

    #[test]
    fn what_is_no_instant_is_named() {
        for (seconds, nanos) in
            [(i64::MAX, 0), (i64::MIN, 0), (-62_135_596_801, 0), (253_402_300_800, 0), (0, -1), (0, 1_000_000_000)]
        {
            let mut violations = Violations::default();
            assert_eq!(
                from_pb("created_after", Some(prost_types::Timestamp { seconds, nanos }), &mut violations),
                None
            );
            assert_eq!(violations.list()[0].field, "created_after");
        }
    }
}
