//! Calls that several callers wait for: at most one per customer is under way.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use crate::id::CustomerId;

type Call<T> = Shared<BoxFuture<'static, T>>;

/// The calls under way. A call is dropped when the last of its callers gives up.
pub(super) struct SingleFlight<T: Clone> {
    /// Locked only to look up, add or remove one.
    under_way: Mutex<HashMap<CustomerId, WeakShared<BoxFuture<'static, T>>>>,
}

impl<T: Clone> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { under_way: Mutex::default() }
    }
}

impl<T: Clone> SingleFlight<T> {
    /// Waits for the call about this customer that is under way, or makes one.
    pub(super) async fn join(&self, customer: &CustomerId, make: impl FnOnce() -> BoxFuture<'static, T>) -> T {
        let caller = Caller { calls: self, customer, call: Some(self.find_or_make(customer, make)) };
        match caller.call.clone() {
            Some(call) => call.await,
            // Unreachable: only dropping the caller takes its call.
            None => std::future::pending().await,
        }
    }

    fn find_or_make(&self, customer: &CustomerId, make: impl FnOnce() -> BoxFuture<'static, T>) -> Call<T> {
        let mut under_way = self.lock();
        match under_way.get(customer).and_then(alive) {
            Some(call) => call,
            None => {
                let call = make().shared();
                under_way.extend(call.downgrade().map(|weak| (customer.clone(), weak)));
                call
            }
        }
    }

    // A panic under this lock leaves no half-done change.
    fn lock(&self) -> MutexGuard<'_, HashMap<CustomerId, WeakShared<BoxFuture<'static, T>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The call, while it has callers and is not finished: later callers get a new one.
fn alive<T: Clone>(call: &WeakShared<BoxFuture<'static, T>>) -> Option<Call<T>> {
    call.upgrade().filter(|call| call.peek().is_none())
}

/// One caller.
struct Caller<'a, T: Clone> {
    calls: &'a SingleFlight<T>,
    customer: &'a CustomerId,
    call: Option<Call<T>>,
}

impl<T: Clone> Drop for Caller<'_, T> {
    fn drop(&mut self) {
        // Before locking: this may drop the call.
        self.call = None;
        let mut under_way = self.calls.lock();
        if under_way.get(self.customer).is_some_and(|call| alive(call).is_none()) {
            under_way.remove(self.customer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    fn customer() -> CustomerId {
        CustomerId::parse("Customer:1").unwrap()
    }

    #[tokio::test]
    async fn callers_share_a_call_and_leave_nothing_behind() {
        let (calls, made, id) = (SingleFlight::<u32>::default(), AtomicUsize::new(0), customer());
        let (answer, wait) = oneshot::channel::<u32>();
        let mut wait = Some(wait);
        let make = |wait: Option<oneshot::Receiver<u32>>| {
            made.fetch_add(1, Ordering::Relaxed);
            async move { wait.unwrap().await.unwrap() }.boxed()
        };
        let mut first = Box::pin(calls.join(&id, || make(wait.take())));
        assert!(first.as_mut().now_or_never().is_none());
        let mut second = Box::pin(calls.join(&id, || unreachable!("one is under way")));
        assert!(second.as_mut().now_or_never().is_none());
        answer.send(7).unwrap();
        assert_eq!((first.await, second.await), (7, 7));
        assert_eq!(made.load(Ordering::Relaxed), 1);
        assert!(calls.lock().is_empty());
    }

    #[tokio::test]
    async fn a_call_ends_with_its_last_caller_and_a_later_one_makes_its_own() {
        let (calls, id) = (SingleFlight::<u32>::default(), customer());
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let endless = move || {
            async move {
                let _held = held;
                std::future::pending().await
            }
            .boxed()
        };
        let mut first = Box::pin(calls.join(&id, endless));
        assert!(first.as_mut().now_or_never().is_none());
        let mut second = Box::pin(calls.join(&id, || unreachable!("one is under way")));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!(Arc::strong_count(&alive), 2, "the second caller still waits");
        drop(second);
        assert_eq!(Arc::strong_count(&alive), 1, "the call was dropped");
        assert!(calls.lock().is_empty());
        assert_eq!(calls.join(&id, || async { 8 }.boxed()).await, 8);
    }
}
