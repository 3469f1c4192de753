//! Authorizes each call by the policy in force.

use super::audit_throttle::{AuditThrottle, HeldBack, Refused};
use super::caller::{Caller, Source};
use super::counters::{Counted, Counters};
use super::name::Identity;
use super::policy::{Grantable, Identified, Policy, Rule, Unidentified};
use super::presented::Presented;
use super::unauthenticated::UnauthenticatedLimit;
use jiff::Timestamp;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Authorizes calls. A server has one, shared by all connections.
#[derive(Debug)]
pub struct Gate {
    /// Guards the policy in force: each call reads it, and a reload replaces it as a whole.
    current: RwLock<Arc<Current>>,
    /// Guards the state that metrics show.
    state: RwLock<PolicyState>,
    unauthenticated: UnauthenticatedLimit,
    throttle: AuditThrottle,
    counters: Arc<Counters>,
}

/// A policy while it is in force.
#[derive(Debug)]
struct Current {
    policy: Policy,
    /// Cancelled when a reload has replaced the policy.
    superseded: CancellationToken,
}

/// The state of the policy, for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyState {
    /// When gridgate read the policy in force.
    pub loaded_at: Timestamp,
    /// The number of callers in the policy.
    pub callers: usize,
    /// Since when the file differs from the policy in force, because it has mistakes or is unreadable. `None`: they agree.
    pub refused_since: Option<Timestamp>,
}

/// Why a call is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The call has no credentials.
    CredentialsMissing,
    /// A credential is invalid.
    CredentialsInvalid {
        /// The reason, for the log only: it would help a caller to guess.
        why: &'static str,
    },
    /// The certificate is valid, and the policy does not name its identity.
    CallerUnknown {
        /// The identity in the certificate.
        identity: Identity,
        /// Where gridgate got the certificate: the connection or a proxy's header.
        source: Source,
    },
    /// Only a policy grants this method, and there is none.
    PolicyNeeded,
    /// The caller may not call this method.
    MethodNotAllowed {
        /// The caller.
        caller: Caller,
        /// Whether only the method's exact name grants it.
        by_name_only: bool,
    },
    /// The method does not exist.
    MethodUnknown {
        /// The caller.
        caller: Caller,
    },
    /// The caller has exhausted its rate.
    RateLimited {
        /// The caller.
        caller: Caller,
        /// The time until gridgate admits the next call.
        retry_after: Duration,
    },
    /// Too many calls with invalid credentials came from this address.
    TooManyFailures {
        /// The time until the next such call gets a full answer.
        retry_after: Duration,
    },
}

impl Denial {
    /// The caller, if the policy names it.
    #[must_use]
    pub fn caller(&self) -> Option<&Caller> {
        match self {
            Denial::MethodNotAllowed { caller, by_name_only: _ }
            | Denial::MethodUnknown { caller }
            | Denial::RateLimited { caller, retry_after: _ } => Some(caller),
            Denial::PolicyNeeded
            | Denial::CredentialsMissing
            | Denial::CredentialsInvalid { why: _ }
            | Denial::CallerUnknown { identity: _, source: _ }
            | Denial::TooManyFailures { retry_after: _ } => None,
        }
    }

    /// The origin of the denied call, as precisely as its credentials prove it.
    fn refused(&self, presented: &Presented) -> Refused {
        match self {
            Denial::MethodNotAllowed { caller, by_name_only: _ }
            | Denial::MethodUnknown { caller }
            | Denial::RateLimited { caller, retry_after: _ } => Refused::Caller(Arc::clone(&caller.name)),
            Denial::CallerUnknown { identity, source: _ } => Refused::Identity(identity.clone()),
            Denial::PolicyNeeded
            | Denial::CredentialsMissing
            | Denial::CredentialsInvalid { why: _ }
            | Denial::TooManyFailures { retry_after: _ } => Refused::Address(presented.addr),
        }
    }
}

