//! Authentication and authorization of callers: credentials, the policy file, and the decision on each call.
//!
//! A bearer token, a client certificate, or a trusted mesh proxy's header about the certificate it verified identifies a
//! caller ([`presented`](Presented)). The policy ([`Policy`]) names callers and the methods that each may call; a caller
//! that is not in it may call nothing. The [`Gate`] decides by the current policy, which [`PolicyFile`] reloads when the
//! file changes. Operators read `docs/IDENTITY.md`.
//!
//! This module must not know the services behind it, nor the status that a caller receives: it takes methods as arguments
//! and returns a [`Denial`].

pub mod audit;
mod audit_throttle;
mod bucket;
mod caller;
mod counters;
mod expiry;
mod file;
mod gate;
mod metrics;
mod name;
mod policy;
mod presented;
mod token;
mod unauthenticated;
pub mod xfcc;

pub use audit_throttle::{HeldBack, Refused};
pub use caller::{Caller, Source, WatchKind, WatchLimits};
pub use counters::{Counted, Counters};
pub use file::{PolicyError, PolicyFile, PolicyText};
pub use gate::{Admitted, Denial, Gate, NoGate, PolicyState};
pub use metrics::register_metrics;
pub use name::{Identity, InvalidIdentity};
pub use policy::{Grantable, Mistake, Policy};
pub use presented::Presented;
pub use token::{InvalidTokenHash, NewToken, TokenHash};
