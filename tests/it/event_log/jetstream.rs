//! The log on JetStream: the suite over one server and over a cluster of three, which answer differently, and what only
//! such a log has.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream;
use async_trait::async_trait;
use gridgate::kyc::clock::Clock as _;
use gridgate::kyc::event::Outcome;
use gridgate::kyc::id::Position;
use gridgate::kyc::log::jetstream::{self, JetStreamOptions, OpenError};
use gridgate::kyc::log::{EventLog, LogError, Quarantined, Recorded, Scope};
use gridgate::kyc::log::{IDS_KEPT, Retention};
use proptest::prelude::*;

use super::model;
use super::seen::{id, status, webhook};
use super::suite::{self, all_heads, read_all, record};
use crate::support::nats::Nats;
use crate::support::nats_relay::NatsRelay;
use crate::support::place::{ManualClock, Place};
use crate::support::soon;

/// The shortest time for which a server can remember ids.
const FORGETS: Duration = Duration::from_millis(100);

mod single {
    use super::JetStreamPlace;

    super::suite::conforms!(JetStreamPlace::single().await);
}

mod cluster {
    use super::JetStreamPlace;

    super::suite::conforms!(JetStreamPlace::cluster().await);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_come_out_as_the_model_says(history in model::history()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let place = JetStreamPlace::forgetful(|options| options.ring_events = 6).await;
            model::play(&place, &history).await;
        });
    }
}

