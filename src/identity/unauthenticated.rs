//! The rate limit of calls without valid credentials, by address: how often they get a full answer, and how often the log
//! warns of them.
//!
//! Memory is bounded: of more addresses than there is room for, it forgets those that were quiet longest. A call with valid
//! credentials is never limited here, so no client can lock out another, not even behind the same proxy.

use super::bucket::{Bucket, Rate};
use hashlink::LruCache;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses remembered at once.
const ADDRESSES: usize = 4096;
/// The rate of failures that get a full answer. Further ones are answered with the rate limit's error.
const FAILURES: Rate = Rate { per_second: 10, burst: 200 };
/// The rate of log lines about untrusted headers.
const WARNINGS: Rate = Rate { per_second: 1, burst: 10 };

/// The addresses that such calls came from.
#[derive(Debug)]
pub(super) struct UnauthenticatedLimit {
    /// Guards all buckets; held to read one entry.
    known: Mutex<LruCache<Option<IpAddr>, Address>>,
}

#[derive(Debug)]
struct Address {
    failures: Bucket,
    warnings: Bucket,
}

impl UnauthenticatedLimit {
    pub(super) fn new() -> Self {
        UnauthenticatedLimit { known: Mutex::new(LruCache::new(ADDRESSES)) }
    }

    /// Counts a call without valid credentials.
    ///
    /// # Errors
    /// The address exceeded its rate; the error is the time until the next such call gets a full answer.
    pub(super) fn failed(&self, addr: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        self.with(addr, now, |address| address.failures.take(now))
    }

    /// Whether to warn of a header from this address that is not trusted.
    pub(super) fn may_warn(&self, addr: Option<IpAddr>, now: Instant) -> bool {
        self.with(addr, now, |address| address.warnings.take(now).is_ok())
    }

    fn with<T>(&self, addr: Option<IpAddr>, now: Instant, look: impl FnOnce(&mut Address) -> T) -> T {
        let addr = addr.map(network);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known_address = known
            .entry(addr)
            .or_insert_with(|| Address { failures: Bucket::new(FAILURES, now), warnings: Bucket::new(WARNINGS, now) });
        look(known_address)
    }
}

/// A host of IPv6 has a network of 2^64 addresses to itself (RFC 4291, section 2.5.4).
pub(super) fn network(addr: IpAddr) -> IpAddr {
    match addr {
        IpAddr::V4(_) => addr,
        IpAddr::V6(addr) => {
            let host_bits = u128::from(u64::MAX);
            Ipv6Addr::from_bits(addr.to_bits() & !host_bits).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(number: u32) -> Option<IpAddr> {
        Some(std::net::Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn each_address_has_its_own_measure_and_all_together_are_bounded() {
        let (limit, now) = (UnauthenticatedLimit::new(), Instant::now());
        let answered = (0..1000).filter(|_| limit.failed(addr(1), now).is_ok()).count();
        assert_eq!(answered, 200);
        assert!(limit.failed(addr(2), now).is_ok());
        assert!(limit.failed(None, now).is_ok());
        assert!(limit.failed(addr(1), now + Duration::from_millis(100)).is_ok());
        for number in 0..100_000 {
            let _ = limit.failed(addr(number), now);
        }
        assert!(limit.known.lock().unwrap().len() <= ADDRESSES + 1);
    }

    #[test]
    fn warnings_are_measured_beside_failures() {
        let (limit, now) = (UnauthenticatedLimit::new(), Instant::now());
        assert_eq!((0..50).filter(|_| limit.may_warn(addr(1), now)).count(), 10);
        assert_eq!((0..1000).filter(|_| limit.failed(addr(1), now).is_ok()).count(), 200);
        assert!(limit.may_warn(addr(1), now + Duration::from_secs(1)));
        assert!(limit.may_warn(addr(2), now));
    }

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let one = network("2001:db8:1:2::1".parse().unwrap());
        assert_eq!(one, network("2001:db8:1:2:ffff::9".parse().unwrap()));
        assert_ne!(one, network("2001:db8:1:3::1".parse().unwrap()));
    }
}
