//! KycEventService: decisions as a stream, as a list, and as a question answered at once.

mod encode;
mod filter;
mod limits;
mod list;
mod request;
mod stream;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::customer::CUSTOMER;
use super::{CallInfo, Error, Resource, Violations, call};
use crate::kyc::event::Event;
use crate::kyc::id::{CustomerId, Epoch};
use crate::kyc::log::{EventLog, LogError};
use crate::kyc::lookup::{Found, Lookup, LookupError};
use crate::kyc::source::SourceError;
use crate::kyc::token::{Mark, ResumeToken};
use crate::pb;
use crate::pb::EncodedWatchKycStatusResponse;
use crate::pb::encoded::kyc_event_service_server::KycEventService;

/// How streams are kept.
#[derive(Debug, Clone)]
pub struct WatchConfig {
    /// How old a stream becomes, more or less: the age of each is chosen between this and a tenth less.
    pub max_age: Duration,
    /// A stream ends when this replica has not known the end of the log for so long.
    pub max_lag: Duration,
    /// Cancelled when streams are to say goodbye.
    pub leaving: CancellationToken,
}

/// Hears of what streams say, as they say it. It is called in between, so it must be quick.
pub trait Deliveries: Send + Sync + 'static {
    /// An event is said on the stream that is the current span; `live`: the stream had caught up before.
    fn delivered(&self, event: &Event, live: bool);
}

/// The implementation of `gridgate.v1.KycEventService`.
#[derive(Clone)]
pub struct KycEvents {
    log: Arc<dyn EventLog>,
    lookup: Arc<Lookup>,
    watch: WatchConfig,
    deliveries: Option<Arc<dyn Deliveries>>,
}

impl KycEvents {
    /// Answers from `log`, and asks Grid through `lookup`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, lookup: Arc<Lookup>, watch: WatchConfig) -> Self {
        Self { log, lookup, watch, deliveries: None }
    }

    /// Tells `deliveries` what streams say.
    #[must_use]
    pub fn observed_by(self, deliveries: Arc<dyn Deliveries>) -> Self {
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
        let connection = request.extensions().get::<CallInfo>().and_then(|call| call.connection_end.clone());
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
        let standing = limits::of_customer(limits.as_ref(), &customer)?;
        let answer = async {
            if !at_least.is_empty() {
                contain(self.log.as_ref(), &at_least).await?;
            }
            self.lookup.status(&customer, max_staleness).await.map_err(|error| lookup_error(error, &customer, standing))
        };
        let found = tokio::time::timeout_at(call.deadline(), answer)
            .await
            .map_err(|_elapsed| super::status::deadline_exceeded())??;
        let Found { head, mark, as_of } = found;
        if standing == limits::Standing::ByPlatformId {
            limits::of_platform_customer(limits.as_ref(), head.platform_customer.as_ref())?;
        }
        Ok(Response::new(pb::GetKycStatusResponse {
            customer: Some(encode::customer_status(&head)),
            resume_token: token(self.log.lineage().epoch, mark),
            as_of: Some(super::timestamp::to_pb(as_of)),
            confirmed_at: Some(super::timestamp::to_pb(head.confirmed_at())),
        }))
    }
}

fn lookup_error(error: LookupError, customer: &CustomerId, standing: limits::Standing) -> Error {
    match error {
        LookupError::Log(error) => error.into(),
        LookupError::Source(SourceError::NotFound | SourceError::Gone)
            if standing == limits::Standing::ByPlatformId =>
        {
            limits::not_this_customer()
        }
        LookupError::Source(error) => {
            let about = Box::new(Resource::new(CUSTOMER, customer.as_str()));
            Error::Source { error, about }
        }
    }
}

/// The text of a token for a place in this log.
fn token(epoch: Epoch, mark: Mark) -> String {
    ResumeToken::After { epoch, mark }.encode()
}

/// Reads a token and waits until this replica has come as far. A token of an unfinished snapshot is of no place yet.
async fn admit(log: &dyn EventLog, text: &str) -> Result<Mark, Error> {
    match ResumeToken::parse(text)? {
        ResumeToken::After { epoch, mark } => {
            log.admit(epoch, mark).await.map_err(|error| log_error(log, error))?;
            Ok(mark)
        }
        ResumeToken::Snapshot { epoch } if log.lineage().includes(epoch, Mark::START.position) => Ok(Mark::START),
        ResumeToken::Snapshot { epoch: _ } => Err(LogError::Foreign.into()),
    }
}

/// Waits until this replica knows everything up to a token. What is no longer kept was known once, and its outcome still is.
async fn contain(log: &dyn EventLog, text: &str) -> Result<(), Error> {
    match admit(log, text).await {
        Ok(_) | Err(Error::Expired { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// An error of the log, with the oldest token that works where the place asked for is no longer there.
fn log_error(log: &dyn EventLog, error: LogError) -> Error {
    match error {
        LogError::Expired { oldest } => Error::Expired { oldest_resume_token: token(log.lineage().epoch, oldest) },
        LogError::Unavailable { .. }
        | LogError::Full
        | LogError::Closed
        | LogError::Corrupt { .. }
        | LogError::Foreign => error.into(),
    }
}
