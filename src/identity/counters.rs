//! Counts of the gate's decisions since it was created.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The counted outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// An admitted call.
    Allowed,
    /// A call without credentials.
    CredentialsMissing,
    /// A call with invalid credentials.
    CredentialsInvalid,
    /// A call with valid credentials of a caller that is not in the policy.
    CallerUnknown,
    /// A call of a method that the policy does not allow its caller.
    MethodNotAllowed,
    /// A call of a method that does not exist.
    MethodUnknown,
    /// A call over its caller's rate limit.
    RateLimited,
    /// A call from an address with too many invalid credentials.
    TooManyFailures,
    /// A stream that ended since the policy no longer allows it, or allows it otherwise.
    Revoked,
    /// A proxy's header that was not believed, since who sent it is no trusted proxy.
    HeaderIgnored,
    /// A policy file that was read anew.
    PolicyLoaded,
    /// A policy file that was refused.
    PolicyRefused,
}

impl Counted {
    /// All of it.
    pub const ALL: [Counted; 12] = [
        Counted::Allowed,
        Counted::CredentialsMissing,
        Counted::CredentialsInvalid,
        Counted::CallerUnknown,
        Counted::MethodNotAllowed,
        Counted::MethodUnknown,
        Counted::RateLimited,
        Counted::TooManyFailures,
        Counted::Revoked,
        Counted::HeaderIgnored,
        Counted::PolicyLoaded,
        Counted::PolicyRefused,
    ];

    /// A word for a metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Counted::Allowed => "allowed",
            Counted::CredentialsMissing => "credentials_missing",
            Counted::CredentialsInvalid => "credentials_invalid",
            Counted::CallerUnknown => "caller_unknown",
            Counted::MethodNotAllowed => "method_not_allowed",
            Counted::MethodUnknown => "method_unknown",
            Counted::RateLimited => "rate_limited",
            Counted::TooManyFailures => "too_many_failures",
            Counted::Revoked => "revoked",
            Counted::HeaderIgnored => "header_ignored",
            Counted::PolicyLoaded => "policy_loaded",
            Counted::PolicyRefused => "policy_refused",
        }
    }
}

/// The counts, shared between the gate and the metrics.
#[derive(Debug)]
pub struct Counters([AtomicU64; Counted::ALL.len()]);

impl Default for Counters {
    fn default() -> Self {
        Counters(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Counters {
    pub(super) fn count(&self, counted: Counted) {
        if let Some(counter) = self.0.get(counted as usize) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// How often it was counted.
    #[must_use]
    pub fn of(&self, counted: Counted) -> u64 {
        self.0.get(counted as usize).map_or(0, |counter| counter.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_counter_of_its_own() {
        let counters = Counters::default();
        for counted in Counted::ALL {
            counters.count(counted);
        }
        assert!(Counted::ALL.iter().all(|&counted| counters.of(counted) == 1));
    }
}
