//! Who makes a call, once that is known.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// By what a caller was told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A bearer token.
    Token,
    /// The client certificate of the connection.
    Certificate,
    /// A trusted proxy's `x-forwarded-client-cert`.
    Xfcc,
    /// A trusted proxy's `l5d-client-id`.
    Linkerd,
}

impl Source {
    /// As audit lines name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Token => "token",
            Source::Certificate => "certificate",
            Source::Xfcc => super::xfcc::HEADER,
            Source::Linkerd => super::presented::LINKERD,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The caller of a request. Every request that a policy admitted has it as an extension; without a policy there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub(super) name: Arc<str>,
    pub(super) source: Source,
    pub(super) limits: Option<Arc<WatchLimits>>,
}

impl Caller {
    /// A caller that may see all events.
    #[must_use]
    pub fn named(name: &str, source: Source) -> Caller {
        Caller { name: name.into(), source, limits: None }
    }

    /// Its name in the policy. There are no more of them than the policy has callers.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name, to keep.
    #[must_use]
    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// The kind of credential that identified it.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// What of the events it may see; `None`: all.
    #[must_use]
    pub fn limits(&self) -> Option<&WatchLimits> {
        self.limits.as_deref()
    }
}

/// A kind of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WatchKind {
    /// The status of a customer.
    CustomerStatus,
    /// A verification.
    Verification,
}

impl WatchKind {
    /// Every kind.
    pub const ALL: [WatchKind; 2] = [WatchKind::CustomerStatus, WatchKind::Verification];

    /// As the policy writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            WatchKind::CustomerStatus => "customer_status",
            WatchKind::Verification => "verification",
        }
    }
}

/// What of the events a caller may see. A request may ask for less, and not for more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WatchLimits {
    /// Only these kinds; `None`: all.
    pub kinds: Option<BTreeSet<WatchKind>>,
    /// Only customers with these ids of Grid's.
    pub customer_ids: BTreeSet<String>,
    /// Only customers with these ids of the platform's.
    pub platform_customer_ids: BTreeSet<String>,
}

impl WatchLimits {
    /// Whether it may see events of this kind.
    #[must_use]
    pub fn allows_kind(&self, kind: WatchKind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    /// Whether it may see every customer.
    #[must_use]
    pub fn allows_everyone(&self) -> bool {
        self.customer_ids.is_empty() && self.platform_customer_ids.is_empty()
    }

    /// Whether it may see the customer with this id of Grid's, as far as that id says.
    #[must_use]
    pub fn allows_customer(&self, id: &str) -> bool {
        self.allows_everyone() || self.customer_ids.contains(id)
    }

    /// Whether it may see customers with this id of the platform's.
    #[must_use]
    pub fn allows_platform_customer(&self, id: &str) -> bool {
        self.allows_everyone() || self.platform_customer_ids.contains(id)
    }
}
