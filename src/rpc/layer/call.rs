//! A call on its way through the layers.

use super::ends::Ends;
use super::methods::Method;
use super::record::Record;
use crate::identity::Caller;
use crate::identity::audit::Note;
use crate::telemetry::context::Incoming;
use crate::transport::ConnectionInfo;
use http::Request;
use std::sync::Arc;
use tokio::time::Instant;
use tonic::Status;

/// A call's metadata for its handler. Every request that reaches a handler has it as an extension.
#[derive(Debug, Clone, Default)]
pub struct CallInfo {
    /// When the call ends at the latest; `None` for a stream of responses whose caller set no limit.
    pub deadline: Option<Instant>,
    /// Who calls, where there is a policy.
    pub caller: Option<Caller>,
    /// Where the handler notes what it changes, where the call has an audit line.
    pub note: Option<Note>,
    /// The connection that it came over.
    pub connection: Option<Arc<ConnectionInfo>>,
}

/// A call: its request, and what the layers found out about it.
#[derive(Debug)]
pub struct Call<B> {
    /// The request as it came, without credentials.
    pub request: Request<B>,
    /// The method that it names.
    pub method: Arc<Method>,
    /// The metadata for the handler.
    pub info: CallInfo,
}

impl<B> Call<B> {
    pub(super) fn map_body<C>(self, body: impl FnOnce(B) -> C) -> Call<C> {
        let Call { request, method, info } = self;
        Call { request: request.map(body), method, info }
    }
}

/// A call whose head is being looked at, with what it will carry to the end of its response.
pub struct NewCall<B> {
    pub(super) call: Call<B>,
    /// The trace that it came with.
    pub(super) incoming: Option<Arc<Incoming>>,
    pub(super) ends: Ends,
    pub(super) record: Record,
}

/// A step that lets a call pass or refuses it, by its head alone.
pub trait Admit: Clone {
    /// Looks at a call.
    ///
    /// # Errors
    /// The status that refuses it.
    fn admit<B>(&self, new: &mut NewCall<B>) -> Result<(), Status>;
}
