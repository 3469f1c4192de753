//! Warns in the log before tokens expire, while there is time to replace them.

use super::gate::Gate;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// How long before it expires the log first warns of a token; it warns again a day before, and when it has expired.
const STAGES: [SignedDuration; 3] =
    [SignedDuration::ZERO, SignedDuration::from_hours(24), SignedDuration::from_hours(14 * 24)];

/// What has been told already.
#[derive(Debug, Default)]
pub(super) struct Told(HashMap<(Arc<str>, Timestamp), SignedDuration>);

impl Told {
    /// Warns of the tokens that passed a threshold since the last warning.
    pub(super) fn tell(&mut self, gate: &Gate, now: Timestamp) {
        for (caller, expires) in self.due(gate.expiries(), now) {
            if expires <= now {
                tracing::warn!(caller = &*caller, %expires, "a token of this caller has expired");
            } else {
                tracing::warn!(caller = &*caller, %expires, "a token of this caller expires soon");
            }
        }
    }

    fn due(&mut self, mut expiries: Vec<(Arc<str>, Timestamp)>, now: Timestamp) -> Vec<(Arc<str>, Timestamp)> {
        let Told(told) = self;
        // Those that are no longer in the policy need no memory.
        told.retain(|token, _| expiries.contains(token));
        expiries.retain(|token| {
            let left = token.1.duration_since(now);
            let Some(stage) = STAGES.into_iter().find(|stage| left <= *stage) else { return false };
            told.insert(token.clone(), stage).is_none_or(|before| before > stage)
        });
        expiries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_is_told_once() {
        let expires: Timestamp = "2030-01-31T00:00:00Z".parse().unwrap();
        let mut told = Told::default();
        let mut count = |left: SignedDuration| told.due(vec![("a".into(), expires)], expires - left).len();
        let hours = SignedDuration::from_hours;
        let said: Vec<_> = [400, 336, 335, 30, 24, 23, 1, 0, -1].map(|left| count(hours(left))).into();
        assert_eq!(said, [0, 1, 0, 0, 1, 0, 0, 1, 0]);
        assert_eq!(told.due(Vec::new(), expires), []);
        assert!(told.0.is_empty(), "what the policy no longer has is forgotten");
    }
}
