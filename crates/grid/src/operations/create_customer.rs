//! Creates a customer: one call creates one customer, also across retries and lost responses.
//!
//! Grid documents no idempotency key here, so the `POST` is sent once (but for what certainly did not act: a request
//! that never left, or a 429). Where its outcome is not known, the customer is looked for by its `platformCustomerId`,
//! which every creation has: the platform's, the caller's `request_id`, or one made up here.
//!
//! A lookup that finds nothing does not lead to a second `POST`. A request whose answer is lost, or that a gateway gave
//! up on, may still be under way inside Grid and land later; and `platformCustomerId` alone does not keep a second one
//! out, since customers with different UMA addresses can share it. Such a call ends as `OutcomeUnknown`, and trying
//! again with the same `request_id` is safe: it conflicts with the first, and finds it.

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use super::created_customer::{Found, Sought, Uniqueness};
use crate::client::{Answer, Call, Client, History, Request, backoff};
use crate::model::{Customer, CustomerInput, Page};
use crate::{CustomerFilter, Error, Operation, PageRequest};

/// What a creation is known by, where the customer has no `platform_customer_id` of the platform's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateKey {
    /// The caller's `request_id`: the same one again means the same customer.
    RequestId(Uuid),
    /// One made up for this call.
    Generated,
}

/// How often a customer is looked for: a creation that a gateway gave up on may take a while to show.
const LOOKUPS_AFTER_UNKNOWN: u32 = 6;

/// After a conflict the customer exists; a second look is for a list that lags.
const LOOKUPS_AFTER_CONFLICT: u32 = 2;

/// Rows asked for in a lookup. More customers than that under one id can't be told apart anyway.
const LOOKUP_PAGE: PageRequest = PageRequest { limit: 100, cursor: None };

impl Client {
    /// Creates a customer (`POST /customers`).
    ///
    /// Without a `platform_customer_id`, `key` becomes it; with one, `key` has no effect. A creation whose outcome is
    /// lost, or that conflicts with an earlier one under the same `request_id`, is looked up, and the customer that was
    /// made is the answer.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] where the request was sent and the customer could not be found; otherwise see [`Error`].
    pub async fn create_customer(
        &self,
        call: &Call,
        mut customer: CustomerInput,
        key: CreateKey,
    ) -> Result<Customer, Error> {
        let (platform_customer_id, uniqueness) = match (customer.platform_customer_id.take(), key) {
            (Some(id), _) => (id, Uniqueness::Shared),
            (None, CreateKey::RequestId(id)) => (id.to_string(), Uniqueness::Repeated),
            (None, CreateKey::Generated) => (Uuid::new_v4().to_string(), Uniqueness::Fresh),
        };
        customer.platform_customer_id = Some(platform_customer_id.clone());
        let mut history = History::default();
        let request = Request::new(Operation::CreateCustomer, None).json(&customer);
        let error = match self.execute(call, request, &mut history, Answer::json).await {
            Ok(created) => return Ok(created),
            Err(error) => error,
        };
        let (lookups, outcome_is_known) = match &error {
            Error::OutcomeUnknown { .. } => (LOOKUPS_AFTER_UNKNOWN, false),
            Error::Answered(refusal) if refusal.status == 409 && uniqueness != Uniqueness::Shared => {
                (LOOKUPS_AFTER_CONFLICT, true)
            }
            _ => return Err(error),
        };
        let sent_at = history.sent_at.unwrap_or_else(Instant::now);
        let sought = Sought { platform_customer_id, uniqueness, customer: &customer };
        tracing::info!(platform_customer_id = sought.platform_customer_id, cause = %error, "looking for the customer");
        match self.look_for(call, &sought, sent_at, lookups).await {
            Ok(Some(customer)) => Ok(*customer),
            // Refused, and whether because of our own earlier try can't be told: this call did nothing, as the lookup's
            // own error says.
            Err(lookup_error) if outcome_is_known => Err(lookup_error),
            Err(Error::DeadlineExceeded { .. }) => {
                Err(Error::DeadlineExceeded { operation: Operation::CreateCustomer, may_have_acted: true })
            }
            Ok(None) | Err(_) => Err(error),
        }
    }

    /// Looks for a customer that a request sent at `sent_at` may have made; again after a while where there is none.
    async fn look_for(
        &self,
        call: &Call,
        sought: &Sought<'_>,
        sent_at: Instant,
        lookups: u32,
    ) -> Result<Option<Box<Customer>>, Error> {
        let filter = CustomerFilter {
            platform_customer_id: Some(sought.platform_customer_id.clone()),
            ..CustomerFilter::default()
        };
        for lookup in 0..lookups {
            if lookup > 0 {
                let delay = backoff(self.retry_config(), lookup);
                if delay >= call.remaining() {
                    return Ok(None);
                }
                tokio::time::sleep(delay).await;
            }
            let mut history = History::default();
            let mut query = filter.to_query();
            LOOKUP_PAGE.append_to(&mut query);
            let request = Request::new(Operation::ListCustomers, None).query(query);
            let page: Page<Customer> = self.execute(call, request, &mut history, Answer::json).await?;
            let now = history.grid_time.unwrap_or_else(Timestamp::now);
            match sought.among(page, now, sent_at.elapsed()) {
                Found::One(customer) => return Ok(Some(customer)),
                Found::Several => return Ok(None),
                Found::NoneYet => {}
            }
        }
        Ok(None)
    }
}
