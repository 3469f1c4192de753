//! What is in doubt ends as Grid has it.

use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::event::{Asker, Outcome, Source};
use gridgate::kyc::id::Position;
use gridgate::kyc::log::{EventLog, Scope};
use gridgate::kyc::resolve::{Resolver, ResolverSettings, ResolverState};
use gridgate::kyc::source::SourceError;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::grid::Grid;
use crate::event_log::seen::{at, customer, entity, id, status, verification, webhook};
use crate::event_log::suite::{read_all, record};
use crate::support::place::{Place, SqlitePlace};

/// A resolver at work.
struct AtWork {
    stop: CancellationToken,
    task: JoinHandle<()>,
    state: watch::Receiver<ResolverState>,
}

fn settings() -> ResolverSettings {
    ResolverSettings {
        concurrency: 3,
        first_wait: Duration::from_millis(5),
        longest_wait: Duration::from_millis(40),
        look_every: Duration::from_secs(30),
        lease: Duration::from_secs(5),
    }
}

fn start(log: &Arc<EventLog>, grid: &Arc<Grid>) -> AtWork {
    start_with(log, grid, settings())
}

fn start_with(log: &Arc<EventLog>, grid: &Arc<Grid>, settings: ResolverSettings) -> AtWork {
    let (resolver, state) = Resolver::new(Arc::clone(log), Arc::clone(grid) as _, settings);
    let stop = CancellationToken::new();
    AtWork { task: tokio::spawn(resolver.run(stop.clone())), stop, state }
}

impl AtWork {
    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.task).await.expect("it ends when it is told to").unwrap();
    }

    /// Waits until nothing is in doubt.
    async fn until_settled(&mut self, log: &Arc<EventLog>) {
        let mut ends = log.hub().ends();
        tokio::time::timeout(Duration::from_secs(20), async {
            while !log.unresolved(None, 1).await.unwrap().is_empty() {
                ends.changed().await.unwrap();
            }
        })
        .await
        .expect("every doubt is settled");
    }
}

async fn status_of(log: &Arc<EventLog>, name: &str) -> String {
    log.head(&entity(name)).await.unwrap().unwrap().subject.status_word().to_owned()
}

/// A customer approved, and then said to be pending.
async fn doubt(log: &Arc<EventLog>, name: &str) {
    record(log, webhook(&format!("{name}1"), name, status("APPROVED"), 5)).await;
    let doubtful = record(log, webhook(&format!("{name}2"), name, status("PENDING"), 6)).await;
    assert_eq!(doubtful.1, Outcome::Unresolved);
}

#[tokio::test]
async fn a_doubt_ends_as_grid_has_it_and_says_what_raised_it() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    grid.set("a", "PENDING", at(6));
    grid.set("b", "APPROVED", at(5));
    let mut resolver = start(&log, &grid);
    doubt(&log, "a").await;
    doubt(&log, "b").await;
    resolver.until_settled(&log).await;
    assert_eq!((status_of(&log, "a").await, status_of(&log, "b").await), ("PENDING".into(), "APPROVED".into()));
    let events = read_all(&log, Position::START, &Scope { customers: vec![customer("a")], ..Scope::ALL }, 10).await;
    let last = events.last().unwrap();
    assert_eq!((last.outcome, last.cause.clone()), (Outcome::Change, Some(id("a2"))));
    assert_eq!(last.observation.origin.source(), Source::Asked(Asker::Resolver));
    assert_eq!(grid.questions().len(), 2);
    resolver.stop().await;
}

#[tokio::test]
async fn a_question_that_panics_is_asked_again() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    grid.set("a", "PENDING", at(6));
    grid.panic_at_next(2);
    let mut resolver = start(&log, &grid);
    doubt(&log, "a").await;
    resolver.until_settled(&log).await;
    assert_eq!(status_of(&log, "a").await, "PENDING");
    assert_eq!(grid.questions().len(), 3);
    resolver.stop().await;
}

