//! What no webhook said is found.

use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::clock::Clock;
use gridgate::kyc::event::{Asker, Source};
use gridgate::kyc::log::{Bookmark, EventLog};
use gridgate::kyc::reconcile::{Freshness, Reconciler, ReconcilerSettings};
use gridgate::kyc::source::SourceError;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::grid::{Grid, OddList, Question};
use crate::event_log::seen::{at, entity, status, verification, webhook};
use crate::event_log::suite::record;
use crate::support::place::{Place, SqlitePlace};

const HOUR: Duration = Duration::from_secs(3600);

/// A reconciler at work.
struct AtWork {
    stop: CancellationToken,
    task: JoinHandle<()>,
    freshness: watch::Receiver<Freshness>,
}

fn settings() -> ReconcilerSettings {
    ReconcilerSettings {
        rest: Duration::from_millis(1),
        look_every: Duration::from_millis(2),
        first_wait: Duration::from_millis(5),
        longest_wait: Duration::from_millis(20),
        ..ReconcilerSettings::default()
    }
}

/// Waits that grow enough to be measured.
fn patient() -> ReconcilerSettings {
    ReconcilerSettings { first_wait: Duration::from_millis(20), longest_wait: Duration::from_secs(10), ..settings() }
}

fn start(place: &SqlitePlace, log: &Arc<EventLog>, grid: &Arc<Grid>) -> AtWork {
    start_with(place, log, grid, settings())
}

fn start_with(place: &SqlitePlace, log: &Arc<EventLog>, grid: &Arc<Grid>, settings: ReconcilerSettings) -> AtWork {
    let (reconciler, freshness) =
        Reconciler::new(Arc::clone(log), Arc::clone(grid) as _, place.shared_clock(), settings);
    let stop = CancellationToken::new();
    AtWork { task: tokio::spawn(reconciler.run(stop.clone())), stop, freshness }
}

impl AtWork {
    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.task).await.expect("it ends when it is told to").unwrap();
    }

    async fn until(&mut self, reached: impl FnMut(&Freshness) -> bool) -> Freshness {
        let waiting = self.freshness.wait_for(reached);
        *tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it gets there").unwrap()
    }

    /// Waits until everything that is due now has been done.
    async fn until_fresh(&mut self, place: &SqlitePlace) {
        let now = place.clock().now();
        self.until(|fresh| fresh.recent_to >= Some(now) && fresh.undecided_at >= Some(now) && fresh.swept_at.is_some())
            .await;
    }
}

async fn status_of(log: &Arc<EventLog>, name: &str) -> Option<String> {
    log.head(&entity(name)).await.unwrap().map(|head| head.subject.status_word().to_owned())
}

#[tokio::test]
async fn a_hold_that_no_webhook_told_is_found_soon() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    record(&log, webhook("1", "a", status("PENDING"), 5)).await;
    grid.set("a", "PENDING", at(5));
    let mut reconciler = start(&place, &log, &grid);
    reconciler.until_fresh(&place).await;
    assert_eq!(status_of(&log, "a").await.unwrap(), "PENDING");
    // Within the overlap, so that it is seen although the list before was later.
    grid.set("a", "HOLD", place.clock().now() - Duration::from_secs(300));
    place.clock().advance(Duration::from_secs(61));
    reconciler.until_fresh(&place).await;
    let head = log.head(&entity("a")).await.unwrap().unwrap();
    assert_eq!((head.subject.status_word(), head.source), ("HOLD", Source::Asked(Asker::Reconciler)));
    assert_eq!(head.platform_customer.as_ref().unwrap().as_str(), "ours-a");
    reconciler.stop().await;
}

