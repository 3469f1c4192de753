//! Clocks that are wrong for a while: what retention does about it, which times events have, and that none is missed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gridgate::kyc::clock::{Clock, SETTLE, SteadyClock};
use gridgate::kyc::id::Position;
use gridgate::kyc::log::IDS_KEPT;
use gridgate::kyc::log::jetstream;
use gridgate::kyc::log::sqlite;
use gridgate::kyc::log::{EventLog, Scope};
use jiff::{SignedDuration, Timestamp};

use super::jetstream::JetStreamPlace;
use super::seen::{status, webhook};
use super::suite::{all_heads, read_all, record};
use crate::support::nats::Nats;
use crate::support::place::SqlitePlace;

const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);
const HOUR: Duration = Duration::from_secs(3600);

/// A clock whose time can be set beside the time that passes.
struct Hands(Mutex<(Timestamp, Duration)>);

impl Hands {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new((Timestamp::from_second(1_800_000_000).unwrap(), HOUR))))
    }

    fn pass(&self, time: Duration) {
        let mut hands = self.0.lock().unwrap();
        *hands = (hands.0 + time, hands.1 + time);
    }

    fn set_by(&self, by: SignedDuration) {
        self.0.lock().unwrap().0 += by;
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }

    fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

/// The same hands, seen through a clock that does not follow every jump.
struct Steady(Arc<Hands>);

impl Clock for Steady {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A log of one kind, and how it is told to look after retention.
enum Log {
    Sqlite(Arc<EventLog>),
    JetStream(Arc<EventLog>),
}

enum Kind {
    Sqlite(SqlitePlace),
    JetStream(JetStreamPlace),
}

impl Kind {
    async fn both() -> [Self; 2] {
        [Self::Sqlite(SqlitePlace::new()), Self::JetStream(JetStreamPlace::single().await)]
    }

    async fn open(&self, clock: Arc<dyn Clock>) -> Log {
        match self {
            Self::Sqlite(place) => Log::Sqlite(Arc::new(sqlite::open(place.options(), clock).unwrap())),
            Self::JetStream(place) => Log::JetStream(Arc::new(jetstream::open(place.options(), clock).await.unwrap())),
        }
    }
}

impl Log {
    fn shared(&self) -> Arc<EventLog> {
        match self {
            Self::Sqlite(log) => Arc::clone(log) as _,
            Self::JetStream(log) => Arc::clone(log) as _,
        }
    }

    /// Positions that are left once retention has looked.
    async fn left(&self) -> Vec<Position> {
        match self {
            Self::Sqlite(log) => log.maintain().await.unwrap(),
            Self::JetStream(log) => log.maintain().await.unwrap(),
        }
        let log = self.shared();
        let oldest = log.bounds().await.unwrap().oldest.position;
        read_all(&log, oldest, &Scope::ALL, 100).await.iter().map(|event| event.position).collect()
    }

    /// Records one event about each of some customers.
    async fn fill(&self, numbers: std::ops::Range<i64>) {
        for number in numbers {
            record(&self.shared(), webhook(&number.to_string(), &format!("c{number}"), status("PENDING"), number))
                .await;
        }
    }

