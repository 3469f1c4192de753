//! Requests, shortly put.

use gridgate::pb;
use gridgate::pb::watch_kyc_status_request::Start;
use jiff::Timestamp;

pub type Request = pb::WatchKycStatusRequest;

pub fn from_now() -> Request {
    Request::default()
}

pub fn from_earliest() -> Request {
    Request { start: Some(Start::StartPosition(pb::WatchStart::Earliest.into())), ..Request::default() }
}

pub fn from_token(token: &str) -> Request {
    from_now().resumed(token)
}

pub fn from_time(time: Timestamp) -> Request {
    Request { start: Some(Start::StartTime(timestamp(time))), ..Request::default() }
}

pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

pub fn snapshot() -> Request {
    Request { with_snapshot: true, ..Request::default() }
}

/// Changes of a request.
pub trait Asking {
    /// The same request of a reconnection.
    fn resumed(self, token: &str) -> Self;
    /// Only these customers.
    fn of(self, customers: &[&str]) -> Self;
    /// Only these customers, by the platform's ids.
    fn of_platform(self, customers: &[&str]) -> Self;
    /// Ends when all are decided.
    fn until_decided(self) -> Self;
    /// A heartbeat each second, the least there is.
    fn with_quick_heartbeats(self) -> Self;
}

impl Asking for Request {
    fn resumed(self, token: &str) -> Self {
        Request { start: Some(Start::ResumeToken(token.to_owned())), ..self }
    }

    fn of(self, customers: &[&str]) -> Self {
        Request { customer_ids: customers.iter().map(|name| format!("Customer:{name}")).collect(), ..self }
    }

    fn of_platform(self, customers: &[&str]) -> Self {
        Request { platform_customer_ids: customers.iter().map(|&name| name.to_owned()).collect(), ..self }
    }

    fn until_decided(self) -> Self {
        Request { until_decided: true, ..self }
    }

    fn with_quick_heartbeats(self) -> Self {
        Request { heartbeat_interval: Some(prost_types::Duration { seconds: 0, nanos: 1 }), ..self }
    }
}
