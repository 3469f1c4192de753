//! Audit lines: who called what, and what became of it. Target `audit`, level `info`; no personal data.
//!
//! Every mutating call of a caller of the policy has one line: when it ends, or when it is refused. Other refusals have
//! one too, but for those beyond a rate, which are counted: by the next line about the same caller, certificate or
//! address, or after a minute by a line that does nothing else ([`account`]).

use super::audit_throttle::{HeldBack, Refused};
use super::caller::Caller;
use super::gate::{Denial, Gate};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The target of audit lines, for filters.
pub const TARGET: &str = "audit";
/// Fields that a line names.
const MOST_FIELDS: usize = 32;
/// The longest time until suppressed lines are summed up in one.
const ACCOUNT: Duration = Duration::from_secs(60);

/// What a line says of the call itself.
#[derive(Debug, Clone, Copy)]
pub struct Audited<'c> {
    /// `package.Service/Method`, or the path where there is no such method.
    pub method: &'c str,
    /// The other end of the connection.
    pub peer: Option<IpAddr>,
    /// The trace that it is part of (W3C Trace Context), as 32 hexadecimal digits.
    pub trace_id: Option<&'c str>,
    /// The name of its gRPC code, such as `OK` or `PERMISSION_DENIED`.
    pub code: &'c str,
}

/// The fields that a call changes, for its audit line: their names, never their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    fields: String,
    endpoint_host: Option<String>,
}

impl Changed {
    /// Fields, by their paths in the request, and the host of a webhook endpoint among them.
    #[must_use]
    pub fn new(mut fields: Vec<String>, endpoint_host: Option<String>) -> Changed {
        let more = fields.len().saturating_sub(MOST_FIELDS);
        fields.truncate(MOST_FIELDS);
        if more > 0 {
            fields.push(format!("and {more} more"));
        }
        Changed { fields: fields.join(","), endpoint_host }
    }
}

/// A caller's word, if a field could be called that: other text could be personal.
#[must_use]
pub fn word(text: &str) -> &str {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if (1..=64).contains(&text.len()) && text.bytes().all(is_name) { text } else { "(no name)" }
}

/// Where a handler writes what its call changes, for the audit line. In the extensions of every mutating call that has a
/// line.
#[derive(Debug, Clone, Default)]
pub struct Note(Arc<OnceLock<Changed>>);

impl Note {
    /// Writes it. The first word counts.
    pub fn write(&self, changed: Changed) {
        let _ = self.0.set(changed);
    }

    /// What was written.
    #[must_use]
    pub fn read(&self) -> Option<&Changed> {
        self.0.get()
    }
}

/// Logs an admitted call when it has ended.
pub fn allowed(call: Audited<'_>, caller: &Caller, changed: Option<&Changed>) {
    let Audited { method, peer, trace_id, code } = call;
    let (peer, caller, source) = (peer.map(tracing::field::display), caller.name(), caller.source().as_str());
    let changes = changed.map(|changed| changed.fields.as_str());
    let endpoint_host = changed.and_then(|changed| changed.endpoint_host.as_deref());
    tracing::info!(
        target: TARGET, decision = "allowed", caller, source, method, code, changes, endpoint_host, trace_id, peer, "call"
    );
}

/// Logs a denied call, or a stream that a policy change ended. `held_back`: the number of throttled denials before it.
pub fn denied(call: Audited<'_>, denial: &Denial, held_back: u64) {
    let Audited { method, peer, trace_id, code } = call;
    let (caller, identity, source) = match denial {
        Denial::CallerUnknown { identity, source } => (None, Some(identity.as_str()), Some(source.as_str())),
        Denial::CredentialsMissing
        | Denial::CredentialsInvalid { why: _ }
        | Denial::PolicyNeeded
        | Denial::MethodNotAllowed { caller: _, by_name_only: _ }
        | Denial::MethodUnknown { caller: _ }
        | Denial::RateLimited { caller: _, retry_after: _ }
        | Denial::TooManyFailures { retry_after: _ } => {
            let caller = denial.caller();
            (caller.map(Caller::name), None, caller.map(|caller| caller.source().as_str()))
        }
    };
    let (reason, peer) = (reason(denial), peer.map(tracing::field::display));
    let held_back = Some(held_back).filter(|count| *count > 0);
    tracing::info!(
        target: TARGET, decision = "denied", reason, caller, identity, source, method, code, trace_id, peer, held_back,
        "call"
    );
}

/// Tells of the refusals that had no line and that no later line has counted, every minute and at the end.
pub async fn account(gate: &Gate, stop: CancellationToken) {
    loop {
        let goes_on = tokio::select! {
            () = sleep(ACCOUNT) => true,
            () = stop.cancelled() => false,
        };
        gate.take_held_back().into_iter().for_each(held_back);
        if !goes_on {
            return;
        }
    }
}

fn held_back(HeldBack { whose, count }: HeldBack) {
    let (peer, identity, caller) = match &whose {
        Some(Refused::Address(addr)) => (*addr, None, None),
        Some(Refused::Identity(identity)) => (None, Some(identity.as_str()), None),
        Some(Refused::Caller(name)) => (None, None, Some(&**name)),
        None => (None, None, None),
    };
    let peer = peer.map(tracing::field::display);
    tracing::info!(
        target: TARGET, decision = "denied", caller, identity, peer, held_back = count, "calls without lines of their own"
    );
}

fn reason(denial: &Denial) -> &'static str {
    match denial {
        Denial::CredentialsMissing => "no credentials",
        Denial::CredentialsInvalid { why } => why,
        Denial::CallerUnknown { identity: _, source: _ } => "the policy does not name the caller",
        Denial::PolicyNeeded => "there is no policy, and only a policy grants this method",
        Denial::MethodNotAllowed { caller: _, by_name_only: _ } => "the caller may not call this method",
        Denial::MethodUnknown { caller: _ } => "there is no such method",
        Denial::RateLimited { caller: _, retry_after: _ } => "the caller's rate is used up",
        Denial::TooManyFailures { retry_after: _ } => "too many failures from this address",
    }
}