    /// A stream from any time has all that was recorded then or later.
    async fn misses_nothing(&self) {
        let log = self.shared();
        let oldest = log.bounds().await.unwrap().oldest.position;
        let events = read_all(&log, oldest, &Scope::ALL, 100).await;
        for event in &events {
            for off in [-1, 0, 1] {
                let time = event.recorded_at + SignedDuration::from_micros(off);
                let mark = match log.mark_at(time).await {
                    Ok(mark) => mark.position,
                    Err(error) => panic!("{time}: {error}"),
                };
                let first = events.iter().position(|event| event.recorded_at >= time).unwrap_or(events.len());
                let expected = first.checked_sub(1).map_or(oldest, |before| events[before].position);
                assert_eq!(mark, expected, "from {time}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_a_year_ahead_for_four_seconds_changes_nothing() {
    for kind in Kind::both().await {
        let hands = Hands::new();
        let log = kind.open(Arc::new(SteadyClock::over(Steady(Arc::clone(&hands))))).await;
        log.fill(0..10).await;
        hands.pass(HOUR);
        log.fill(10..20).await;
        let right = hands.now();
        hands.set_by(YEAR);
        hands.pass(Duration::from_secs(4));
        log.fill(20..25).await;
        assert_eq!(log.left().await.len(), 25);
        hands.set_by(-YEAR);
        log.fill(25..30).await;
        assert_eq!(log.left().await.len(), 30);
        let events = read_all(&log.shared(), Position::START, &Scope::ALL, 100).await;
        assert!(events.is_sorted_by_key(|event| event.recorded_at));
        assert!(events.iter().all(|event| event.recorded_at <= right + Duration::from_secs(4)));
        log.shared().close().await;
    }
}

/// Nothing holds this clock back, as where it stands by its new time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_jump_that_was_believed_times_step_back_and_retention_goes_on() {
    for kind in Kind::both().await {
        let hands = Hands::new();
        let log = kind.open(Arc::clone(&hands) as _).await;
        log.fill(0..10).await;
        hands.pass(HOUR);
        log.fill(10..15).await;
        hands.set_by(YEAR);
        log.fill(15..20).await;
        hands.pass(HOUR);
        assert_eq!(log.left().await.len(), 20, "an hour ahead costs a day at most");
        hands.set_by(-YEAR);
        log.fill(20..25).await;
        hands.pass(HOUR);
        log.fill(25..30).await;
        let events = read_all(&log.shared(), Position::START, &Scope::ALL, 100).await;
        let times: Vec<_> = events.iter().map(|event| event.recorded_at).collect();
        let steps: Vec<_> =
            times.windows(2).enumerate().filter(|(_, pair)| pair[1] < pair[0]).map(|(at, _)| at).collect();
        assert_eq!(steps, [19], "once, to the right time: {times:?}");
        assert_eq!(*times.last().unwrap(), hands.now());
        log.misses_nothing().await;
        // Who opens it later, and has the events from the stream, has the same.
        let heads = all_heads(&log.shared(), &Scope::ALL, 100).await;
        if let Kind::JetStream(_) = kind {
            let another = kind.open(Arc::clone(&hands) as _).await;
            another.misses_nothing().await;
            assert_eq!(all_heads(&another.shared(), &Scope::ALL, 100).await, heads);
            another.shared().close().await;
        }
        // What is from the future goes with what follows it.
        hands.pass(IDS_KEPT - HOUR / 2);
        assert_eq!(log.left().await, (26..=30).map(Position::new).collect::<Vec<_>>());
        log.misses_nothing().await;
        assert_eq!(all_heads(&log.shared(), &Scope::ALL, 100).await.len(), 30, "heads stay");
        log.shared().close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_a_wrong_clock_costs_nothing_and_is_got_over() {
    for kind in Kind::both().await {
        let hands = Hands::new();
        let log = kind.open(Arc::clone(&hands) as _).await;
        log.fill(0..10).await;
        log.shared().close().await;
        hands.pass(HOUR);
        // It starts a year ahead, and the time is mended later.
        hands.set_by(YEAR);
        let log = kind.open(Arc::new(SteadyClock::over(Steady(Arc::clone(&hands))))).await;
        assert_eq!(log.left().await.len(), 10);
        log.fill(10..15).await;
        hands.pass(Duration::from_secs(30));
        assert_eq!(log.left().await.len(), 15);
        hands.set_by(-YEAR);
        log.fill(15..16).await;
        hands.pass(SETTLE);
        log.fill(16..20).await;
        let events = read_all(&log.shared(), Position::START, &Scope::ALL, 100).await;
        assert_eq!(events.last().unwrap().recorded_at, hands.now(), "it is mended once the time stands");
        log.misses_nothing().await;
        log.shared().close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_from_the_future_of_another_run_do_not_keep_the_time() {
    for kind in Kind::both().await {
        let hands = Hands::new();
        let log = kind.open(Arc::clone(&hands) as _).await;
        log.fill(0..5).await;
        hands.set_by(YEAR);
        log.fill(5..10).await;
        log.shared().close().await;
        hands.set_by(-YEAR);
        hands.pass(HOUR);
        let log = kind.open(Arc::clone(&hands) as _).await;
        log.fill(10..15).await;
        let events = read_all(&log.shared(), Position::START, &Scope::ALL, 100).await;
        assert_eq!(events.last().unwrap().recorded_at, hands.now());
        log.misses_nothing().await;
        log.shared().close().await;
    }
}

/// A clock that is behind is not believed: nothing steps back behind what was right.
#[tokio::test]
async fn a_clock_that_is_set_back_keeps_the_order_of_times() {
    let (place, hands) = (Kind::Sqlite(SqlitePlace::new()), Hands::new());
    let log = place.open(Arc::clone(&hands) as _).await;
    log.fill(0..5).await;
    log.shared().close().await;
    let log = place.open(Arc::clone(&hands) as _).await;
    let right = hands.now();
    hands.set_by(-YEAR);
    log.fill(5..10).await;
    let events = read_all(&log.shared(), Position::START, &Scope::ALL, 100).await;
    assert!(events.iter().all(|event| event.recorded_at == right));
    log.shared().close().await;
    let log = place.open(Arc::clone(&hands) as _).await;
    log.fill(10..15).await;
    let events = read_all(&log.shared(), Position::START, &Scope::ALL, 100).await;
    assert!(events.iter().all(|event| event.recorded_at == right), "nor after a restart");
    assert_eq!(log.left().await.len(), 15);
    log.shared().close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_clock_is_ahead_does_not_keep_the_time_of_the_others() {
    let place = JetStreamPlace::on(Nats::shared_single().await, |_| {});
    let (right, ahead) = (Hands::new(), Hands::new());
    let good = Log::JetStream(Arc::new(jetstream::open(place.options(), Arc::clone(&right) as _).await.unwrap()));
    let bad = Log::JetStream(Arc::new(jetstream::open(place.options(), Arc::clone(&ahead) as _).await.unwrap()));
    good.fill(0..5).await;
    ahead.set_by(YEAR);
    bad.fill(5..10).await;
    right.pass(HOUR);
    let (good_log, bad_log) = (good.shared(), bad.shared());
    let seen = async {
        while good_log.hub().end() != bad_log.hub().end() {
            tokio::task::yield_now().await
        }
    };
    crate::support::soon("it has heard of all", seen).await;
    good.fill(10..15).await;
    let seen = async {
        while good_log.hub().end() != bad_log.hub().end() {
            tokio::task::yield_now().await
        }
    };
    crate::support::soon("the other has, too", seen).await;
    let mut both = Vec::new();
    for log in [&good_log, &bad_log] {
        let events = read_all(log, Position::START, &Scope::ALL, 100).await;
        both.push(events.iter().map(|event| event.recorded_at).collect::<Vec<_>>());
    }
    assert_eq!(both[0], both[1], "all replicas have the same times");
    assert_eq!(*both[0].last().unwrap(), right.now());
    assert_eq!(good.left().await.len(), 15);
    for log in [good_log, bad_log] {
        log.close().await;
    }
}

/// The whole program, whose clock a preloaded library moves.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_program_keeps_its_events_when_the_clock_jumps_for_a_moment() {
    use super::closing::Scene;
    use crate::support::jumping_clock::{OFFSET, jumping_clock};
    use crate::support::lossy_disk::PRELOAD;
    use crate::support::soon;

    let folder = tempfile::tempdir().unwrap();
    let (library, offset) = (jumping_clock(folder.path()), folder.path().join("offset"));
    let log = format!("sqlite:{}", folder.path().join("events.db").display());
    let env = [
        (PRELOAD, library.to_str().unwrap()),
        (OFFSET, offset.to_str().unwrap()),
        ("GRIDGATE_EVENT_LOG", log.as_str()),
        ("GRIDGATE_EVENT_MAX_AGE", "8d"),
    ];
    let scene = Scene::with(&env).await;
    assert_eq!(scene.deliver("W:1").await, 200);
    let value = |metrics: &str, name: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name} "))).expect(name);
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    std::fs::write(&offset, (365 * 24 * 3600).to_string()).unwrap();
    let noticed = async { while value(&scene.admin("/metrics").await.1, "gridgate_clock_jumps_total") < 1.0 {} };
    soon("the jump is noticed", noticed).await;
    assert_eq!(scene.deliver("W:2").await, 200);
    // Retention looks once a second.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    std::fs::remove_file(&offset).unwrap();
    assert_eq!(scene.deliver("W:3").await, 200);
    let metrics = scene.admin("/metrics").await.1;
    assert_eq!(value(&metrics, "gridgate_event_oldest_position"), 0.0, "nothing was let go of");
    assert_eq!(value(&metrics, "gridgate_event_newest_position"), 3.0);
    let newest = value(&metrics, "gridgate_event_newest_timestamp_seconds");
    #[allow(clippy::cast_precision_loss)]
    let now = Timestamp::now().as_second() as f64;
    assert!((now - newest).abs() < 60.0, "{newest}");
    let stderr = scene.stopped().await;
    assert!(stderr.contains("clock jumped"), "{stderr}");
}