impl From<&Denial> for Counted {
    fn from(denial: &Denial) -> Self {
        match denial {
            Denial::CredentialsMissing => Counted::CredentialsMissing,
            Denial::CredentialsInvalid { why: _ } => Counted::CredentialsInvalid,
            Denial::CallerUnknown { identity: _, source: _ } => Counted::CallerUnknown,
            Denial::PolicyNeeded | Denial::MethodNotAllowed { caller: _, by_name_only: _ } => Counted::MethodNotAllowed,
            Denial::MethodUnknown { caller: _ } => Counted::MethodUnknown,
            Denial::RateLimited { caller: _, retry_after: _ } => Counted::RateLimited,
            Denial::TooManyFailures { retry_after: _ } => Counted::TooManyFailures,
        }
    }
}

/// An admitted call.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The caller.
    pub caller: Caller,
    /// Cancelled when a reload replaces the policy that admitted the call: see [`Gate::still_admits`].
    pub superseded: CancellationToken,
}

/// Whether a check of a call counts for its caller's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rated {
    /// The call counts for the caller's rate.
    Yes,
    /// The call counted for the rate when it began.
    Already,
}

impl Gate {
    /// A gate with this policy.
    #[must_use]
    pub fn new(policy: Policy) -> Gate {
        let state = PolicyState { loaded_at: Timestamp::now(), callers: policy.callers(), refused_since: None };
        Gate {
            current: RwLock::new(Arc::new(Current { policy, superseded: CancellationToken::new() })),
            state: RwLock::new(state),
            unauthenticated: UnauthenticatedLimit::new(),
            throttle: AuditThrottle::new(),
            counters: Arc::new(Counters::default()),
        }
    }

    /// Authorizes a call of `method`; `None` stands for a method that does not exist.
    ///
    /// # Errors
    /// The call is denied.
    pub fn admit(&self, presented: &Presented, method: Option<&Grantable>) -> Result<Admitted, Denial> {
        let decided = self.decide(presented, method, Rated::Yes);
        let counted = match &decided {
            Ok(_) => Counted::Allowed,
            Err(denial) => Counted::from(denial),
        };
        self.counters.count(counted);
        decided
    }

    /// Authorizes an open stream anew, after a reload replaced the policy that admitted it.
    ///
    /// # Errors
    /// The current policy would deny the call.
    pub fn still_admits(&self, presented: &Presented, method: &Grantable) -> Result<Admitted, Denial> {
        self.decide(presented, Some(method), Rated::Already)
    }

    fn decide(&self, presented: &Presented, method: Option<&Grantable>, rated: Rated) -> Result<Admitted, Denial> {
        let current = self.current();
        let Identified { who, header_ignored } = current.policy.identify(presented);
        if header_ignored && rated == Rated::Yes {
            self.counters.count(Counted::HeaderIgnored);
            if self.unauthenticated.may_warn(presented.addr, Instant::now()) {
                let peer = presented.addr.map(tracing::field::display);
                tracing::warn!(peer, "a proxy's header was ignored: its sender is not a trusted proxy in the policy");
            }
        }
        let (rule, source) = who.map_err(|unidentified| self.denial(presented, unidentified, rated))?;
        let Rule { name, methods, limits, bucket } = rule;
        let caller = Caller { name: Arc::clone(name), source, limits: limits.clone() };
        let Some(method) = method else { return Err(Denial::MethodUnknown { caller }) };
        if !methods.contains(&method.name) {
            return Err(Denial::MethodNotAllowed { caller, by_name_only: method.by_name_only });
        }
        if let (Rated::Yes, Some(bucket)) = (rated, bucket)
            && let Err(retry_after) = bucket.take(Instant::now())
        {
            return Err(Denial::RateLimited { caller, retry_after });
        }
        Ok(Admitted { caller, superseded: current.superseded.clone() })
    }

    /// The denial of a call whose credentials match no caller in the policy.
    fn denial(&self, presented: &Presented, unidentified: Unidentified, rated: Rated) -> Denial {
        match unidentified {
            Unidentified::Missing => Denial::CredentialsMissing,
            Unidentified::Unknown(identity, source) => Denial::CallerUnknown { identity, source },
            Unidentified::Invalid(why) => match rated {
                Rated::Already => Denial::CredentialsInvalid { why },
                Rated::Yes => match self.unauthenticated.failed(presented.addr, Instant::now()) {
                    Ok(()) => Denial::CredentialsInvalid { why },
                    Err(retry_after) => Denial::TooManyFailures { retry_after },
                },
            },
        }
    }

