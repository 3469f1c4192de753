//! ListKycEvents: pages of the log.

use jiff::Timestamp;

use super::filter::{self, Filter};
use super::resume::{admit, log_error, token};
use super::{encode, limits, request};
use crate::grid::model::Time;
use crate::identity::WatchLimits;
use crate::kyc::id::Scope;
use crate::kyc::log::{EventLog, LogError, Page};
use crate::kyc::token::{Mark, ResumeToken};
use crate::pb;
use crate::rpc::{Error, Violations, page, timestamp};

/// The most events read from the log at once. Reads grow until one fills the page.
const READ: usize = 1000;
/// The most reads for one page; a page that is still not full then is short, and not the last.
const MAX_READS: usize = 20;
/// A list ends after this many events in a row that were recorded later than asked for.
const BEYOND: usize = 1000;

/// A checked request.
struct Query {
    scope: Scope,
    filter: Filter,
    recorded_before: Option<Timestamp>,
    limit: usize,
    /// Whether this is the first page: the caller has not seen any event yet.
    is_first: bool,
}

pub(super) async fn page(
    log: &EventLog,
    limits: Option<&WatchLimits>,
    request: pb::ListKycEventsRequest,
) -> Result<pb::ListKycEventsResponse, Error> {
    let pb::ListKycEventsRequest {
        page_size,
        page_token,
        customer_ids,
        platform_customer_ids,
        kinds,
        statuses,
        verification_statuses,
        outcomes,
        recorded_after,
        recorded_before,
    } = request;
    let mut violations = Violations::default();
    let limit = page::request(page_size, String::new(), &mut violations).limit;
    let scope = request::scope(&customer_ids, &platform_customer_ids, &mut violations);
    let outcomes = filter::outcomes(outcomes, &mut violations);
    let filter = Filter::read(kinds, statuses, verification_statuses, &mut violations).only_outcomes(outcomes);
    let recorded_after = timestamp::from_pb("recorded_after", recorded_after, &mut violations).map(Time::clamped);
    let recorded_before = timestamp::from_pb("recorded_before", recorded_before, &mut violations).map(Time::clamped);
    violations.check()?;
    limits::check(limits, &scope, &filter)?;
    let start = start(log, &page_token, recorded_after).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    read(log, start, &Query { scope, filter, recorded_before, limit, is_first: page_token.is_empty() }).await
}

async fn start(log: &EventLog, page_token: &str, recorded_after: Option<Timestamp>) -> Result<Mark, Error> {
    if !page_token.is_empty() {
        return match ResumeToken::parse(page_token)? {
            ResumeToken::After { .. } => admit(log, page_token).await,
            ResumeToken::Snapshot { epoch: _ } => Err(Violations::of("page_token", "is of a snapshot, not of a list")),
        };
    }
    let Some(time) = recorded_after else { return Ok(log.bounds().await?.oldest) };
    match log.mark_at(time).await {
        // A list of a time before the oldest event begins with that event.
        Err(LogError::Expired { oldest }) => Ok(oldest),
        found => Ok(found?),
    }
}

async fn read(log: &EventLog, start: Mark, query: &Query) -> Result<pb::ListKycEventsResponse, Error> {
    let epoch = log.lineage().epoch;
    let (mut events, mut considered) = (Vec::new(), start);
    let mut limit = query.limit;
    let (mut beyond, now) = (0, log.basis().at);
    for _ in 0..MAX_READS {
        let page = match log.read(considered.position, &query.scope, limit).await {
            // Retention deleted the oldest events since `start` was read. The list begins with what is left.
            Err(LogError::Expired { oldest }) if query.is_first && events.is_empty() => {
                considered = oldest;
                continue;
            }
            page => page.map_err(|error| log_error(log, error))?,
        };
        let Page { events: found, considered: to, at_end } = page;
        limit = limit.saturating_mul(4).min(READ);
        let mut found = found.into_iter().peekable();
        while let Some(event) = found.next() {
            if query.recorded_before.is_some_and(|before| event.recorded_at > before) {
                // Events recorded while the clock was ahead may be followed by wanted ones.
                beyond += usize::from(event.recorded_at <= now);
                if beyond > BEYOND {
                    return Ok(pb::ListKycEventsResponse { events, next_page_token: String::new() });
                }
                continue;
            }
            beyond = 0;
            if query.filter.wants(&event) {
                events.push(encode::kyc_event(epoch, &event));
                if events.len() == query.limit {
                    let is_last = at_end && found.peek().is_none();
                    let next_page_token = if is_last { String::new() } else { token(epoch, event.mark()) };
                    return Ok(pb::ListKycEventsResponse { events, next_page_token });
                }
            }
        }
        considered = to;
        if at_end {
            return Ok(pb::ListKycEventsResponse { events, next_page_token: String::new() });
        }
    }
    Ok(pb::ListKycEventsResponse { events, next_page_token: token(epoch, considered) })
}
