//! The deadline of a call: what the caller asked for with `grpc-timeout`, or the server's default.
//!
//! It bounds the whole call, its response body included, and is answered with DEADLINE_EXCEEDED; when it passes, the
//! handler is dropped, and with it the call to Grid that it waits for. (tonic's own timeout answers CANCELLED, covers
//! the head of the response only, and ignores a header that it cannot read.) The handler finds it in its
//! `CallInfo`, so that retries stop in time.
//!
//! It also bounds a caller that stops reading. HTTP/2 then no longer polls the body, so the stream is reset shortly after
//! the deadline, however much the caller has read. Only response streams can be without a deadline; such a stream lives
//! until the caller resets it or its connection ends.

use super::call::{Admit, NewCall};
use super::grpc_timeout;
use super::methods::{Method, MethodKind};
use crate::rpc::status;
use std::time::Duration;
use tokio::time::Instant;
use tonic::Status;

/// How long a health check may take: it depends on no other service, and every client may make one.
const HEALTH: Duration = Duration::from_secs(5);
/// How long calls may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// A unary call that brings no deadline.
    pub default: Duration,
    /// An upload (a stream of requests) that brings no deadline.
    pub upload: Duration,
    /// The maximum for both; a longer `grpc-timeout` is reduced to it.
    pub max: Duration,
}

impl Deadlines {
    /// When a call that begins now ends at the latest. `None`: it has no limit, which only streams of responses can
    /// have; they take a caller's deadline as it is.
    fn of(&self, method: &Method, asked: Option<Duration>) -> Option<Instant> {
        let timeout = match method.kind() {
            MethodKind::Read | MethodKind::Change if method.is_health() => asked.unwrap_or(HEALTH).min(HEALTH),
            MethodKind::Read | MethodKind::Change => asked.unwrap_or(self.default).min(self.max),
            MethodKind::Upload => asked.unwrap_or(self.upload).min(self.max),
            MethodKind::Watch => asked?,
        };
        Instant::now().checked_add(timeout)
    }
}

impl Admit for Deadlines {
    fn admit<B>(&self, new: &mut NewCall<B>) -> Result<(), Status> {
        let asked = grpc_timeout::parse(new.call.request.headers());
        let asked = asked.map_err(|malformed| status::malformed_timeout(&malformed))?;
        let deadline = self.of(&new.call.method, asked);
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(status::deadline_exceeded());
        }
        new.call.info.deadline = deadline;
        new.ends.deadline = deadline;
        Ok(())
    }
}
