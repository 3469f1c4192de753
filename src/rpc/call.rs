//! From a gRPC request to a call of Grid.

use std::time::Duration;

use tokio::time::Instant;

use super::layer::CallInfo;
use crate::grid::Call;

/// What bounds a call where no layer has set a deadline, which is so in unit tests only.
const FALLBACK: Duration = Duration::from_secs(30);

/// The call of Grid that answers `request`: it ends when the caller's deadline does.
pub(super) fn of<T>(request: &tonic::Request<T>) -> Call {
    let deadline = request.extensions().get::<CallInfo>().and_then(|call| call.deadline);
    Call::until(deadline.unwrap_or_else(|| Instant::now() + FALLBACK))
}
