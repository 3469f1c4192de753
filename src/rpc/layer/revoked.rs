//! Streams that end when the policy no longer lets them in.

use super::methods::Method;
use super::record::report_denial;
use crate::identity::{Admitted, Caller, Gate, Presented};
use crate::rpc::status;
use crate::telemetry::context::Incoming;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;

/// What a stream needs to be judged again when the policy is replaced.
pub(super) struct Revocation {
    gate: Arc<Gate>,
    presented: Presented,
    method: Arc<Method>,
    incoming: Option<Arc<Incoming>>,
    /// The caller that was admitted, with its limits.
    caller: Caller,
    /// Cancelled when the policy that last admitted it is replaced.
    superseded: CancellationToken,
    wait: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    status: Option<Status>,
}

impl Revocation {
    pub(super) fn new(
        gate: Arc<Gate>,
        presented: Presented,
        method: Arc<Method>,
        incoming: Option<Arc<Incoming>>,
        admitted: Admitted,
    ) -> Self {
        let Admitted { caller, superseded } = admitted;
        Revocation { gate, presented, method, incoming, caller, superseded, wait: None, status: None }
    }

    /// The status that ends the stream, if the policy that holds now does.
    pub(super) fn status(&mut self) -> Option<Status> {
        if self.status.is_none() && self.superseded.is_cancelled() {
            self.wait = None;
            match self.gate.still_admits(&self.presented, self.method.grantable()) {
                Ok(Admitted { caller, superseded }) if caller == self.caller => self.superseded = superseded,
                // Its limits changed: end the stream, so that the caller's next request is checked against the new ones.
                Ok(_) => self.status = Some(status::policy_changed()),
                Err(denial) => {
                    let status = status::denied(&denial);
                    let trace = self.incoming.as_deref();
                    report_denial(&self.gate, &self.presented, &self.method, trace, &denial, &status);
                    self.status = Some(status);
                }
            }
            if self.status.is_some() {
                self.gate.note_revoked();
            }
        }
        self.status.clone()
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        loop {
            if let Some(status) = self.status() {
                return Poll::Ready(status);
            }
            let superseded = &self.superseded;
            let wait = self.wait.get_or_insert_with(|| Box::pin(superseded.clone().cancelled_owned()));
            ready!(wait.as_mut().poll(cx));
        }
    }
}