#[tokio::test]
async fn a_first_sweep_sees_everyone_and_a_daily_one_what_updated_at_did_not_tell() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    for number in 0..11 {
        grid.set(&format!("c{number:02}"), "APPROVED", at(-9_000_000));
    }
    let mut reconciler = start(&place, &log, &grid);
    reconciler.until_fresh(&place).await;
    for number in 0..11 {
        assert_eq!(status_of(&log, &format!("c{number:02}")).await.unwrap(), "APPROVED");
    }
    // A decision undone, with an `updatedAt` that did not move.
    grid.set("c07", "REJECTED", at(-9_000_000));
    place.clock().advance(2 * HOUR);
    reconciler.until_fresh(&place).await;
    assert_eq!(status_of(&log, "c07").await.unwrap(), "APPROVED");
    place.clock().advance(19 * HOUR);
    let now = place.clock().now();
    reconciler.until(|fresh| fresh.swept_at >= Some(now)).await;
    assert_eq!(status_of(&log, "c07").await.unwrap(), "REJECTED");
    reconciler.stop().await;
}

#[tokio::test]
async fn the_undecided_are_asked_about_less_and_less_often_and_the_decided_not_at_all() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    let pending = verification("v", "IN_PROGRESS", &[]);
    record(&log, webhook("1", "a", status("PENDING"), 5)).await;
    record(&log, webhook("2", "a", pending.clone(), 5)).await;
    record(&log, webhook("3", "b", status("APPROVED"), 5)).await;
    grid.set("a", "PENDING", at(5));
    grid.set("b", "APPROVED", at(5));
    grid.set_verification("a", pending.verification_id().unwrap(), "IN_PROGRESS");
    let mut reconciler = start(&place, &log, &grid);
    reconciler.until_fresh(&place).await;
    let asked = |grid: &Grid| {
        let questions = grid.questions();
        let about = |name: &str, verified: bool| {
            let mut all = questions.iter().filter_map(|question| match question {
                Question::Entity(key) => Some(key),
                Question::List { .. } => None,
            });
            all.by_ref()
                .filter(|key| key.customer == entity(name).customer && key.verification.is_some() == verified)
                .count()
        };
        (about("a", false), about("a", true), about("b", false))
    };
    let at_first = asked(&grid);
    for _ in 0..30 {
        place.clock().advance(Duration::from_secs(600));
        reconciler.until_fresh(&place).await;
    }
    let in_five_hours = asked(&grid);
    assert!((3..25).contains(&(in_five_hours.1 - at_first.1)), "{at_first:?} {in_five_hours:?}");
    assert_eq!(in_five_hours.2, 0, "what is decided is not asked about one by one");
    for _ in 0..30 {
        place.clock().advance(HOUR * 10);
        reconciler.until_fresh(&place).await;
    }
    let in_two_weeks = asked(&grid);
    assert!((10..16).contains(&(in_two_weeks.1 - in_five_hours.1)), "about daily: {in_five_hours:?} {in_two_weeks:?}");
    grid.set_verification("a", pending.verification_id().unwrap(), "APPROVED");
    place.clock().advance(HOUR * 25);
    reconciler.until_fresh(&place).await;
    let key = gridgate::kyc::id::EntityKey { verification: pending.verification_id().cloned(), ..entity("a") };
    assert_eq!(log.head(&key).await.unwrap().unwrap().subject.status_word(), "APPROVED");
    reconciler.stop().await;
}

#[tokio::test]
async fn a_grid_that_fails_is_tried_again_and_it_shows() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    for number in 0..7 {
        grid.set(&format!("c{number}"), "HOLD", at(5));
    }
    for error in [SourceError::Unavailable, SourceError::Refused, SourceError::RateLimited { retry_after: None }] {
        grid.fail(Some(error));
        place.clock().advance(24 * HOUR);
        let now = place.clock().now();
        let mut reconciler = start(&place, &log, &grid);
        reconciler.until(|fresh| fresh.failing_since == Some(now)).await;
        let asked = grid.questions().len();
        grid.was_asked(asked + 3).await;
        grid.fail(None);
        let fresh = reconciler.until(|fresh| fresh.failing_since.is_none() && fresh.swept_at >= Some(now)).await;
        assert_eq!(fresh.recent_to, Some(now));
        reconciler.stop().await;
    }
    assert_eq!(status_of(&log, "c6").await.unwrap(), "HOLD");
}

