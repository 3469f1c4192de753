//! Who makes a call, and whether the policy lets them: asked before the call's body is read.
//!
//! Health checks are open to everyone, since probes have no credentials; reflection is a method like others. A stream of
//! responses ends when the policy is replaced by one that would not let it in. Without a policy every call passes, and has no
//! caller; only methods that a policy has to grant by name are refused.

use super::call::{Admit, Call, NewCall};
use super::methods::MethodKind;
use super::record::{report_denial, write_denial};
use super::revoked::Revocation;
use crate::identity::{Gate, NoGate, Presented};
use crate::rpc::status;
use http::header;
use std::sync::Arc;
use tonic::Status;

/// Lets in whom the policy lets in.
#[derive(Debug, Clone)]
pub struct Identity {
    gate: Option<Arc<Gate>>,
    no_gate: Arc<NoGate>,
}

impl Identity {
    /// With this gate; with none, for everyone.
    #[must_use]
    pub fn new(gate: Option<Arc<Gate>>) -> Self {
        Identity { gate, no_gate: Arc::default() }
    }

    fn without_gate<B>(&self, new: &NewCall<B>) -> Result<(), Status> {
        let Err(denial) = self.no_gate.admit(new.call.method.served()) else { return Ok(()) };
        let (status, presented) = (status::denied(&denial), presented(&new.call));
        if let Some(held_back) = self.no_gate.has_line(&presented) {
            write_denial(&presented, &new.call.method, new.incoming.as_deref(), &denial, &status, held_back);
        }
        Err(status)
    }
}

impl Admit for Identity {
    fn admit<B>(&self, new: &mut NewCall<B>) -> Result<(), Status> {
        let is_health = new.call.method.is_health();
        let judged = match &self.gate {
            _ if is_health => Ok(()),
            Some(gate) => judge(gate, new),
            None => self.without_gate(new),
        };
        // No later layer needs the token; removed, it cannot be logged.
        new.call.request.headers_mut().remove(header::AUTHORIZATION);
        judged?;
        // Calls open to anonymous clients do not raise their connection's priority.
        if let (false, Some(connection)) = (is_health, &new.call.info.connection) {
            connection.priority.raise();
        }
        Ok(())
    }
}

fn presented<B>(call: &Call<B>) -> Presented {
    Presented::of(call.request.headers(), call.info.connection.as_ref().map(|connection| &connection.peer))
}

fn judge<B>(gate: &Arc<Gate>, new: &mut NewCall<B>) -> Result<(), Status> {
    let NewCall { call, incoming, ends, record } = new;
    let presented = presented(call);
    let admitted = gate.admit(&presented, call.method.served()).map_err(|denial| {
        let status = status::denied(&denial);
        report_denial(gate, &presented, &call.method, incoming.as_deref(), &denial, &status);
        status
    })?;
    call.info.caller = Some(admitted.caller.clone());
    if call.method.changes_something() {
        call.info.note = Some(record.audit(admitted.caller.clone(), presented.addr(), incoming.clone()));
    }
    if call.method.kind() == MethodKind::Watch {
        let method = Arc::clone(&call.method);
        let revocation = Revocation::new(Arc::clone(gate), presented, method, incoming.clone(), admitted);
        ends.revocation = Some(Box::new(revocation));
    }
    Ok(())
}
