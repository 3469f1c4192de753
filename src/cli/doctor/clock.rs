//! Whether this machine's clock and Grid's agree.

use super::finding::Finding;
use super::grid::ClockReading;
use jiff::SignedDuration;
use std::time::Duration;

const CHECK: &str = "clock";

/// A smaller difference is not reported: `Date` has no fractions of a second, and answers take time.
const NOTHING: Duration = Duration::from_secs(5);

/// From here on, gridgate can no longer order webhooks and responses correctly.
const TOO_MUCH: Duration = Duration::from_secs(5 * 60);

/// Judges the difference of the clocks.
pub(super) fn judge(reading: Option<ClockReading>) -> Finding {
    let Some(ClockReading { theirs, ours, took }) = reading else {
        return Finding::skipped(CHECK, "no response of Grid had a date");
    };
    // The date may be any moment of its second.
    let apart = ours.duration_since(theirs) - SignedDuration::from_millis(500);
    let uncertain = took / 2 + Duration::from_millis(500);
    let by = apart.unsigned_abs().saturating_sub(uncertain);
    let side = if apart.is_negative() { "behind" } else { "ahead of" };
    let message = format!("this machine is {} s {side} Grid", by.as_secs());
    let hint = "set this machine's clock by NTP";
    if by < NOTHING {
        Finding::ok(CHECK, "this machine and Grid agree on the time")
    } else if by < TOO_MUCH {
        Finding::warn(CHECK, message, hint)
    } else {
        let why = "gridgate cannot order Grid's webhooks and responses";
        Finding::fail(CHECK, message, format!("{hint}: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;
    use jiff::Timestamp;

    fn judged(apart_seconds: i64, took: Duration) -> Finding {
        let theirs = Timestamp::from_second(1_000_000_000).unwrap();
        let ours = theirs + SignedDuration::from_secs(apart_seconds);
        judge(Some(ClockReading { theirs, ours, took }))
    }

    #[test]
    fn small_differences_are_nothing_and_large_ones_are_too_much() {
        let quick = Duration::from_millis(50);
        for (apart, outcome) in [
            (0, Outcome::Ok),
            (4, Outcome::Ok),
            (-4, Outcome::Ok),
            (30, Outcome::Warn),
            (-30, Outcome::Warn),
            (400, Outcome::Fail),
            (-400, Outcome::Fail),
        ] {
            assert_eq!(judged(apart, quick).outcome, outcome, "{apart}");
        }
        assert!(judged(30, quick).message.contains("28 s ahead of"), "{:?}", judged(30, quick));
        assert!(judged(-30, quick).message.contains("29 s behind"), "{:?}", judged(-30, quick));
        assert_eq!(judge(None).outcome, Outcome::Skipped);
    }

    #[test]
    fn a_slow_answer_proves_less() {
        assert_eq!(judged(20, Duration::from_secs(40)).outcome, Outcome::Ok);
    }
}
