//! KycEventService: decisions as a stream, as a list, and one customer's current status.

mod deliveries;
mod encode;
mod filter;
mod limits;
mod list;
mod request;
mod resume;
mod stream;

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tonic::{Request, Response, Status};

pub use self::deliveries::Deliveries;
use self::limits::CustomerAccess;
pub use self::stream::WatchConfig;
use super::error::CUSTOMER;
use super::{CallInfo, Error, Resource, Violations, call};
use crate::kyc::id::CustomerId;
use crate::kyc::log::EventLog;
use crate::kyc::lookup::{CurrentStatus, Lookup, LookupError};
use crate::kyc::source::SourceError;
use crate::pb;
use crate::pb::EncodedWatchKycStatusResponse;
use crate::pb::encoded::kyc_event_service_server::KycEventService;

/// The implementation of `gridgate.v1.KycEventService`.
#[derive(Clone)]
pub struct KycEvents {
    log: Arc<EventLog>,
    lookup: Arc<Lookup>,
    watch: WatchConfig,
    deliveries: Option<Deliveries>,
}

impl KycEvents {
    /// Answers from `log`, and asks Grid through `lookup`.
    #[must_use]
    pub fn new(log: Arc<EventLog>, lookup: Arc<Lookup>, watch: WatchConfig) -> Self {
        Self { log, lookup, watch, deliveries: None }
    }

    /// Reports the events that streams deliver.
    #[must_use]
    pub fn observed_by(self, deliveries: Deliveries) -> Self {
        Self { deliveries: Some(deliveries), ..self }
    }
}

#[tonic::async_trait]
impl KycEventService for KycEvents {
    type WatchKycStatusStream = Pin<Box<dyn Stream<Item = Result<EncodedWatchKycStatusResponse, Status>> + Send>>;

    async fn watch_kyc_status(
        &self,
        request: Request<pb::WatchKycStatusRequest>,
    ) -> Result<Response<Self::WatchKycStatusStream>, Status> {
        let limits = limits::of(&request);
        let connection = request
            .extensions()
            .get::<CallInfo>()
            .and_then(|call| call.connection.as_ref())
            .map(|connection| connection.end.clone());
        let watch = request::read(request.into_inner())?;
        limits::check(limits.as_ref(), &watch.scope, &watch.filter)?;
        if watch.until_decided {
            limits::check_until_decided(limits.as_ref())?;
        }
        let stream =
            stream::start(Arc::clone(&self.log), watch, &self.watch, connection, self.deliveries.clone()).await?;
        Ok(Response::new(Box::pin(stream)))
    }

    async fn list_kyc_events(
        &self,
        request: Request<pb::ListKycEventsRequest>,
    ) -> Result<Response<pb::ListKycEventsResponse>, Status> {
        let limits = limits::of(&request);
        Ok(Response::new(list::page(self.log.as_ref(), limits.as_ref(), request.into_inner()).await?))
    }

    async fn get_kyc_status(
        &self,
        request: Request<pb::GetKycStatusRequest>,
    ) -> Result<Response<pb::GetKycStatusResponse>, Status> {
        let (call, limits) = (call::of(&request), limits::of(&request));
        let pb::GetKycStatusRequest { customer_id, max_staleness, at_least } = request.into_inner();
        let mut violations = Violations::default();
        let customer = request::customer_id("customer_id", &customer_id, &mut violations);
        let max_staleness = request::duration("max_staleness", max_staleness, &mut violations);
        let customer = violations.finish(customer)?;
        let access = limits::of_customer(limits.as_ref(), &customer)?;
        let answer = async {
            if !at_least.is_empty() {
                resume::contain(self.log.as_ref(), &at_least).await?;
            }
            self.lookup.status(&customer, max_staleness).await.map_err(|error| lookup_error(error, &customer, access))
        };
        let found = tokio::time::timeout_at(call.deadline(), answer)
            .await
            .map_err(|_elapsed| super::status::deadline_exceeded())??;
        let CurrentStatus { head, mark, as_of } = found;
        if access == CustomerAccess::ByPlatformId {
            limits::of_platform_customer(limits.as_ref(), head.platform_customer.as_ref())?;
        }
        Ok(Response::new(pb::GetKycStatusResponse {
            customer: Some(encode::customer_status(&head)),
            resume_token: resume::token(self.log.lineage().epoch, mark),
            as_of: Some(super::timestamp::to_pb(as_of)),
            confirmed_at: Some(super::timestamp::to_pb(head.confirmed_at())),
        }))
    }
}

fn lookup_error(error: LookupError, customer: &CustomerId, access: CustomerAccess) -> Error {
    match error {
        LookupError::Log(error) => error.into(),
        LookupError::Source(SourceError::NotFound | SourceError::Gone) if access == CustomerAccess::ByPlatformId => {
            limits::not_this_customer()
        }
        LookupError::Source(error) => {
            let about = Box::new(Resource::new(CUSTOMER, customer.as_str()));
            Error::Source { error, about }
        }
    }
}
