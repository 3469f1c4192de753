//! The decision on each call, with the policy that holds now.

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

/// Decides on calls. One for a server, shared.
#[derive(Debug)]
pub struct Gate {
    /// Guards which policy holds: it is looked at for each call, and replaced as a whole.
    current: RwLock<Arc<Current>>,
    /// Guards the state that metrics show.
    state: RwLock<PolicyState>,
    unauthenticated: UnauthenticatedLimit,
    throttle: AuditThrottle,
    counters: Arc<Counters>,
}

/// A policy, for as long as it holds.
#[derive(Debug)]
struct Current {
    policy: Policy,
    /// Cancelled when another one has taken its place.
    superseded: CancellationToken,
}

/// The state of the policy, as metrics show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyState {
    /// When the one that holds was read.
    pub loaded_at: Timestamp,
    /// How many callers it names.
    pub callers: usize,
    /// Since when its file is not what holds: it has mistakes, or can't be read. `None`: it is.
    pub refused_since: Option<Timestamp>,
}

/// Why a call is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// It brings nothing that says who makes it.
    CredentialsMissing,
    /// What it brings is wrong.
    CredentialsInvalid {
        /// In which way: for the log. A caller who learnt it could feel their way forward.
        why: &'static str,
    },
    /// It is known who makes it, and the policy does not name them.
    CallerUnknown {
        /// Who, as their certificate says.
        identity: Identity,
        /// Where that certificate was seen.
        source: Source,
    },
    /// Only a policy grants this method, and there is none.
    PolicyNeeded,
    /// Its caller may not call this method.
    MethodNotAllowed {
        /// Who.
        caller: Caller,
        /// Whether only the method's exact name grants it.
        by_name_only: bool,
    },
    /// There is no such method.
    MethodUnknown {
        /// Who calls it.
        caller: Caller,
    },
    /// Its caller has used up their rate.
    RateLimited {
        /// Who.
        caller: Caller,
        /// How long until the next call is admitted.
        retry_after: Duration,
    },
    /// Too many calls with wrong credentials came from its address.
    TooManyFailures {
        /// When the next one will be answered in full.
        retry_after: Duration,
    },
}

impl Denial {
    /// Who made the call, where that is known and in the policy.
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

    /// Who was refused, as exactly as that was proven.
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
    /// Who makes it.
    pub caller: Caller,
    /// Cancelled when the policy that let it in no longer holds: see [`Gate::still_admits`].
    pub superseded: CancellationToken,
}

/// How a method stands to the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rated {
    /// It counts for the caller's rate.
    Yes,
    /// It was counted when it began.
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

    /// Decides on a call of `method`; `None` stands for one that does not exist.
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

    /// Decides again on a call that goes on, after the policy that let it in was replaced.
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

    /// Puts another policy in place of the one that holds. Calls under way finish; streams are decided on anew.
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

    /// Notes that the file no longer says what holds.
    pub(super) fn note_refused(&self) {
        self.counters.count(Counted::PolicyRefused);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.refused_since.get_or_insert_with(Timestamp::now);
    }

    /// Notes that the file says again what holds.
    pub(super) fn note_restored(&self) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).refused_since = None;
    }

    /// Notes that a stream was ended by a change of the policy.
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

    /// The refusals that had no line, and that no line has counted. They are given once.
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

    /// Whose tokens expire, and when.
    pub(super) fn expiries(&self) -> Vec<(Arc<str>, Timestamp)> {
        self.current().policy.expiries().map(|(name, expires)| (Arc::clone(name), expires)).collect()
    }

    /// When the next token expires, of those that have not yet.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Timestamp> {
        let now = Timestamp::now();
        self.expiries().into_iter().map(|(_, expires)| expires).filter(|expires| *expires > now).min()
    }

    /// What was decided, in numbers.
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
    /// Decides on a call of `method`; `None` stands for one that does not exist.
    ///
    /// # Errors
    /// Only a policy grants it.
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
