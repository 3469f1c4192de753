//! Finds the customer that is there already, when Grid says that there is one.
//!
//! Grid's error does not name that customer, and callers want its id. So it is looked up once, by a value that only one
//! customer should have. The call ends with Grid's error in any case.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::grid::model::{Customer, CustomerInput};
use crate::grid::{self, Call, Client, CustomerFilter, Operation, PageRequest, ResourceId};
use crate::rpc::Error;
use crate::rpc::error::{CUSTOMER, Resource};

/// The longest search, as the caller waits for its error; never more than half of the time that the call has left.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most candidates that an error lists.
const ROWS: PageRequest = PageRequest { limit: 10, cursor: None };

/// What a request asks for that another customer may have.
#[derive(Debug, Default)]
pub(super) struct Claims {
    platform_customer_id: Option<String>,
    uma_address: Option<String>,
}

impl Claims {
    /// Those of a request. Without an id of the platform's own, `request_id` is the customer's.
    pub(super) fn of(input: &CustomerInput, request_id: Option<Uuid>) -> Self {
        Self {
            platform_customer_id: input.platform_customer_id.clone().or(request_id.map(|id| id.to_string())),
            uma_address: input.profile.uma_address.clone(),
        }
    }

    /// Adds the conflicting customer to the error of a request about the customer `about`, if Grid reports a conflict.
    pub(super) async fn explain(
        self,
        grid: &Client,
        call: &Call,
        error: grid::Error,
        about: Option<Box<Resource>>,
    ) -> Error {
        let grid::Error::Answered(refusal) = &error else { return Error::Grid { error, about } };
        let what = match (refusal.status, refusal.code.as_deref()) {
            (409, Some("CONFLICT")) if refusal.operation == Operation::CreateCustomer => "platform_customer_id",
            (409, Some("UMA_ADDRESS_EXISTS")) => "uma_address",
            _ => return Error::Grid { error, about },
        };
        let filter = match what {
            "uma_address" => CustomerFilter { uma_address: self.uma_address, ..CustomerFilter::default() },
            _ => CustomerFilter { platform_customer_id: self.platform_customer_id, ..CustomerFilter::default() },
        };
        let found = look_for(grid, call, &filter).await;
        Error::Grid { error, about: Some(Box::new(in_the_way(what, found))) }
    }
}

/// The customers that have what another one asks for.
#[derive(Default)]
struct Found {
    /// The ids of those that were seen, as far as they can be ids.
    ids: Vec<String>,
    count: u64,
    /// Whether there are no others.
    is_whole: bool,
}

/// The customers that match; `None`: the look-up at Grid failed.
async fn look_for(grid: &Client, call: &Call, filter: &CustomerFilter) -> Option<Found> {
    let CustomerFilter { platform_customer_id, uma_address, .. } = filter;
    let is_one = |customer: &Customer| {
        let same_id = platform_customer_id.as_ref().is_some_and(|id| customer.platform_customer_id == *id);
        let same = |wanted: &String, has: &String| wanted.eq_ignore_ascii_case(has);
        let same_address =
            uma_address.as_ref().zip(customer.profile.uma_address.as_ref()).is_some_and(|(a, b)| same(a, b));
        // A deleted customer does not conflict.
        (same_id || same_address) && customer.is_deleted != Some(Some(true))
    };
    let until = Instant::now() + PATIENCE.min(call.remaining() / 2);
    let page = grid.list_customers(&Call::until(until).once(), filter, &ROWS).await;
    let page = page.inspect_err(|error| tracing::debug!(%error, "the customer that is there was not found")).ok()?;
    let rows = page.data.len();
    let ones: Vec<_> = page.data.into_iter().filter(is_one).map(|customer| customer.id).collect();
    let seen = u64::try_from(ones.len()).unwrap_or(u64::MAX);
    // Grid's own count is of these only where each row is one of them.
    let is_each_one = ones.len() == rows && page.unreadable_rows.is_empty();
    let counted = page.total_count.filter(|total| is_each_one && page.has_more && *total > seen);
    let is_whole = counted.is_some() || (!page.has_more && page.unreadable_rows.is_empty());
    let ids = ones.into_iter().filter(|id| ResourceId::parse(id).is_ok()).collect();
    Some(Found { ids, count: counted.unwrap_or(seen), is_whole })
}

fn in_the_way(what: &str, found: Option<Found>) -> Resource {
    let Found { ids, count, is_whole } = found.unwrap_or_default();
    let (name, description) = match (ids.as_slice(), count, is_whole) {
        ([only], 1, true) => (only.clone(), format!("this customer has that {what}")),
        ([], ..) => (String::new(), format!("a customer has that {what}; which one is not known")),
        (_, count, true) => (String::new(), format!("{count} customers have that {what}")),
        (_, 1, false) => (String::new(), format!("at least one customer has that {what}")),
        (_, count, false) => (String::new(), format!("at least {count} customers have that {what}")),
    };
    let candidates = if name.is_empty() { ids } else { Vec::new() };
    Resource { resource_type: CUSTOMER, name, description, candidates, ..Resource::default() }
}
