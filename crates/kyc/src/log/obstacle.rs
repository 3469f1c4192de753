//! What keeps an event log from opening: logged at once, and then at most every 30 seconds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// The minimum time between two log lines about the same obstacle.
const LOG_INTERVAL: Duration = Duration::from_secs(30);
/// How many different obstacles are logged within that time.
const MOST_LOGGED: usize = 8;
/// A step that waits for longer counts as an obstacle.
const LONG: Duration = Duration::from_millis(1500);

/// What keeps an event log from opening, if anything does. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Obstacle(Arc<Mutex<ObstacleState>>);

#[derive(Debug, Default)]
struct ObstacleState {
    what: Option<String>,
    /// The last error the server sent by itself, and when. It says more than "no answer".
    said: Option<(String, Instant)>,
    logged: Vec<(String, Instant)>,
}

impl Obstacle {
    /// The obstacle, with a recent error of the server's.
    pub fn current(&self) -> Option<String> {
        let state = self.lock();
        let said = state.said.as_ref().filter(|(_, at)| at.elapsed() < LOG_INTERVAL).map(|(said, _)| said.as_str());
        match (&state.what, said) {
            (Some(what), Some(said)) => Some(format!("{what}; the server said: {said}")),
            (Some(what), None) => Some(what.clone()),
            (None, _) => None,
        }
    }

    /// Sets the obstacle, and logs it if it is new.
    pub(super) fn met(&self, what: &str) {
        let mut state = self.lock();
        state.what = Some(what.to_owned());
        if state.is_news(what) {
            tracing::warn!("the event log cannot be opened yet: {what}; retrying");
        }
    }

    /// Notes an error that the server sent by itself, and logs it if it is new.
    pub(super) fn server_said(&self, words: &str) {
        let mut state = self.lock();
        state.said = Some((words.to_owned(), Instant::now()));
        if state.is_news(words) {
            tracing::warn!(error = words, "NATS reported an error");
        }
    }

    pub(super) fn is_over(&self) {
        self.lock().what = None;
    }

    /// Awaits `work`, and sets `what` as the obstacle if that takes long.
    pub(super) async fn unless_soon<F: Future>(&self, what: &str, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        match timeout(LONG, &mut work).await {
            Ok(output) => output,
            Err(_) => {
                self.met(what);
                work.await
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, ObstacleState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ObstacleState {
    fn is_news(&mut self, text: &str) -> bool {
        self.logged.retain(|(_, at)| at.elapsed() < LOG_INTERVAL);
        if self.logged.len() >= MOST_LOGGED || self.logged.iter().any(|(logged, _)| logged == text) {
            return false;
        }
        self.logged.push((text.to_owned(), Instant::now()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_logged_and_the_same_not_twice() {
        let obstacle = Obstacle::default();
        obstacle.unless_soon("NATS does not answer", tokio::time::sleep(LONG / 2)).await;
        assert_eq!(obstacle.current(), None);
        let long = obstacle.clone();
        let waiting = tokio::spawn(async move {
            long.unless_soon("NATS does not answer", tokio::time::sleep(2 * LONG)).await;
        });
        tokio::time::sleep(LONG + Duration::from_millis(1)).await;
        assert_eq!(obstacle.current().as_deref(), Some("NATS does not answer"));
        waiting.await.unwrap();
        obstacle.server_said("Permissions Violation");
        assert_eq!(obstacle.current().as_deref(), Some("NATS does not answer; the server said: Permissions Violation"));
        assert!(!obstacle.lock().is_news("NATS does not answer"));
        for number in 0..20 {
            obstacle.met(&format!("another {number}"));
        }
        assert_eq!(obstacle.lock().logged.len(), MOST_LOGGED);
        tokio::time::sleep(LOG_INTERVAL).await;
        assert!(obstacle.lock().is_news("NATS does not answer"));
        obstacle.is_over();
        assert_eq!(obstacle.current(), None);
    }
}
