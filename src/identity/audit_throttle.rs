//! Throttles audit lines of denied calls and counts those without a line, so that no client can flood the log.
//!
//! Each caller, each certificate that the policy does not name, and each address has a bucket of its own, so that one
//! cannot hide the denials of another: behind a proxy, all calls come from one address. The number of buckets is bounded;
//! the counts of evicted ones are kept.

use super::bucket::{Bucket, Rate};
use super::name::Identity;
use super::unauthenticated::network;
use hashlink::LruCache;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Addresses remembered at once.
const ADDRESSES: usize = 4096;
/// Callers and certificates remembered at once.
const NAMES: usize = 4096;
/// The rate of denials with a line, for each bucket.
const LINES: Rate = Rate { per_second: 1, burst: 100 };

/// The origin of a denied call; each has a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// An unauthenticated client at this address; `None` if the address is unknown.
    Address(Option<IpAddr>),
    /// A client whose certificate has this name, which is not in the policy.
    Identity(Identity),
    /// A caller of the policy.
    Caller(Arc<str>),
}

/// Denials without an audit line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBack {
    /// Their origin; `None`: several origins whose buckets were evicted.
    pub whose: Option<Refused>,
    /// Their number, at least 1.
    pub count: u64,
}

/// Each origin's remaining lines, and its number of denials without a line.
#[derive(Debug)]
pub(super) struct AuditThrottle {
    /// Guards all buckets; held to read one entry, or at most once a minute all of them.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    addresses: Measures<Option<IpAddr>>,
    names: Measures<Name>,
}

/// A caller and a certificate of the same name have different keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    Identity(Identity),
    Caller(Arc<str>),
}

impl AuditThrottle {
    pub(super) fn new() -> Self {
        let (addresses, names) = (Measures::new(ADDRESSES), Measures::new(NAMES));
        AuditThrottle { state: Mutex::new(State { addresses, names }) }
    }

    /// `Some` if a denial gets a line: the number of denials of this origin without one since its last line.
    pub(super) fn may_write(&self, whose: &Refused, now: Instant) -> Option<u64> {
        self.with(whose, now, |measure| match measure.lines.take(now) {
            Ok(()) => Some(std::mem::take(&mut measure.held_back)),
            Err(_) => {
                measure.held_back = measure.held_back.saturating_add(1);
                None
            }
        })
    }

    /// The number of denials of this origin without a line since its last one, for a line that is written unconditionally.
    pub(super) fn before_one_more(&self, whose: &Refused, now: Instant) -> u64 {
        self.with(whose, now, |measure| std::mem::take(&mut measure.held_back))
    }

    /// Takes the counts of denials without a line that no line has reported yet.
    pub(super) fn take_held_back(&self) -> Vec<HeldBack> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { addresses, names } = &mut *state;
        let mut all = addresses.take(|addr| Refused::Address(*addr));
        all.extend(names.take(|name| match name {
            Name::Identity(identity) => Refused::Identity(identity.clone()),
            Name::Caller(name) => Refused::Caller(Arc::clone(name)),
        }));
        all
    }

    fn with<T>(&self, whose: &Refused, now: Instant, look: impl FnOnce(&mut Measure) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { addresses, names } = &mut *state;
        look(match whose {
            Refused::Address(addr) => addresses.of(addr.map(network), now),
            Refused::Identity(identity) => names.of(Name::Identity(identity.clone()), now),
            Refused::Caller(name) => names.of(Name::Caller(Arc::clone(name)), now),
        })
    }
}

/// The buckets of the most recently denied origins.
#[derive(Debug)]
struct Measures<K> {
    known: LruCache<K, Measure>,
    /// Denials without a line of evicted origins.
    forgotten: u64,
}

#[derive(Debug)]
struct Measure {
    lines: Bucket,
    held_back: u64,
}

impl<K: Eq + Hash> Measures<K> {
    fn new(room: usize) -> Self {
        Measures { known: LruCache::new(room), forgotten: 0 }
    }

    fn of(&mut self, who: K, now: Instant) -> &mut Measure {
        if self.known.len() >= self.known.capacity()
            && !self.known.contains_key(&who)
            && let Some((_, Measure { lines: _, held_back })) = self.known.remove_lru()
        {
            self.forgotten = self.forgotten.saturating_add(held_back);
        }
        self.known.entry(who).or_insert_with(|| Measure { lines: Bucket::new(LINES, now), held_back: 0 })
    }

    fn take(&mut self, whose: impl Fn(&K) -> Refused) -> Vec<HeldBack> {
        let forgotten = HeldBack { whose: None, count: std::mem::take(&mut self.forgotten) };
        let each = self
            .known
            .iter_mut()
            .map(|(who, measure)| HeldBack { whose: Some(whose(who)), count: std::mem::take(&mut measure.held_back) });
        each.chain([forgotten]).filter(|held_back| held_back.count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn addr(number: u32) -> Refused {
        Refused::Address(Some(std::net::Ipv4Addr::from_bits(number).into()))
    }

    fn refused(lines: &AuditThrottle, whose: &Refused, times: usize, now: Instant) -> usize {
        (0..times).filter(|_| lines.may_write(whose, now).is_some()).count()
    }

    #[test]
    fn what_has_no_line_is_counted_by_the_next_one_that_has() {
        let (lines, now) = (AuditThrottle::new(), Instant::now());
        assert_eq!(refused(&lines, &addr(1), 150, now), 100);
        assert_eq!(lines.may_write(&addr(1), now + Duration::from_secs(1)), Some(50));
        assert_eq!(refused(&lines, &addr(1), 7, now), 0);
        assert_eq!(lines.before_one_more(&addr(1), now), 7);
        assert_eq!(lines.take_held_back(), []);
    }

    #[test]
    fn everybody_has_a_measure_of_their_own() {
        let (lines, now) = (AuditThrottle::new(), Instant::now());
        let name = "dns:a";
        let identity = Refused::Identity(Identity::parse(name).unwrap());
        for whose in [addr(1), addr(2), Refused::Address(None), identity, Refused::Caller(name.into())] {
            assert_eq!(refused(&lines, &whose, 101, now), 100, "{whose:?}");
        }
        let mut told = lines.take_held_back();
        assert!(told.iter().all(|HeldBack { whose, count }| whose.is_some() && *count == 1), "{told:?}");
        told.dedup();
        assert_eq!(told.len(), 5);
        assert_eq!(lines.take_held_back(), [], "what was told is not told again");
    }

    #[test]
    fn whom_there_is_no_room_for_is_forgotten_and_their_count_is_not() {
        let (lines, now) = (AuditThrottle::new(), Instant::now());
        let (times, room) = (103, u32::try_from(ADDRESSES).unwrap());
        for number in 0..room + 10 {
            refused(&lines, &addr(number), times, now);
        }
        let told = lines.take_held_back();
        assert_eq!(told.len(), ADDRESSES + 1);
        assert_eq!(told.last(), Some(&HeldBack { whose: None, count: 30 }));
        assert_eq!(told.iter().map(|held_back| held_back.count).sum::<u64>(), u64::from(room + 10) * 3);
    }
}