#[tokio::test]
async fn after_a_restart_it_goes_on_where_it_was() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    grid.set("a", "PENDING", at(5));
    let mut reconciler = start(&place, &log, &grid);
    reconciler.until_fresh(&place).await;
    reconciler.stop().await;
    let seen_to = log.bookmarks().get(Bookmark::RecentSeenTo).await.unwrap().unwrap();

    // Three days later.
    place.clock().advance(72 * HOUR);
    let log = place.open().await;
    let before = grid.questions().len();
    let mut reconciler = start(&place, &log, &grid);
    reconciler.until_fresh(&place).await;
    let first = grid.questions()[before].clone();
    let expected = Question::List { updated_after: Some(seen_to - settings().overlap), cursor: None };
    assert_eq!(first, expected, "nothing between is left out");
    let now = place.clock().now();
    reconciler.until(|fresh| fresh.swept_at >= Some(now)).await;
    reconciler.stop().await;
    // A day is not over: no other sweep.
    let log = place.open().await;
    let before = grid.questions().len();
    let mut reconciler = start(&place, &log, &grid);
    place.clock().advance(2 * HOUR);
    reconciler.until_fresh(&place).await;
    let everyone = Question::List { updated_after: None, cursor: None };
    assert!(!grid.questions()[before..].contains(&everyone));
    reconciler.stop().await;
}

#[tokio::test]
async fn a_list_that_leads_nowhere_keeps_nobody_from_being_asked_about() {
    for odd in [OddList::Truncated, OddList::Round] {
        let place = SqlitePlace::new();
        let log = place.open().await;
        let grid = Grid::new();
        for number in 0..7 {
            grid.set(&format!("c{number}"), "HOLD", at(5));
        }
        // On no page that is listed, and undecided.
        record(&log, webhook("1", "z", status("PENDING"), 5)).await;
        grid.set("z", "APPROVED", at(6));
        grid.list_oddly(Some(odd));
        place.clock().advance(24 * HOUR);
        let now = place.clock().now();
        let mut reconciler = start(&place, &log, &grid);
        reconciler.until(|fresh| fresh.undecided_at >= Some(now)).await;
        assert_eq!(status_of(&log, "z").await.unwrap(), "APPROVED", "{odd:?}");
        // What is on a page that leads nowhere is recorded all the same.
        let mut ends = log.hub().ends();
        while status_of(&log, "c0").await.is_none() {
            tokio::time::timeout(Duration::from_secs(20), ends.changed()).await.unwrap().unwrap();
        }
        let fresh = reconciler.until(|fresh| fresh.failing_since == Some(now)).await;
        assert_eq!((fresh.recent_to, fresh.swept_at), (None, None), "{odd:?}: it is not complete");
        // It is asked for again, now and then.
        let asked = grid.questions().len();
        grid.was_asked(asked + 5).await;
        grid.list_oddly(None);
        let fresh = reconciler.until(|fresh| fresh.failing_since.is_none() && fresh.swept_at.is_some()).await;
        assert!(fresh.recent_to >= Some(now));
        assert_eq!(status_of(&log, "c6").await.unwrap(), "HOLD");
        reconciler.stop().await;
    }
}

#[tokio::test]
async fn one_whose_answer_cannot_be_used_keeps_no_other_waiting() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    for name in ["a", "b", "c"] {
        record(&log, webhook(name, name, status("PENDING"), 5)).await;
        grid.set(name, "PENDING", at(-9_000_000));
    }
    let mut reconciler = start(&place, &log, &grid);
    reconciler.until_fresh(&place).await;
    grid.fail_for("a", SourceError::Unusable);
    for name in ["b", "c"] {
        grid.set(name, "REJECTED", at(-9_000_000));
    }
    place.clock().advance(2 * HOUR);
    reconciler.until_fresh(&place).await;
    for (name, expected) in [("a", "PENDING"), ("b", "REJECTED"), ("c", "REJECTED")] {
        assert_eq!(status_of(&log, name).await.unwrap(), expected);
    }
    reconciler.stop().await;
}

fn is_recent(question: &Question) -> bool {
    matches!(question, Question::List { updated_after: Some(_), .. })
}

fn is_sweep(question: &Question) -> bool {
    matches!(question, Question::List { updated_after: None, .. })
}

