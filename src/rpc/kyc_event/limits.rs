//! Which events a caller may see, by the policy.
//!
//! A request for more is refused. Nothing is left out silently: a caller gets all that its request asks for, or an error.

use super::filter::Filter;
use crate::identity::{Caller, WatchKind, WatchLimits};
use crate::kyc::id::{CustomerId, PlatformCustomerId};
use crate::kyc::log::Scope;
use crate::rpc::{CallInfo, Error};

/// The caller's limits; none without a policy.
pub(super) fn of<T>(request: &tonic::Request<T>) -> Option<WatchLimits> {
    request.extensions().get::<CallInfo>()?.caller.as_ref().and_then(Caller::limits).cloned()
}

/// Checks the scope and filter of a stream or a list.
pub(super) fn check(limits: Option<&WatchLimits>, scope: &Scope, filter: &Filter) -> Result<(), Error> {
    let Some(limits) = limits else { return Ok(()) };
    for (kind, wanted, word) in [
        (WatchKind::CustomerStatus, filter.wants_customers(), "KYC_EVENT_KIND_CUSTOMER_STATUS"),
        (WatchKind::Verification, filter.wants_verifications(), "KYC_EVENT_KIND_VERIFICATION"),
    ] {
        if wanted && !limits.allows_kind(kind) {
            return Err(refused("kinds", format!("must be set and leave out {word}, which this caller may not see")));
        }
    }
    if scope.is_all() && !limits.allows_everyone() {
        let ids = if limits.customer_ids.is_empty() { "platform_customer_ids" } else { "customer_ids" };
        return Err(refused(ids, "must name the customers: this caller may not see all of them"));
    }
    if scope.customers.iter().any(|id| !limits.allows_customer(id.as_str())) {
        return Err(refused("customer_ids", "names a customer that this caller may not see"));
    }
    if scope.platform_customers.iter().any(|id| !limits.allows_platform_customer(id.as_str())) {
        return Err(refused("platform_customer_ids", "names a customer that this caller may not see"));
    }
    Ok(())
}

/// Checks that the caller may see decisions on customers, since `until_decided` reveals them regardless of the kinds.
pub(super) fn check_until_decided(limits: Option<&WatchLimits>) -> Result<(), Error> {
    match limits {
        Some(limits) if !limits.allows_kind(WatchKind::CustomerStatus) => {
            Err(refused("until_decided", "tells of statuses that this caller may not see"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a caller may see the customer of a GetKycStatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CustomerAccess {
    /// It may.
    Allowed,
    /// It may if the customer's platform id is allowed, which is not known yet.
    ByPlatformId,
}

/// Checks a customer by Grid's id. An error: the caller may not see it, regardless of its platform id.
pub(super) fn of_customer(limits: Option<&WatchLimits>, id: &CustomerId) -> Result<CustomerAccess, Error> {
    let Some(limits) = limits else { return Ok(CustomerAccess::Allowed) };
    if !limits.allows_kind(WatchKind::CustomerStatus) {
        return Err(refused("customer_id", "is of a customer, whose status this caller may not see"));
    }
    if limits.allows_customer(id.as_str()) {
        Ok(CustomerAccess::Allowed)
    } else if limits.platform_customer_ids.is_empty() {
        Err(not_this_customer())
    } else {
        Ok(CustomerAccess::ByPlatformId)
    }
}

/// Checks a customer by the platform's id, once that is known.
pub(super) fn of_platform_customer(limits: Option<&WatchLimits>, id: Option<&PlatformCustomerId>) -> Result<(), Error> {
    match (limits, id) {
        (None, _) => Ok(()),
        (Some(limits), Some(id)) if limits.allows_platform_customer(id.as_str()) => Ok(()),
        (Some(_), Some(_) | None) => Err(not_this_customer()),
    }
}

/// Also for a customer that does not exist: this caller may not learn whether it does.
pub(super) fn not_this_customer() -> Error {
    refused("customer_id", "is of a customer that this caller may not see")
}

fn refused(filter: &'static str, description: impl Into<String>) -> Error {
    Error::NotWatchable { filter, description: description.into() }
}
