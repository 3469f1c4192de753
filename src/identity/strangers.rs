//! Whoever fails to say who they are, by address: how often that is answered in full, and how often they are warned of.
//!
//! What is kept is bounded, whatever strangers do: of more addresses than it has room for, those that were longest
//! quiet are forgotten. A good credential is never held up by this, so nobody can lock anybody out, not even behind the
//! same proxy.

use super::bucket::{Bucket, Rate};
use hashlink::LruCache;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses remembered at once.
const ADDRESSES: usize = 4096;
/// Failures that are answered with what is wrong. More are told to slow down.
const FAILURES: Rate = Rate { per_second: 10, burst: 200 };
/// Warnings of a header that was not believed.
const WARNINGS: Rate = Rate { per_second: 1, burst: 10 };

/// What is remembered of the addresses that such calls came from.
#[derive(Debug)]
pub(super) struct Strangers {
    /// Guards all of it; held for a look at one entry.
    known: Mutex<LruCache<Option<IpAddr>, Stranger>>,
}

#[derive(Debug)]
struct Stranger {
    failures: Bucket,
    warnings: Bucket,
}

impl Strangers {
    pub(super) fn new() -> Self {
        Strangers { known: Mutex::new(LruCache::new(ADDRESSES)) }
    }

    /// Notes a failure to say who is calling.
    ///
    /// # Errors
    /// There were too many from there; after so long another one is answered in full.
    pub(super) fn failed(&self, addr: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        self.with(addr, now, |stranger| stranger.failures.take(now))
    }

    /// Whether a header from there that was not believed is to be warned of.
    pub(super) fn may_warn(&self, addr: Option<IpAddr>, now: Instant) -> bool {
        self.with(addr, now, |stranger| stranger.warnings.take(now).is_ok())
    }

    fn with<T>(&self, addr: Option<IpAddr>, now: Instant, look: impl FnOnce(&mut Stranger) -> T) -> T {
        let addr = addr.map(network);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let stranger = known
            .entry(addr)
            .or_insert_with(|| Stranger { failures: Bucket::new(FAILURES, now), warnings: Bucket::new(WARNINGS, now) });
        look(stranger)
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
        let (strangers, now) = (Strangers::new(), Instant::now());
        let answered = (0..1000).filter(|_| strangers.failed(addr(1), now).is_ok()).count();
        assert_eq!(answered, 200);
        assert!(strangers.failed(addr(2), now).is_ok());
        assert!(strangers.failed(None, now).is_ok());
        assert!(strangers.failed(addr(1), now + Duration::from_millis(100)).is_ok());
        for number in 0..100_000 {
            let _ = strangers.failed(addr(number), now);
        }
        assert!(strangers.known.lock().unwrap().len() <= ADDRESSES + 1);
    }

    #[test]
    fn warnings_are_measured_beside_failures() {
        let (strangers, now) = (Strangers::new(), Instant::now());
        assert_eq!((0..50).filter(|_| strangers.may_warn(addr(1), now)).count(), 10);
        assert_eq!((0..1000).filter(|_| strangers.failed(addr(1), now).is_ok()).count(), 200);
        assert!(strangers.may_warn(addr(1), now + Duration::from_secs(1)));
        assert!(strangers.may_warn(addr(2), now));
    }

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let one = network("2001:db8:1:2::1".parse().unwrap());
        assert_eq!(one, network("2001:db8:1:2:ffff::9".parse().unwrap()));
        assert_ne!(one, network("2001:db8:1:3::1".parse().unwrap()));
    }
}