/// With three customers a page, c00 to c05 are on the first two.
fn is_third_page(question: &Question) -> bool {
    matches!(question, Question::List { updated_after: None, cursor: Some(cursor) } if *cursor == entity("c05").customer.as_str())
}

fn count(grid: &Grid, is: fn(&Question) -> bool) -> usize {
    grid.questions().iter().filter(|question| is(question)).count()
}

#[tokio::test]
async fn one_that_grid_fails_for_keeps_no_other_waiting() {
    for error in [SourceError::Unavailable, SourceError::Refused] {
        let place = SqlitePlace::new();
        let log = place.open().await;
        let grid = Grid::new();
        for name in ["a", "b", "c"] {
            record(&log, webhook(name, name, status("PENDING"), 5)).await;
            grid.set(name, "REJECTED", at(-9_000_000));
        }
        grid.fail_for("a", error.clone());
        // On no list, so that only asking about it tells.
        grid.fail_lists(Some((is_sweep, SourceError::Unavailable)));
        place.clock().advance(2 * HOUR);
        let now = place.clock().now();
        let mut reconciler = start(&place, &log, &grid);
        reconciler.until(|fresh| fresh.recent_to >= Some(now) && fresh.undecided_at >= Some(now)).await;
        for (name, expected) in [("a", "PENDING"), ("b", "REJECTED"), ("c", "REJECTED")] {
            assert_eq!(status_of(&log, name).await.unwrap(), expected, "{error:?}");
        }
        let about_a = |question: &Question| *question == Question::Entity(entity("a"));
        assert_eq!(grid.questions().iter().filter(|question| about_a(question)).count(), 2, "{error:?}");
        // Not in the next walk, and after a while again.
        place.clock().advance(Duration::from_secs(61));
        let now = place.clock().now();
        reconciler.until(|fresh| fresh.undecided_at >= Some(now)).await;
        assert_eq!(grid.questions().iter().filter(|question| about_a(question)).count(), 2, "{error:?}");
        grid.mend_for("a");
        place.clock().advance(settings().undecided_after);
        let now = place.clock().now();
        reconciler.until(|fresh| fresh.undecided_at >= Some(now)).await;
        assert_eq!(status_of(&log, "a").await.unwrap(), "REJECTED", "{error:?}");
        grid.fail_lists(None);
        reconciler.until(|fresh| fresh.failing_since.is_none() && fresh.swept_at.is_some()).await;
        reconciler.stop().await;
    }
}

#[tokio::test]
async fn a_list_that_grid_fails_keeps_nothing_else_waiting() {
    for error in [SourceError::NotFound, SourceError::Gone, SourceError::Refused, SourceError::Unavailable] {
        let place = SqlitePlace::new();
        let log = place.open().await;
        let grid = Grid::new();
        record(&log, webhook("z", "z", status("PENDING"), 5)).await;
        grid.set("z", "PENDING", at(5));
        for number in 0..7 {
            grid.set(&format!("c{number}"), "HOLD", at(5));
        }
        grid.fail_lists(Some((is_recent, error.clone())));
        place.clock().advance(24 * HOUR);
        let now = place.clock().now();
        let mut reconciler = start_with(&place, &log, &grid, patient());
        let fresh = reconciler.until(|fresh| fresh.undecided_at >= Some(now) && fresh.swept_at >= Some(now)).await;
        assert_eq!((fresh.recent_to, fresh.failing_since), (None, Some(now)), "{error:?}");
        assert_eq!(status_of(&log, "c6").await.unwrap(), "HOLD");
        grid.fail_lists(None);
        let fresh = reconciler.until(|fresh| fresh.failing_since.is_none()).await;
        assert!(fresh.recent_to >= Some(now), "{error:?}");
        reconciler.stop().await;
    }
}

