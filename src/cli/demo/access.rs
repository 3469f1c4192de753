//! Who the demo is to its gridgate: the one caller of a policy that is made for it and gone afterwards. Some methods only a
//! policy grants.

use super::stage::StageError;
use crate::identity::NewToken;
use std::path::PathBuf;
use tempfile::TempDir;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// A channel whose calls say that the demo makes them.
pub(super) type Calls = InterceptedService<Channel, Bearer>;

/// The policy's file, for as long as this lives, and what its caller brings.
pub(super) struct Access {
    directory: TempDir,
    bearer: Bearer,
}

/// The demo's token.
#[derive(Debug, Clone)]
pub(super) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl Access {
    /// Writes a policy in which a new token may call every method.
    ///
    /// # Errors
    /// There is no room for it, or the system has no randomness.
    pub(super) fn to_everything() -> Result<Access, StageError> {
        let token = NewToken::generate().map_err(|error| StageError::Access(error.into()))?;
        let directory = tempfile::Builder::new().prefix("gridgate-").tempdir();
        let directory = directory.map_err(|error| StageError::Access(error.into()))?;
        let methods = "\"*/*\", \"gridgate.v1.PlatformService/UpdatePlatformConfig\"";
        let policy = format!("[callers.demo]\ntokens = [\"{}\"]\nmethods = [{methods}]\n", token.hash());
        let text = format!("Bearer {}", token.expose());
        let bearer = MetadataValue::try_from(text).map_err(|error| StageError::Access(error.into()))?;
        let access = Access { directory, bearer: Bearer(bearer) };
        std::fs::write(access.policy_file(), policy).map_err(|error| StageError::Access(error.into()))?;
        Ok(access)
    }

    /// The file of the policy.
    pub(super) fn policy_file(&self) -> PathBuf {
        self.directory.path().join("policy.toml")
    }

    /// Calls by this channel.
    pub(super) fn calls(&self, channel: Channel) -> Calls {
        InterceptedService::new(channel, self.bearer.clone())
    }
}