#[tokio::test]
async fn a_stream_that_is_configured_otherwise_is_left_alone_and_named() {
    let nats = Nats::shared_single().await;
    let place = JetStreamPlace::on(Arc::clone(&nats), |_| {});
    let context = nats.jetstream().await;
    let taken = place.stream("x").trim_end_matches("-x").to_owned();
    let config = stream::Config {
        name: place.stream("events"),
        subjects: vec![format!("{taken}.*.*")],
        max_age: Duration::from_secs(3600),
        discard: stream::DiscardPolicy::Old,
        ..stream::Config::default()
    };
    context.create_stream(config).await.unwrap();
    let error = place.replica().await.unwrap_err();
    let OpenError::Differs { stream, differences } = &error else { panic!("{error}") };
    assert_eq!(*stream, place.stream("events"));
    for what in ["max_age", "discard", "max_bytes", "duplicate_window", "gridgate.format"] {
        assert!(differences.contains(what), "{what} is not in: {differences}");
    }
    let found = context.get_stream(place.stream("events")).await.unwrap();
    assert_eq!(found.cached_info().config.max_age, Duration::from_secs(3600));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_together_agree_on_one_log() {
    let place = JetStreamPlace::cluster().await;
    let all = futures_util::future::try_join_all((0..4).map(|_| place.replica())).await.unwrap();
    let epoch = all[0].lineage().epoch;
    assert!(all.iter().all(|log| log.lineage().epoch == epoch));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_at_its_size_limit_refuses_new_events_until_some_are_old_enough() {
    let place = JetStreamPlace::on(Nats::shared_single().await, |options| {
        options.retention = Retention { max_bytes: 300_000, max_age: IDS_KEPT * 10 };
        options.duplicate_window = Duration::from_millis(100);
    });
    let log = place.replica().await.unwrap();
    let shared = Arc::clone(&log);
    let seen = |number: usize| webhook(&format!("{number:050}"), &format!("c{}", number % 20), status("PENDING"), 1);
    let mut taken = 0;
    loop {
        match log.record(seen(taken)).await {
            Ok(_) => taken += 1,
            Err(error) => {
                assert_eq!(error, LogError::Full);
                break;
            }
        }
        assert!(taken < 2_000, "the limit has no effect");
    }
    assert!(log.is_full());
    assert!(matches!(log.record(seen(5)).await, Ok(Recorded::Duplicate { .. })));
    assert_eq!(read_all(&shared, Position::START, &Scope::ALL, 1000).await.len(), taken);
    place.clock().advance(IDS_KEPT + Duration::from_secs(1));
    log.maintain().await.unwrap();
    assert!(!log.is_full());
    assert!(matches!(log.record(seen(taken)).await, Ok(Recorded::New { .. })));
    assert_eq!(all_heads(&shared, &Scope::ALL, 100).await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_whose_stream_did_not_answer_notices_by_itself_when_it_does() {
    let nats = Nats::shared_single().await;
    let place = JetStreamPlace::on(Arc::clone(&nats), |options| options.record_wait = Duration::from_secs(3));
    let relay = NatsRelay::to(&nats.servers()[0]).await;
    let options = JetStreamOptions { servers: vec![relay.server.clone()], ..place.options() };
    let log = Arc::new(jetstream::open(options, place.shared_clock()).await.unwrap());
    let shared = Arc::clone(&log);
    record(&shared, webhook("1", "a", status("PENDING"), 1)).await;
    relay.hold(&format!("{}.", place.stream("").trim_end_matches('-')));
    let refused = shared.record(webhook("2", "b", status("PENDING"), 1)).await;
    assert!(matches!(refused, Err(LogError::Unavailable { .. })), "{refused:?}");
    assert_eq!(shared.condition().trouble.map(|trouble| trouble.name()), Some("failing"));
    relay.release();
    let works = async {
        while shared.condition().trouble.is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon("nothing is recorded here meanwhile that would tell", works).await;
    record(&shared, webhook("3", "c", status("PENDING"), 1)).await;
    // What was tried is no event, to a replica that reads it all, either.
    let other: Arc<EventLog> = place.replica().await.unwrap();
    let events = read_all(&other, Position::START, &Scope::ALL, 100).await;
    assert_eq!(events, read_all(&shared, Position::START, &Scope::ALL, 100).await);
    assert_eq!(events.len(), 3);
    log.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_full_takes_webhooks_again_when_another_replica_has_made_room() {
    let place = JetStreamPlace::on(Nats::shared_single().await, |options| {
        options.retention = Retention { max_bytes: 100_000, max_age: IDS_KEPT };
    });
    let (log, other) = (place.replica().await.unwrap(), place.replica().await.unwrap());
    let seen = |number: usize| webhook(&format!("{number:050}"), "c", status("PENDING"), 1);
    let mut taken = 0;
    while log.record(seen(taken)).await.is_ok() {
        taken += 1;
        assert!(taken < 1_000, "the limit has no effect");
    }
    assert!(log.is_full());
    let odd = Quarantined {
        id: id("odd"),
        kind: "CUSTOMER.KYC_ODD".to_owned(),
        timestamp: None,
        quarantined_at: place.clock().now(),
        reason: "no status".to_owned(),
        field_names: vec![],
        customer: None,
    };
    assert_eq!(log.quarantine().add(odd.clone()).await, Err(LogError::Full));
    place.clock().advance(IDS_KEPT + Duration::from_secs(1));
    other.maintain().await.unwrap();
    // Nothing is recorded here meanwhile that would tell.
    let taken = async {
        loop {
            match log.quarantine().add(odd.clone()).await {
                Err(LogError::Full) => tokio::time::sleep(Duration::from_millis(50)).await,
                taken => return taken,
            }
        }
    };
    assert_eq!(soon("there is room", taken).await, Ok(true));
    assert!(!log.is_full());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_replica_lets_go_of_another_that_comes_later_still_knows() {
    let place = JetStreamPlace::cluster().await;
    let old: Arc<EventLog> = place.replica().await.unwrap();
    for number in 0..30 {
        let word = ["PENDING", "UNVERIFIED"][number / 10 % 2];
        record(&old, webhook(&number.to_string(), &(number % 10).to_string(), status(word), number as i64)).await;
    }
    let heads = all_heads(&old, &Scope::ALL, 100).await;
    let trimming = place.replica().await.unwrap();
    place.clock().advance(IDS_KEPT + Duration::from_secs(1));
    trimming.maintain().await.unwrap();
    let end = old.hub().end();
    let new: Arc<EventLog> = place.replica().await.unwrap();
    assert_eq!(all_heads(&new, &Scope::ALL, 100).await, heads);
    let bounds = new.bounds().await.unwrap();
    assert_eq!((bounds.oldest, bounds.end), (end, end));
    // Neither one that still has the events, nor one that does not, mistakes what comes next for the first.
    let next = webhook("next", "3", status("UNVERIFIED"), 1);
    let (position, outcome) = record(&old, next).await;
    assert_eq!((position > end.position, outcome), (true, Outcome::Superseded));
    let (_, outcome) = record(&new, webhook("another", "4", status("UNVERIFIED"), 2)).await;
    assert_eq!(outcome, Outcome::Superseded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_starts_while_another_one_lets_go_of_events_knows_everything_all_the_same() {
    let nats = Nats::shared_single().await;
    let place = JetStreamPlace::on(Arc::clone(&nats), |_| {});
    let old: Arc<EventLog> = place.replica().await.unwrap();
    // What the new one asks for when it is stopped, each later than the one before.
    let stops = ["CONSUMER.CREATE.{}-heads", "CONSUMER.CREATE.{}-events"];
    for (round, stop) in stops.into_iter().enumerate() {
        for when in ["before", "meanwhile"] {
            for number in 0..10 {
                let of = format!("{round}-{when}-{number}");
                record(&old, webhook(&of, &of, status("PENDING"), 1)).await;
            }
            if when == "before" {
                expire(&place).await;
            }
        }
        let relay = NatsRelay::to(&nats.servers()[0]).await;
        relay.hold(&stop.replace("{}", place.stream("").trim_end_matches('-')));
        let options = JetStreamOptions { servers: vec![relay.server.clone()], ..place.options() };
        let opening = tokio::spawn(jetstream::open(options, place.shared_clock() as _));
        relay.holds().await;
        expire(&place).await;
        relay.release();
        let new = soon("the log is open", opening).await.unwrap();
        let new: Arc<EventLog> = Arc::new(new.unwrap_or_else(|error| panic!("{stop}: {error}")));
        assert_eq!(all_heads(&new, &Scope::ALL, 100).await, all_heads(&old, &Scope::ALL, 100).await, "{stop}");
        record(&new, webhook(&format!("{round}-after"), "after", status("PENDING"), 1)).await;
        new.close().await;
    }
}

/// Lets another replica let go of everything that was recorded until now.
async fn expire(place: &JetStreamPlace) {
    let trimming = place.replica().await.unwrap();
    place.clock().advance(IDS_KEPT + Duration::from_secs(1));
    trimming.maintain().await.unwrap();
    trimming.close().await;
}

/// A log with streams of its own in servers that others may share.
pub struct JetStreamPlace {
    nats: Arc<Nats>,
    prefix: String,
    clock: Arc<ManualClock>,
    options: fn(&mut JetStreamOptions),
    /// For how long servers remember ids, where that is so short that a test can wait for it.
    forgets: Option<Duration>,
    open: tokio::sync::Mutex<Option<Arc<EventLog>>>,
}

impl JetStreamPlace {
    /// On the server that tests share.
    pub async fn single() -> Self {
        Self::on(Nats::shared_single().await, |_| {})
    }

    /// On the cluster that tests share.
    pub async fn cluster() -> Self {
        Self::on(Nats::shared_cluster().await, |_| {})
    }

    /// On the server that tests share; what retention has let go of, the server has soon forgotten too.
    pub async fn forgetful(options: fn(&mut JetStreamOptions)) -> Self {
        let place = Self::on(Nats::shared_single().await, options);
        Self { forgets: Some(FORGETS), ..place }
    }

    pub fn on(nats: Arc<Nats>, options: fn(&mut JetStreamOptions)) -> Self {
        let prefix = format!("t{:x}", fastrand::u64(..));
        Self { nats, prefix, clock: ManualClock::new(), options, forgets: None, open: tokio::sync::Mutex::default() }
    }

    pub fn options(&self) -> JetStreamOptions {
        let mut options = JetStreamOptions::at(self.nats.servers());
        options.prefix.clone_from(&self.prefix);
        options.replicas = self.nats.size();
        options.retention = Retention { max_age: IDS_KEPT, max_bytes: 256 << 20 };
        options.duplicate_window = self.forgets.unwrap_or(options.duplicate_window);
        (self.options)(&mut options);
        options
    }

    pub fn shared_clock(&self) -> Arc<ManualClock> {
        Arc::clone(&self.clock)
    }

    /// The name of one of its streams.
    pub fn stream(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// One more replica of the same log.
    pub async fn replica(&self) -> Result<Arc<EventLog>, OpenError> {
        jetstream::open(self.options(), Arc::clone(&self.clock) as _).await.map(Arc::new)
    }
}

#[async_trait]
impl Place for JetStreamPlace {
    async fn open(&self) -> Arc<EventLog> {
        let mut open = self.open.lock().await;
        if let Some(before) = open.take() {
            before.close().await;
        }
        let log = self.replica().await.unwrap();
        *open = Some(Arc::clone(&log));
        log
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    async fn expire(&self) {
        self.clock.advance(IDS_KEPT + Duration::from_secs(1));
        let log = self.open.lock().await.clone().unwrap();
        log.maintain().await.unwrap();
        if let Some(forgets) = self.forgets {
            // The server's clock cannot be moved. It looks once per window what it may forget.
            tokio::time::sleep(forgets * 4).await;
        }
    }
}
