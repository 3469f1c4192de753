//! Replicas that race each other, in one process: contradictions, watchers that move, and duties.

use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::id::Position;
use gridgate::kyc::log::IDS_KEPT;
use gridgate::kyc::log::jetstream;
use gridgate::kyc::log::{Duty, EventLog, Lease, LogError, Recorded, Scope};
use gridgate::kyc::resolve::{Resolver, ResolverSettings};
use gridgate::kyc::token::Mark;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::asking::grid::Grid;
use crate::event_log::client::Client;
use crate::event_log::jetstream::JetStreamPlace;
use crate::event_log::seen::{at, entity, id, status, webhook};
use crate::event_log::suite::{all_heads, assert_same_heads, heads_of, read_all, record};
use crate::support::nats::Nats;
use crate::support::place::Place as _;

/// Waits until a replica has come as far as a position.
async fn comes_to(log: &Arc<EventLog>, position: Position) {
    let mut ends = log.hub().ends();
    let coming = ends.wait_for(|end| end.position >= position);
    timeout(Duration::from_secs(20), coming).await.expect("the replica gets on").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contradictions_at_the_same_time_end_the_same_everywhere_and_as_grid_says() {
    const CUSTOMERS: usize = 12;
    const ROUNDS: usize = 100;
    let place = JetStreamPlace::cluster().await;
    let logs: Vec<Arc<EventLog>> = vec![place.replica().await.unwrap(), place.replica().await.unwrap()];
    let grid = Grid::new();
    let words = ["PENDING", "APPROVED", "REJECTED", "UNVERIFIED"];
    let truth = |of: usize| words[of % words.len()];
    for of in 0..CUSTOMERS {
        grid.set(&of.to_string(), truth(of), at(5));
    }
    let stop = CancellationToken::new();
    let mut resolvers = JoinSet::new();
    for log in &logs {
        let settings = ResolverSettings { look_every: Duration::from_millis(200), ..ResolverSettings::default() };
        let (resolver, _) = Resolver::new(Arc::clone(log), Arc::clone(&grid) as _, settings);
        let stop = stop.clone();
        resolvers.spawn(async move { resolver.run(stop).await });
    }
    let mut customers = JoinSet::new();
    for of in 0..CUSTOMERS {
        let logs = logs.clone();
        customers.spawn(async move {
            let mut random = fastrand::Rng::with_seed(of as u64);
            for round in 0..ROUNDS {
                // The same times: nothing says which is the later one.
                let mut seen = |log: usize| {
                    let word = words[random.usize(0..words.len())];
                    webhook(&format!("{of}-{round}-{log}"), &of.to_string(), status(word), 5)
                };
                let (one, other) = (seen(0), seen(1));
                let (one, other) = tokio::join!(logs[0].record(one), logs[1].record(other));
                for recorded in [one, other] {
                    assert!(matches!(recorded.unwrap(), Recorded::New { .. }), "each id is new");
                }
            }
        });
    }
    while let Some(done) = customers.join_next().await {
        done.unwrap();
    }
    let settled = async {
        while !logs[0].unresolved(None, 1).await.unwrap().is_empty() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(30), settled).await.expect("every doubt is settled");
    stop.cancel();
    while resolvers.join_next().await.is_some() {}
    let end = logs[0].hub().end().position.max(logs[1].hub().end().position);
    for log in &logs {
        comes_to(log, end).await;
    }
    let events = read_all(&logs[0], Position::START, &Scope::ALL, 500).await;
    assert!(events.len() >= CUSTOMERS * ROUNDS * 2);
    let expected = heads_of(&events);
    for log in &logs {
        assert_eq!(read_all(log, Position::START, &Scope::ALL, 500).await, events);
        assert_same_heads(&all_heads(log, &Scope::ALL, 100).await, &expected);
        for of in 0..CUSTOMERS {
            let head = log.head(&entity(&of.to_string())).await.unwrap().unwrap();
            // Where nobody contradicted what was first seen, there was nothing to ask.
            let asked = events.iter().any(|event| event.cause.is_some() && event.observation.entity() == head.entity());
            assert!(!asked || head.subject == status(truth(of)), "{of} is {:?}", head.subject);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_moves_thousands_of_times_misses_nothing_and_hears_nothing_twice() {
    const EVENTS: usize = 800;
    const MOVES: usize = 2000;
    let place = JetStreamPlace::cluster().await;
    let mut logs: Vec<Arc<EventLog>> = Vec::new();
    for _ in 0..3 {
        logs.push(place.replica().await.unwrap());
    }
    let writer = tokio::spawn({
        let logs = logs.clone();
        async move {
            for number in 0..EVENTS {
                let word = ["PENDING", "UNVERIFIED"][number / 10 % 2];
                let seen = webhook(&number.to_string(), &(number % 10).to_string(), status(word), number as i64);
                record(&logs[number % 3], seen).await;
            }
        }
    });
    let mut random = fastrand::Rng::with_seed(7);
    let mut client = Client::new(Scope::ALL);
    let mut moves = 0;
    while moves < MOVES || client.changes.len() < EVENTS {
        let log = &logs[random.usize(0..3)];
        let all = client.take(log, random.usize(1..4)).await;
        client.disconnect();
        moves += 1;
        if all && !writer.is_finished() {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(moves < 100 * MOVES, "only {} changes were heard", client.changes.len());
    }
    writer.await.unwrap();
    let events = read_all(&logs[0], Position::START, &Scope::ALL, 500).await;
    assert_eq!(client.changes, events, "every change once, in order");
    assert_eq!((client.expired, events.len()), (0, EVENTS));
}

/// A replica whose server is paused, another one, and what only that one knows of; the server that is paused.
async fn lagging(nats: &Nats, place: &JetStreamPlace) -> (Arc<EventLog>, Arc<EventLog>, Position, usize) {
    for round in 1..10 {
        let follower = (nats.leader_of(&place.stream("events")).await + 1) % 3;
        let mut options = place.options();
        options.servers.remove(follower);
        let ahead = jetstream::open(options, place.shared_clock()).await.unwrap();
        let ahead: Arc<EventLog> = Arc::new(ahead);
        record(&ahead, webhook(&format!("{round}a"), "a", status("PENDING"), 2 * round)).await;
        let mut options = place.options();
        options.servers = vec![nats.servers()[follower].clone()];
        let behind = jetstream::open(options, place.shared_clock()).await.unwrap();
        let behind: Arc<EventLog> = Arc::new(behind);
        nats.pause(follower);
        let began = Instant::now();
        let (position, _) = record(&ahead, webhook(&format!("{round}b"), "a", status("APPROVED"), 2 * round + 1)).await;
        if began.elapsed() < Duration::from_secs(1) {
            return (ahead, behind, position, follower);
        }
        // The servers elected another leader meanwhile, and the client that hears nothing goes to another server then.
        nats.go_on(follower);
        ahead.close().await;
        behind.close().await;
    }
    panic!("there is always an election");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_lags_waits_for_what_a_token_says() {
    let nats = Arc::new(Nats::cluster().await);
    let place = JetStreamPlace::on(Arc::clone(&nats), |_| {});
    place.replica().await.unwrap().close().await;
    let (ahead, behind, position, follower) = lagging(&nats, &place).await;
    let mark: Mark = ahead.hub().end();
    let epoch = ahead.lineage().epoch;
    assert_eq!(behind.lineage().epoch, epoch);
    let admitting = behind.admit(epoch, mark);
    tokio::pin!(admitting);
    let early = timeout(Duration::from_millis(700), &mut admitting).await;
    assert!(early.is_err(), "it cannot know yet: {early:?}");
    let as_of = behind.as_of();
    place.clock().advance(Duration::from_secs(60));
    assert_eq!(behind.as_of(), as_of, "a replica that hears nothing does not claim to be current");
    nats.go_on(follower);
    // Behind a server that was away it may take longer than one wait.
    let mut admitted = admitting.await;
    for _ in 0..3 {
        if let Err(LogError::Unavailable { .. }) = admitted {
            admitted = behind.admit(epoch, mark).await;
        }
    }
    assert_eq!(admitted, Ok(()));
    assert!(behind.hub().end().position >= position);
}

/// A duty that somebody had: who, from when, and until when at most.
#[derive(Debug, Clone, Copy)]
struct Held {
    by: usize,
    from: Instant,
    until: Instant,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duty_is_one_replicas_at_a_time_and_goes_over_when_its_holder_stops() {
    let place = JetStreamPlace::on(Nats::shared_cluster().await, |options| options.lease = Duration::from_secs(2));
    let ttl = Duration::from_secs(2);
    let mut replicas = JoinSet::new();
    let end = Instant::now() + Duration::from_secs(12);
    for by in 0..3 {
        let log = place.replica().await.unwrap();
        replicas.spawn(async move { hold_and_pause(&log, by, ttl, end).await });
    }
    let mut held: Vec<Held> = replicas.join_all().await.into_iter().flatten().collect();
    held.sort_by_key(|held| held.from);
    assert!(held.len() >= 4, "{held:?}");
    for pair in held.windows(2) {
        let [one, other] = pair else { unreachable!() };
        assert!(one.by == other.by || one.until <= other.from, "two had it at once: {pair:?}");
        // The lease's time, what the server takes to notice, and the time between two tries.
        let vacant = other.from.saturating_duration_since(one.until);
        assert!(vacant < ttl + Duration::from_secs(2), "nobody took it for {vacant:?}");
    }
    let handed_over = held.windows(2).filter(|pair| pair[0].by != pair[1].by).count();
    assert!(handed_over >= 2, "it never went over to another replica: {held:?}");
}

/// Takes the duty whenever it can, renews it once, and then stops as if it were paused for longer than the lease.
async fn hold_and_pause(log: &Arc<EventLog>, by: usize, ttl: Duration, end: Instant) -> Vec<Held> {
    let mut held = Vec::new();
    while Instant::now() < end {
        let from = Instant::now();
        let Some(lease) = log.leases().acquire(Duty::Resolve, ttl).await.unwrap() else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        held.push(Held { by, from, until: lease.until.unwrap() });
        let from = Instant::now();
        let lease: Lease = log.leases().renew(lease, ttl).await.unwrap().expect("nobody can have taken it");
        held.push(Held { by, from, until: lease.until.unwrap() });
        sleep(ttl * 2).await;
        // Whoever comes back after that long has to be told.
        if let Some(lease) = log.leases().renew(lease, ttl).await.unwrap() {
            panic!("{by} had the duty again after a pause: {lease:?}");
        }
    }
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_are_remembered_for_eight_days_and_over_a_restart_of_every_server() {
    let nats = Arc::new(Nats::cluster().await);
    let place = JetStreamPlace::on(Arc::clone(&nats), |_| {});
    let log: Arc<EventLog> = place.replica().await.unwrap();
    let context = nats.jetstream().await;
    let window = context.get_stream(place.stream("events")).await.unwrap().cached_info().config.duplicate_window;
    assert!(window >= IDS_KEPT && IDS_KEPT == Duration::from_secs(8 * 24 * 60 * 60));
    drop(log);

    let place = JetStreamPlace::on(Arc::clone(&nats), |options| options.duplicate_window = Duration::from_secs(120));
    let log: Arc<EventLog> = place.replica().await.unwrap();
    let (position, _) = record(&log, webhook("1", "a", status("PENDING"), 1)).await;
    nats.restart_all().await;
    // What a replica says that knows nothing but what the servers say.
    let other: Arc<EventLog> = place.replica().await.unwrap();
    for log in [&log, &other] {
        let copy = recorded_at_last(log, "1").await;
        assert_eq!(copy, Recorded::Duplicate { position });
    }
    // The servers themselves know the id, whatever the replicas have.
    let subject = format!("{}.Q3VzdG9tZXI6Yg.status", place.stream("").trim_end_matches('-'));
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Msg-Id", id("1").as_str());
    let context = nats.jetstream().await;
    let ack = context.publish_with_headers(subject, headers, "x".into()).await.unwrap().await.unwrap();
    assert!(ack.duplicate, "{ack:?}");
    assert_eq!(read_all(&other, Position::START, &Scope::ALL, 10).await.len(), 1);
}

/// Records, as often as it takes while servers find each other again.
async fn recorded_at_last(log: &Arc<EventLog>, name: &str) -> Recorded {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match log.record(webhook(name, "a", status("PENDING"), 1)).await {
            Ok(recorded) => return recorded,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}
