//! What ends a call that is not done: its deadline, the end of a shutdown's grace period, a server or a connection that
//! leaves, a policy that no longer admits its caller.

use super::revoked::Revocation;
use crate::rpc::status;
use pin_project_lite::pin_project;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;

/// When the server ends calls that are not done.
#[derive(Debug, Clone, Default)]
pub struct Stops {
    /// Calls are no longer accepted. Health watches and reflection sessions, which would last for ever, end with UNAVAILABLE.
    pub leaving: CancellationToken,
    /// The grace period is over: every call ends with UNKNOWN.
    pub cut: CancellationToken,
}

/// What ends one call.
#[derive(Default)]
pub(super) struct Ends {
    pub(super) deadline: Option<Instant>,
    pub(super) stops: Option<Stops>,
    /// For a call that would last for ever: cancelled when its connection, or the server, leaves.
    pub(super) leaving: Option<CancellationToken>,
    pub(super) revocation: Option<Box<Revocation>>,
}

pin_project! {
    /// What a call that has to wait waits for. Set up when first waited for: most bodies are complete with their head.
    #[derive(Default)]
    pub(super) struct Waits {
        #[pin]
        deadline: Option<Sleep>,
        #[pin]
        cut: Option<WaitForCancellationFutureOwned>,
        #[pin]
        leaving: Option<WaitForCancellationFutureOwned>,
    }
}

impl Ends {
    /// The status of a call that has to end now, even if it has more to say.
    pub(super) fn has_come(&mut self) -> Option<Status> {
        if let Some(status) = self.revocation.as_mut().and_then(|revocation| revocation.status()) {
            return Some(status);
        }
        self.deadline.is_some_and(|deadline| deadline <= Instant::now()).then(status::deadline_exceeded)
    }

    /// Waits until the call has to end. A server that stops ends only calls that wait: what is ready to be said is said.
    pub(super) fn poll(&mut self, waits: Pin<&mut Waits>, cx: &mut Context<'_>) -> Poll<Status> {
        let mut waits = waits.project();
        if let Some(deadline) = self.deadline {
            if waits.deadline.is_none() {
                waits.deadline.set(Some(sleep_until(deadline)));
            }
            if waits.deadline.as_pin_mut().is_some_and(|sleep| sleep.poll(cx).is_ready()) {
                return Poll::Ready(status::deadline_exceeded());
            }
        }
        if self.stops.as_ref().is_some_and(|stops| is_cancelled(&stops.cut, waits.cut, cx)) {
            return Poll::Ready(status::cut_at_shutdown());
        }
        if self.leaving.as_ref().is_some_and(|leaving| is_cancelled(leaving, waits.leaving, cx)) {
            let server_leaves = self.stops.as_ref().is_some_and(|stops| stops.leaving.is_cancelled());
            return Poll::Ready(if server_leaves { status::shutting_down() } else { status::connection_aged() });
        }
        match &mut self.revocation {
            Some(revocation) => revocation.poll(cx),
            None => Poll::Pending,
        }
    }
}

/// Whether `token` is cancelled; otherwise the task is woken when it is.
fn is_cancelled(
    token: &CancellationToken,
    mut wait: Pin<&mut Option<WaitForCancellationFutureOwned>>,
    cx: &mut Context<'_>,
) -> bool {
    if wait.is_none() {
        wait.set(Some(token.clone().cancelled_owned()));
    }
    wait.as_pin_mut().is_some_and(|wait| wait.poll(cx).is_ready())
}
