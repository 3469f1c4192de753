//! Streams that end when the policy no longer lets them in.

use super::ending::Ending;
use super::identity::report;
use crate::identity::{Admitted, Caller, Gate, Presented};
use crate::rpc::status;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;

/// The ending of a stream when the policy changes against it. In a box, since most calls have none.
pub struct UntilRevoked(Option<Box<Standing>>);

/// How a stream stands to the policy.
struct Standing {
    gate: Arc<Gate>,
    presented: Presented,
    method: Box<str>,
    trace_id: Option<Box<str>>,
    /// As whom it was let in, with which limits.
    caller: Caller,
    /// Cancelled when the policy that last let it in no longer holds.
    superseded: CancellationToken,
    wait: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    revoked: Option<Status>,
}

impl UntilRevoked {
    /// It never comes.
    pub(super) fn never() -> Self {
        UntilRevoked(None)
    }

    /// For a call of `method` that was let in with what it presented.
    pub(super) fn new(
        gate: Arc<Gate>,
        presented: Presented,
        method: &str,
        trace_id: Option<Box<str>>,
        admitted: &Admitted,
    ) -> Self {
        let Admitted { caller, superseded } = admitted.clone();
        let (method, wait, revoked) = (method.into(), None, None);
        UntilRevoked(Some(Box::new(Standing { gate, presented, method, trace_id, caller, superseded, wait, revoked })))
    }
}

impl Standing {
    /// Whether the policy that holds now ends the stream.
    fn is_revoked(&mut self) -> bool {
        if self.revoked.is_none() && self.superseded.is_cancelled() {
            self.wait = None;
            match self.gate.still_admits(&self.presented, &self.method) {
                Ok(Admitted { caller, superseded }) if caller == self.caller => self.superseded = superseded,
                // It may see other things now: whoever calls again is judged by its request.
                Ok(_) => self.revoked = Some(status::policy_changed()),
                Err(denial) => {
                    let status = status::denied(&denial);
                    report(&self.gate, &self.presented, Some(&self.method), self.trace_id.as_deref(), &denial, &status);
                    self.revoked = Some(status);
                }
            }
            if self.revoked.is_some() {
                self.gate.note_revoked();
            }
        }
        self.revoked.is_some()
    }

    fn poll_revoked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.is_revoked() {
            let superseded = &self.superseded;
            let wait = self.wait.get_or_insert_with(|| Box::pin(superseded.clone().cancelled_owned()));
            ready!(wait.as_mut().poll(cx));
        }
        Poll::Ready(())
    }
}

impl Ending for UntilRevoked {
    fn has_come(&mut self) -> bool {
        self.0.as_mut().is_some_and(|standing| standing.is_revoked())
    }

    fn poll_come(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(standing) => standing.poll_revoked(cx),
            None => Poll::Pending,
        }
    }

    fn status(&self) -> Status {
        let revoked = self.0.as_ref().and_then(|standing| standing.revoked.clone());
        revoked.unwrap_or_else(status::policy_changed)
    }
}
