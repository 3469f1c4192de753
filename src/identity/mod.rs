//! Who calls, and what they may: credentials, the policy file, and the decision on each call.
//!
//! A call is told apart by a bearer token, by its client certificate, or by what a trusted mesh proxy says of the
//! certificate it saw ([`presented`](Presented)). The policy ([`Policy`]) names callers and what each may call; who is
//! not in it may call nothing. The [`Gate`] decides with the policy that holds now, which [`PolicyFile`] keeps in step
//! with its file. `docs/IDENTITY.md` is what operators read.
//!
//! This module must not know the services behind it, nor how a refusal is said to a caller: methods are handed
//! in, and a refusal is a [`Denial`].

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