    /// Replaces the policy in force. Calls in progress finish; open streams are authorized anew.
    pub fn replace(&self, mut policy: Policy) {
        policy.take_over(&self.current().policy);
        let callers = policy.callers();
        let next = Arc::new(Current { policy, superseded: CancellationToken::new() });
        let before = std::mem::replace(&mut *self.current.write().unwrap_or_else(PoisonError::into_inner), next);
        *self.state.write().unwrap_or_else(PoisonError::into_inner) =
            PolicyState { loaded_at: Timestamp::now(), callers, refused_since: None };
        self.counters.count(Counted::PolicyLoaded);
        before.superseded.cancel();
    }

    /// Notes that the file differs from the policy in force.
    pub(super) fn note_refused(&self) {
        self.counters.count(Counted::PolicyRefused);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.refused_since.get_or_insert_with(Timestamp::now);
    }

    /// Notes that the file agrees with the policy in force again.
    pub(super) fn note_restored(&self) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).refused_since = None;
    }

    /// Counts a stream that ended because the policy changed.
    pub fn note_revoked(&self) {
        self.counters.count(Counted::Revoked);
    }

    /// `Some` if a denial gets an audit line: the number of throttled denials of the same caller, certificate or address
    /// before it. Denials of the policy's callers always get one if the method `mutates` something.
    #[must_use]
    pub fn has_line(&self, denial: &Denial, presented: &Presented, mutates: bool) -> Option<u64> {
        let (whose, now) = (denial.refused(presented), Instant::now());
        if mutates && denial.caller().is_some() {
            return Some(self.throttle.before_one_more(&whose, now));
        }
        self.throttle.may_write(&whose, now)
    }

    /// The denials without an audit line that no line has counted yet. Each is returned once.
    #[must_use]
    pub fn take_held_back(&self) -> Vec<HeldBack> {
        self.throttle.take_held_back()
    }

    /// The state of the policy.
    #[must_use]
    pub fn state(&self) -> PolicyState {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the policy has bearer tokens: on a connection without TLS, anyone on the network path can read and use them.
    #[must_use]
    pub fn takes_tokens(&self) -> bool {
        self.current().policy.has_tokens()
    }

    /// The tokens that expire: their callers and times.
    pub(super) fn expiries(&self) -> Vec<(Arc<str>, Timestamp)> {
        self.current().policy.expiries().map(|(name, expires)| (Arc::clone(name), expires)).collect()
    }

    /// The next expiry of a token that has not expired yet.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Timestamp> {
        let now = Timestamp::now();
        self.expiries().into_iter().map(|(_, expires)| expires).filter(|expires| *expires > now).min()
    }

    /// The counts of decisions.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Takes the gate's place when there is no policy: every call passes, except to methods that only a policy grants.
#[derive(Debug)]
pub struct NoGate {
    throttle: AuditThrottle,
}

impl Default for NoGate {
    fn default() -> Self {
        NoGate { throttle: AuditThrottle::new() }
    }
}

impl NoGate {
    /// Authorizes a call of `method`; `None` stands for a method that does not exist.
    ///
    /// # Errors
    /// Only a policy grants the method.
    pub fn admit(&self, method: Option<&Grantable>) -> Result<(), Denial> {
        if method.is_some_and(|method| method.by_name_only) { Err(Denial::PolicyNeeded) } else { Ok(()) }
    }

    /// Whether a refusal has an audit line: then how many before it had none, of those from the same address.
    #[must_use]
    pub fn has_line(&self, presented: &Presented) -> Option<u64> {
        self.throttle.may_write(&Refused::Address(presented.addr), Instant::now())
    }
}

impl Presented {
    /// The address at the other end of the connection.
    #[must_use]
    pub fn addr(&self) -> Option<IpAddr> {
        self.addr
    }
}
