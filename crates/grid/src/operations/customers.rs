//! Customers, but for their creation; and the links that let them verify themselves.

use reqwest::StatusCode;
use reqwest::header::{HeaderName, HeaderValue};
use uuid::Uuid;

use crate::client::{Call, Client, Request};
use crate::model::{
    Agreements, Customer, CustomerInput, EndUserTerms, KycLink, KycLinkRequest, Page, SignedRequestChallenge,
};
use crate::{CustomerFilter, Error, Operation, PageRequest, ResourceId};

const GRID_WALLET_SIGNATURE: HeaderName = HeaderName::from_static("grid-wallet-signature");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The second step of a change that a customer's wallet has to sign.
///
/// Both parts become headers, so they are header values already: a caller's text that can't be one is refused before
/// it gets here. Debug shows neither.
#[derive(Clone)]
pub struct SignedRetry {
    /// The challenge's `requestId` (`Request-Id`).
    pub challenge_id: HeaderValue,
    /// The stamp over `payloadToSign` (`Grid-Wallet-Signature`).
    pub wallet_signature: HeaderValue,
}

impl std::fmt::Debug for SignedRetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedRetry").finish_non_exhaustive()
    }
}

/// What a change of a customer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// Done (200).
    Updated(Box<Customer>),
    /// The customer's wallet has to sign this first (202).
    Challenge(SignedRequestChallenge),
}

impl Client {
    /// Reads a customer (`GET /customers/{id}`). A deleted one is answered too, with `is_deleted`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get_customer(&self, call: &Call, id: &ResourceId) -> Result<Customer, Error> {
        self.json(call, Request::new(Operation::GetCustomer, Some(id))).await
    }

    /// Reads a page of customers (`GET /customers`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_customers(
        &self,
        call: &Call,
        filter: &CustomerFilter,
        page: &PageRequest,
    ) -> Result<Page<Customer>, Error> {
        let mut query = filter.to_query();
        page.append_to(&mut query);
        let listed: Page<_> = self.json(call, Request::new(Operation::ListCustomers, None).query(query)).await?;
        Ok(listed.after(page.cursor.as_deref()))
    }

    /// Changes a customer (`PATCH /customers/{id}`), or makes the signed second step of a change.
    ///
    /// Without a signature it is repeated where its outcome is lost; with one it is sent once.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn update_customer(
        &self,
        call: &Call,
        id: &ResourceId,
        changes: &CustomerInput,
        signed: Option<SignedRetry>,
    ) -> Result<UpdateOutcome, Error> {
        let request = match signed {
            None => Request::new(Operation::UpdateCustomer, Some(id)),
            Some(SignedRetry { challenge_id, wallet_signature }) => {
                Request::new(Operation::UpdateCustomerSigned, Some(id))
                    .header(REQUEST_ID, challenge_id)
                    .header(GRID_WALLET_SIGNATURE, wallet_signature)
            }
        };
        self.send(call, request.json(changes), |answer| {
            if answer.status() == StatusCode::ACCEPTED {
                answer.json().map(UpdateOutcome::Challenge)
            } else {
                answer.json().map(|customer| UpdateOutcome::Updated(Box::new(customer)))
            }
        })
        .await
    }

    /// Deletes a customer (`DELETE /customers/{id}`), and answers it as it was.
    ///
    /// Where the first try's answer is lost and a repetition is answered 404 or 410, the customer is gone, as was
    /// asked for: that is a success. Where no customer is answered, it is read once more. `None` is a success whose
    /// customer Grid no longer shows.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_customer(&self, call: &Call, id: &ResourceId) -> Result<Option<Box<Customer>>, Error> {
        let request = Request::new(Operation::DeleteCustomer, Some(id));
        let deleted = self.send_deletion(call, request, |answer| Ok(answer.json().ok())).await?;
        match deleted.flatten() {
            Some(customer) => Ok(Some(Box::new(customer))),
            None => Ok(self.get_customer(call, id).await.ok().map(Box::new)),
        }
    }

    /// Makes a single-use link to the hosted verification (`POST /customers/{id}/kyc-link`).
    ///
    /// `idempotency_key` is sent as `Idempotency-Key`: Grid answers the same key with the same link, so a lost answer
    /// is asked for again.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_kyc_link(
        &self,
        call: &Call,
        id: &ResourceId,
        request: &KycLinkRequest,
        idempotency_key: Uuid,
    ) -> Result<KycLink, Error> {
        let mut request = Request::new(Operation::CreateKycLink, Some(id)).json(request);
        // A UUID's digits and hyphens always make a header value.
        if let Ok(key) = HeaderValue::from_str(&idempotency_key.to_string()) {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        self.json(call, request).await
    }

    /// Reads the agreements that Grid supports (`GET /customers/agreements`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_agreements(&self, call: &Call) -> Result<Agreements, Error> {
        self.json(call, Request::new(Operation::ListAgreements, None)).await
    }

    /// Reads the End User Terms in force (`GET /customers/end-user-terms`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get_end_user_terms(&self, call: &Call) -> Result<EndUserTerms, Error> {
        self.json(call, Request::new(Operation::GetEndUserTerms, None)).await
    }
}