#[tokio::test]
async fn a_page_of_the_sweep_that_grid_fails_is_asked_for_less_and_less_often() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    for number in 0..11 {
        grid.set(&format!("c{number:02}"), "HOLD", at(-9_000_000));
    }
    grid.fail_lists(Some((is_third_page, SourceError::Unavailable)));
    let since = tokio::time::Instant::now();
    // The sweep begins again soon.
    let mut reconciler = start_with(&place, &log, &grid, ReconcilerSettings { longest_wait: HOUR, ..patient() });
    while count(&grid, is_third_page) < 5 {
        // That another list succeeds does not shorten its waits.
        place.clock().advance(Duration::from_secs(61));
        let now = place.clock().now();
        let fresh = reconciler.until(|fresh| fresh.recent_to >= Some(now)).await;
        assert_eq!(fresh.swept_at, None);
        // The recent list comes first whenever it is due: the sweep gets its turn before the clock goes on.
        let swept = count(&grid, is_sweep);
        while count(&grid, is_sweep) == swept {
            grid.was_asked(grid.questions().len() + 1).await;
        }
    }
    assert!(since.elapsed() >= Duration::from_millis(150), "{:?}", since.elapsed());
    assert_eq!(count(&grid, is_sweep) - count(&grid, is_third_page), 2, "it went on at the page that failed");
    assert!(reconciler.freshness.borrow().failing_since.is_some());
    reconciler.stop().await;
}

#[tokio::test]
async fn a_sweep_that_a_page_ends_rests_and_begins_again() {
    for error in [SourceError::NotFound, SourceError::Unavailable] {
        let place = SqlitePlace::new();
        let log = place.open().await;
        let grid = Grid::new();
        for number in 0..11 {
            grid.set(&format!("c{number:02}"), "HOLD", at(-9_000_000));
        }
        grid.fail_lists(Some((is_third_page, error.clone())));
        let since = tokio::time::Instant::now();
        let mut reconciler = start(&place, &log, &grid);
        let begun = |question: &Question| *question == Question::List { updated_after: None, cursor: None };
        while grid.questions().iter().filter(|question| begun(question)).count() < 5 {
            grid.was_asked(grid.questions().len() + 1).await;
        }
        // Twice as long each time: 20, 40, 80 and 160 ms, or half of that.
        assert!(since.elapsed() >= Duration::from_millis(150), "{error:?}: {:?}", since.elapsed());
        grid.fail_lists(None);
        reconciler.until(|fresh| fresh.swept_at.is_some() && fresh.failing_since.is_none()).await;
        assert_eq!(status_of(&log, "c10").await.unwrap(), "HOLD");
        reconciler.stop().await;
    }
}

#[tokio::test]
async fn a_grid_that_is_away_is_asked_less_and_less_often_and_nobody_is_forgotten() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    record(&log, webhook("a", "a", status("PENDING"), 5)).await;
    grid.set("a", "REJECTED", at(-9_000_000));
    grid.fail(Some(SourceError::Unavailable));
    place.clock().advance(2 * HOUR);
    let now = place.clock().now();
    let since = tokio::time::Instant::now();
    let mut reconciler = start_with(&place, &log, &grid, patient());
    // At least one of the three ways of asking is at its fifth request then.
    grid.was_asked(13).await;
    assert!(since.elapsed() >= Duration::from_millis(150), "{:?}", since.elapsed());
    grid.fail_lists(Some((is_sweep, SourceError::Unavailable)));
    grid.fail(None);
    reconciler.until(|fresh| fresh.recent_to >= Some(now)).await;
    // It was asked about while Grid was away; that costs it no turn.
    place.clock().advance(settings().undecided_every);
    let now = place.clock().now();
    reconciler.until(|fresh| fresh.undecided_at >= Some(now)).await;
    assert_eq!(status_of(&log, "a").await.unwrap(), "REJECTED");
    reconciler.stop().await;
}

#[tokio::test]
async fn grid_is_not_left_alone_for_longer_than_the_longest_wait() {
    let place = SqlitePlace::new();
    let log = place.open().await;
    let grid = Grid::new();
    grid.fail(Some(SourceError::RateLimited { retry_after: Some(Duration::from_secs(1_800_000_000)) }));
    let mut reconciler = start(&place, &log, &grid);
    grid.was_asked(3).await;
    assert!(grid.questions().iter().all(is_recent), "everything rests");
    grid.fail(None);
    reconciler.until_fresh(&place).await;
    reconciler.stop().await;
}