#[tokio::test]
async fn doubts_wait_while_grid_is_away_and_are_asked_about_when_it_is_back() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    grid.fail(Some(SourceError::Unavailable));
    let mut resolver = start(&log, &grid);
    for number in 0..40 {
        let name = format!("c{number}");
        doubt(&log, &name).await;
        grid.set(&name, if number % 2 == 0 { "PENDING" } else { "REJECTED" }, at(6));
    }
    // The first few may be asked together; from the first failure on, one at a time.
    let before = grid.questions().len();
    grid.was_asked(before + 5).await;
    resolver.state.wait_for(|state| state.paused && state.in_doubt == 40).await.unwrap();
    assert_eq!(status_of(&log, "c0").await, "APPROVED");
    grid.fail(None);
    resolver.until_settled(&log).await;
    for number in 0..40 {
        let expected = if number % 2 == 0 { "PENDING" } else { "REJECTED" };
        assert_eq!(status_of(&log, &format!("c{number}")).await, expected);
    }
    assert!(grid.most_under_way() <= settings().concurrency);
    resolver.stop().await;
}

#[tokio::test]
async fn an_answer_that_was_overtaken_is_asked_for_again() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    grid.set("a", "UNVERIFIED", at(4));
    record(&log, webhook("1", "a", status("UNVERIFIED"), 5)).await;
    grid.hold_answers();
    let mut resolver = start(&log, &grid);
    let mut doubtful = webhook("2", "a", status("PENDING"), 4);
    doubtful.updated_at = Some(at(6));
    assert_eq!(record(&log, doubtful).await.1, Outcome::Unresolved);
    grid.was_asked(1).await;
    // Grid has answered UNVERIFIED, and goes on while the answer is on its way.
    grid.set("a", "REJECTED", at(9));
    assert_eq!(record(&log, webhook("3", "a", status("APPROVED"), 8)).await.1, Outcome::Change);
    grid.let_answers_go();
    resolver.until_settled(&log).await;
    assert_eq!(status_of(&log, "a").await, "REJECTED");
    let events = read_all(&log, Position::START, &Scope::ALL, 10).await;
    let changes: Vec<_> = events
        .iter()
        .filter(|event| event.outcome == Outcome::Change)
        .map(|event| event.observation.subject.status_word())
        .collect();
    assert_eq!(changes, ["UNVERIFIED", "APPROVED", "REJECTED"], "what was overtaken was never shown");
    resolver.stop().await;
}

#[tokio::test]
async fn a_doubt_survives_a_restart() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    doubt(&log, "a").await;
    let verified = verification("v", "APPROVED", &[]);
    record(&log, webhook("v1", "a", verified.clone(), 5)).await;
    record(&log, webhook("v2", "a", verification("v", "REJECTED", &[]), 6)).await;
    let log = place.open().await;
    let grid = Grid::new();
    grid.set("a", "REJECTED", at(7));
    grid.set_verification("a", verified.verification_id().unwrap(), "REJECTED");
    let mut resolver = start(&log, &grid);
    resolver.until_settled(&log).await;
    assert_eq!(status_of(&log, "a").await, "REJECTED");
    let key = gridgate::kyc::id::EntityKey { verification: verified.verification_id().cloned(), ..entity("a") };
    assert_eq!(log.head(&key).await.unwrap().unwrap().subject.status_word(), "REJECTED");
    resolver.stop().await;
}

#[tokio::test]
async fn grid_is_left_alone_for_as_long_as_it_asks() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    grid.set("a", "PENDING", at(6));
    grid.fail(Some(SourceError::RateLimited { retry_after: Some(Duration::from_millis(400)) }));
    let longest_wait = Duration::from_secs(10);
    let mut resolver = start_with(&log, &grid, ResolverSettings { longest_wait, ..settings() });
    doubt(&log, "a").await;
    grid.was_asked(1).await;
    let since = tokio::time::Instant::now();
    grid.fail(None);
    grid.was_asked(2).await;
    assert!(since.elapsed() >= Duration::from_millis(350), "asked again after {:?}", since.elapsed());
    resolver.until_settled(&log).await;
    resolver.stop().await;
}

