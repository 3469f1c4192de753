//! Reads and checks the requests of the service.

use std::time::Duration;

use jiff::Timestamp;

use super::filter::Filter;
use crate::kyc::event::Outcome;
use crate::kyc::id::{CustomerId, PlatformCustomerId, Scope};
use crate::pb;
use crate::rpc::{Error, Violations, timestamp};

/// The default time between heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The shortest and the longest time between heartbeats.
const HEARTBEATS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5 * 60));
/// How many customers one request may name.
const MAX_IDS: usize = 1000;

/// A request for a stream.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) scope: Scope,
    pub(super) filter: Filter,
    pub(super) start: Start,
    pub(super) with_snapshot: bool,
    pub(super) until_decided: bool,
    pub(super) heartbeat: Duration,
}

/// Where a stream starts.
#[derive(Debug)]
pub(super) enum Start {
    Token(String),
    Time(Timestamp),
    Earliest,
    Now,
}

pub(super) fn read(request: pb::WatchKycStatusRequest) -> Result<Watch, Error> {
    let pb::WatchKycStatusRequest {
        customer_ids,
        platform_customer_ids,
        kinds,
        statuses,
        verification_statuses,
        start,
        with_snapshot,
        until_decided,
        include_all,
        heartbeat_interval,
    } = request;
    let mut violations = Violations::default();
    if until_decided && customer_ids.is_empty() {
        violations.add("customer_ids", "is required with until_decided");
    }
    if until_decided && !platform_customer_ids.is_empty() {
        violations.add("platform_customer_ids", "must be empty with until_decided");
    }
    let scope = scope(&customer_ids, &platform_customer_ids, &mut violations);
    let filter = Filter::read(kinds, statuses, verification_statuses, &mut violations);
    let filter = if include_all { filter } else { filter.only_outcomes(vec![Outcome::Change]) };
    let start = read_start(start, with_snapshot, &mut violations);
    let heartbeat = duration("heartbeat_interval", heartbeat_interval, &mut violations)
        .map_or(HEARTBEAT, |asked| asked.clamp(HEARTBEATS.0, HEARTBEATS.1));
    violations.check()?;
    Ok(Watch { scope, filter, start, with_snapshot, until_decided, heartbeat })
}

fn read_start(
    start: Option<pb::watch_kyc_status_request::Start>,
    with_snapshot: bool,
    violations: &mut Violations,
) -> Start {
    use pb::watch_kyc_status_request::Start as Pb;
    match start {
        Some(Pb::ResumeToken(text)) => Start::Token(text),
        Some(Pb::StartTime(time)) => {
            if with_snapshot {
                violations.add("with_snapshot", "does not go with start_time");
            }
            timestamp::from_pb("start_time", Some(time), violations)
                .map_or(Start::Now, |time| Start::Time(time.clamped()))
        }
        Some(Pb::StartPosition(number)) => match pb::WatchStart::try_from(number) {
            Ok(pb::WatchStart::Earliest) => {
                if with_snapshot {
                    violations.add("with_snapshot", "does not go with the start EARLIEST");
                }
                Start::Earliest
            }
            Ok(pb::WatchStart::Now | pb::WatchStart::Unspecified) => Start::Now,
            Err(_) => {
                violations.add("start_position", "is not a value of this enum");
                Start::Now
            }
        },
        None => Start::Now,
    }
}

/// Reads the two lists of ids.
pub(super) fn scope(customer_ids: &[String], platform_customer_ids: &[String], violations: &mut Violations) -> Scope {
    if customer_ids.len() + platform_customer_ids.len() > MAX_IDS {
        violations.add("customer_ids", format!("has more than {MAX_IDS} ids, together with platform_customer_ids"));
        return Scope::ALL;
    }
    let mut scope = Scope::ALL;
    for (index, id) in customer_ids.iter().enumerate() {
        scope.customers.extend(customer_id(&format!("customer_ids[{index}]"), id, violations));
    }
    for (index, id) in platform_customer_ids.iter().enumerate() {
        match PlatformCustomerId::parse(id) {
            Ok(id) => scope.platform_customers.push(id),
            Err(invalid) => violations.add(format!("platform_customer_ids[{index}]"), invalid.to_string()),
        }
    }
    dedup::<CustomerId>(&mut scope.customers);
    dedup::<PlatformCustomerId>(&mut scope.platform_customers);
    scope
}

fn dedup<T: Ord>(ids: &mut Vec<T>) {
    ids.sort_unstable();
    ids.dedup();
}

/// Reads Grid's id of a customer, which has to fit into one segment of a path.
pub(super) fn customer_id(field: &str, text: &str, violations: &mut Violations) -> Option<CustomerId> {
    let id = violations.id(field, text)?;
    match CustomerId::parse(id.as_str()) {
        Ok(id) => Some(id),
        Err(invalid) => {
            violations.add(field, invalid.to_string());
            None
        }
    }
}

/// Reads a duration, which must not be negative.
pub(super) fn duration(
    field: &str,
    duration: Option<prost_types::Duration>,
    violations: &mut Violations,
) -> Option<Duration> {
    let read = Duration::try_from(duration?);
    if read.is_err() {
        violations.add(field, "must not be negative");
    }
    read.ok()
}
