//! Fair shares: who holds how many permits, so that one caller cannot take them all.
//!
//! A caller that holds half of them gets no more of the last quarter: that is for the others. Alone, it has three quarters.
//! Without a policy, callers cannot be distinguished, so there are no shares.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The number of permits that each caller holds.
#[derive(Debug, Default)]
pub(super) struct FairShares {
    /// By the caller's name in the policy, so the policy bounds its size. Callers without permits are not in it. The lock is
    /// held only for a look-up and an increment or decrement.
    held: Mutex<HashMap<Arc<str>, u32>>,
}

/// One permit of a caller's, from the moment that it asks for it. Dropped, it is given back.
#[derive(Debug)]
pub(super) struct Share {
    caller: Arc<str>,
    of: Arc<FairShares>,
}

impl FairShares {
    /// One more for this caller, unless `free` of `capacity` permits are the others'.
    pub(super) fn take(self: &Arc<Self>, caller: &Arc<str>, free: u32, capacity: u32) -> Option<Share> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(caller).copied().unwrap_or_default();
        if count >= capacity.div_ceil(2) && free <= capacity / 4 {
            return None;
        }
        held.insert(Arc::clone(caller), count.saturating_add(1));
        Some(Share { caller: Arc::clone(caller), of: Arc::clone(self) })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.of.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_quarter_is_for_those_that_hold_less_than_half() {
        let (shares, greedy, modest) = (Arc::new(FairShares::default()), Arc::from("greedy"), Arc::from("modest"));
        let mut taken: Vec<Share> = Vec::new();
        while let Some(share) = shares.take(&greedy, 8 - u32::try_from(taken.len()).unwrap(), 8) {
            taken.push(share);
        }
        assert_eq!(taken.len(), 6);
        let others = shares.take(&modest, 2, 8).unwrap();
        taken.truncate(3);
        assert!(shares.take(&greedy, 0, 8).is_some(), "less than half, it may wait for what is left");
        drop((taken, others));
        assert!(shares.held.lock().unwrap().is_empty());
    }

    #[test]
    fn one_permit_is_for_whoever_comes_first() {
        let (shares, caller) = (Arc::new(FairShares::default()), Arc::from("a"));
        let first = shares.take(&caller, 1, 1);
        assert!(first.is_some() && shares.take(&caller, 0, 1).is_none());
        drop(first);
        assert!(shares.take(&caller, 1, 1).is_some());
    }
}