#[tokio::test]
async fn one_that_cannot_be_resolved_does_not_keep_the_others_waiting() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    for name in ["unknown", "a", "b"] {
        doubt(&log, name).await;
    }
    doubt(&log, "odd").await;
    grid.fail_for("odd", SourceError::Unusable);
    grid.fail_for("unknown", SourceError::NotFound);
    grid.set("a", "HOLD", at(6));
    grid.set("b", "HOLD", at(6));
    let resolver = start(&log, &grid);
    let mut ends = log.hub().ends();
    while status_of(&log, "a").await != "HOLD" || status_of(&log, "b").await != "HOLD" {
        tokio::time::timeout(Duration::from_secs(20), ends.changed()).await.unwrap().unwrap();
    }
    // It is still asked about, less and less often.
    grid.was_asked(6).await;
    assert_eq!(status_of(&log, "unknown").await, "APPROVED");
    assert_eq!(log.unresolved(None, 9).await.unwrap().len(), 2);
    // Gone is another matter.
    grid.fail_for("unknown", SourceError::Gone);
    while !log.head(&entity("unknown")).await.unwrap().unwrap().subject.is_deleted() {
        tokio::time::timeout(Duration::from_secs(20), ends.changed()).await.unwrap().unwrap();
    }
    assert_eq!(status_of(&log, "unknown").await, "APPROVED");
    resolver.stop().await;
}

#[tokio::test]
async fn grid_is_not_left_alone_for_longer_than_the_longest_wait() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    grid.set("a", "PENDING", at(6));
    grid.fail(Some(SourceError::RateLimited { retry_after: Some(Duration::from_secs(1_800_000_000)) }));
    let mut resolver = start(&log, &grid);
    doubt(&log, "a").await;
    grid.was_asked(2).await;
    grid.fail(None);
    resolver.until_settled(&log).await;
    resolver.stop().await;
}

#[tokio::test]
async fn one_that_grid_fails_for_does_not_keep_the_others_waiting() {
    for error in [SourceError::Unavailable, SourceError::Refused] {
        let place = SqlitePlace::new();
        let log = place.open().await;
        let grid = Grid::new();
        grid.fail_for("a-bad", error);
        // It fails alone for a while: the wait before it is asked about again has grown.
        doubt(&log, "a-bad").await;
        let mut resolver = start(&log, &grid);
        grid.was_asked(4).await;
        for name in ["b", "c"] {
            grid.set(name, "HOLD", at(6));
            doubt(&log, name).await;
        }
        let mut ends = log.hub().ends();
        while status_of(&log, "b").await != "HOLD" || status_of(&log, "c").await != "HOLD" {
            tokio::time::timeout(Duration::from_secs(20), ends.changed()).await.unwrap().unwrap();
        }
        assert_eq!(log.unresolved(None, 9).await.unwrap().len(), 1);
        grid.set("a-bad", "HOLD", at(6));
        grid.mend_for("a-bad");
        resolver.until_settled(&log).await;
        resolver.stop().await;
    }
}

#[tokio::test]
async fn it_ends_while_a_question_is_under_way() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    grid.set("a", "PENDING", at(6));
    grid.hold_answers();
    let resolver = start(&log, &grid);
    doubt(&log, "a").await;
    grid.was_asked(1).await;
    resolver.stop().await;
    assert_eq!(log.unresolved(None, 9).await.unwrap().len(), 1);
    // And by itself when the log is closed.
    let resolver = start(&log, &grid);
    grid.was_asked(2).await;
    log.close().await;
    grid.let_answers_go();
    tokio::time::timeout(Duration::from_secs(10), resolver.task).await.expect("a closed log ends it").unwrap();
}
