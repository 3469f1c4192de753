//! What many replicas cost: ingest and fan-out of the event log on JetStream with 1, 2 and 3 replicas, beside the same
//! client publishing straight to JetStream with the same settings, and beside the log in a file.
//!
//! Run it with `scripts/bench replicas [SECONDS_PER_ROUND] [WRITERS]`. Three NATS servers, the replicas (all in this process)
//! and the load share the machine, so more replicas cannot mean more throughput here; what counts is the distance to
//! JetStream itself.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "../../tests/it/support/nats.rs"]
#[allow(dead_code)]
mod nats;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::event::{Observation, Subject};
use gridgate::kyc::id::{CustomerId, ObservationId};
use gridgate::kyc::log::jetstream::{self, JetStreamOptions};
use gridgate::kyc::log::sqlite::{self, SqliteOptions};
use gridgate::kyc::log::{EventLog, Scope};
use gridgate::kyc::status::KycStatus;
use jiff::Timestamp;
use tokio::task::JoinSet;

/// How many customers the events are about.
const CUSTOMERS: u64 = 10_000;

static NUMBER: AtomicU64 = AtomicU64::new(0);

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let time = Duration::from_secs(numbers.next().unwrap_or(5));
    let writers = usize::try_from(numbers.next().unwrap_or(64)).unwrap();
    let nats = nats::Nats::cluster().await;
    println!(
        "{writers} writers, each waiting for its answer; {time:?} a round; NATS: three servers, sync_interval always"
    );
    println!("{:>28}  {:>10}  {:>10}  {:>10}  {:>12}  {:>12}", "", "events/s", "p50", "p99", "heard p50", "heard p99");

    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions::at(directory.path().join("events.db"));
    let file: Arc<EventLog> = Arc::new(sqlite::open(options, Arc::new(SystemClock)).unwrap());
    let in_file = ingest(&[Arc::clone(&file)], writers, time).await.print("SQLite, one process");
    file.close().await;
    let events = NUMBER.load(Ordering::Relaxed);
    let bytes = std::fs::metadata(directory.path().join("events.db")).unwrap().len();
    println!("{:>28}  {} bytes of file per event, with its share of {CUSTOMERS} heads", "", bytes / events);

    let straight = straight(&nats, writers, time).await.print("straight to JetStream");
    for count in 1..=3 {
        let mut replicas: Vec<Arc<EventLog>> = Vec::new();
        for _ in 0..count {
            let options = JetStreamOptions { prefix: format!("bench{count}"), ..JetStreamOptions::at(nats.servers()) };
            replicas.push(Arc::new(jetstream::open(options, Arc::new(SystemClock)).await.unwrap()));
        }
        let measured = ingest(&replicas, writers, time).await.print(&format!("gridgate, {count} replicas"));
        println!(
            "{:>28}  {:.2} of JetStream's throughput; median {:+.2?} ms against JetStream, {:+.2?} ms against SQLite",
            "",
            measured.per_second / straight.per_second,
            millis(measured.recorded.p50) - millis(straight.recorded.p50),
            millis(measured.recorded.p50) - millis(in_file.recorded.p50),
        );
        for replica in replicas {
            replica.close().await;
        }
        let stream = nats.jetstream().await.get_stream(format!("bench{count}-events")).await.unwrap();
        let state = &stream.cached_info().state;
        println!("{:>28}  {} bytes of stream per event", "", state.bytes / state.messages.max(1));
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Medians and tails.
#[derive(Debug, Clone, Copy)]
struct Spread {
    p50: Duration,
    p99: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at =
            |share: f64| times.get(((times.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or_default();
        Self { p50: at(0.5), p99: at(0.99) }
    }
}

struct Measured {
    per_second: f64,
    recorded: Spread,
    /// From handing an observation in at one replica to hearing of it at every replica.
    heard: Option<Spread>,
}

impl Measured {
    fn print(self, name: &str) -> Self {
        let Spread { p50, p99 } = self.recorded;
        print!("{name:>28}  {:>10.0}  {p50:>10.2?}  {p99:>10.2?}", self.per_second);
        match self.heard {
            Some(Spread { p50, p99 }) => println!("  {p50:>12.2?}  {p99:>12.2?}"),
            None => println!(),
        }
        self
    }
}

/// An observation that says when it was made.
fn observation() -> Observation {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let now = Timestamp::now();
    let words = ["PENDING", "UNVERIFIED"];
    let status = KycStatus::from_word(words[usize::try_from(number / CUSTOMERS % 2).unwrap()]);
    Observation::webhook(
        ObservationId::parse(&format!("Webhook:{number:036}")).unwrap(),
        Some(now),
        CustomerId::parse(&format!("Customer:{:036}", number % CUSTOMERS)).unwrap(),
        None,
        Subject::Customer { status, deleted: false },
        Some(now),
    )
}

/// Writers spread over the replicas, and a watcher of everything on each.
async fn ingest(replicas: &[Arc<EventLog>], writers: usize, time: Duration) -> Measured {
    let mut watching = JoinSet::new();
    for replica in replicas {
        let mut cursor = replica.hub().watch(&Scope::ALL, replica.hub().end());
        watching.spawn(async move {
            let mut delays = Vec::new();
            let mut batch = Vec::new();
            // Until nothing more comes.
            while tokio::time::timeout(Duration::from_secs(1), cursor.next_batch(&mut batch, 512)).await.is_ok() {
                let now = Timestamp::now();
                for entry in batch.drain(..) {
                    let made = entry.event().observation.updated_at.unwrap_or(now);
                    delays.push(Duration::try_from(now.duration_since(made)).unwrap_or_default());
                }
            }
            delays
        });
    }
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for writer in 0..writers {
        let log = Arc::clone(&replicas[writer % replicas.len()]);
        running.spawn(async move {
            let mut times = Vec::new();
            while begin.elapsed() < time {
                let handed_in = Instant::now();
                log.record(observation()).await.unwrap();
                times.push(handed_in.elapsed());
            }
            times
        });
    }
    let times: Vec<Duration> = running.join_all().await.into_iter().flatten().collect();
    let per_second = times.len() as f64 / begin.elapsed().as_secs_f64();
    let delays: Vec<Duration> = watching.join_all().await.into_iter().flatten().collect();
    Measured { per_second, recorded: Spread::of(times), heard: Some(Spread::of(delays)) }
}

/// The same client and the same stream settings, and nothing of gridgate: a message of the size of an event, with an id and
/// an expected sequence.
async fn straight(nats: &nats::Nats, writers: usize, time: Duration) -> Measured {
    use async_nats::jetstream::message::PublishMessage;
    use async_nats::jetstream::stream::{Compression, Config, DiscardPolicy};
    let context = nats.jetstream().await;
    let config = Config {
        name: "straight".to_owned(),
        subjects: vec!["straight.*".to_owned()],
        discard: DiscardPolicy::New,
        max_bytes: 10 << 30,
        num_replicas: 3,
        duplicate_window: Duration::from_secs(8 * 24 * 60 * 60),
        compression: Some(Compression::S2),
        ..Config::default()
    };
    context.create_stream(config).await.unwrap();
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for writer in 0..writers {
        let context = context.clone();
        running.spawn(async move {
            let (mut times, mut last) = (Vec::new(), 0);
            while begin.elapsed() < time {
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let message = PublishMessage::build()
                    .payload(vec![b'x'; 600].into())
                    .message_id(format!("Webhook:{number:036}"))
                    .expected_last_subject_sequence(last);
                let published = Instant::now();
                let ack = context.send_publish(format!("straight.{writer}"), message).await.unwrap().await.unwrap();
                last = ack.sequence;
                times.push(published.elapsed());
            }
            times
        });
    }
    let times: Vec<Duration> = running.join_all().await.into_iter().flatten().collect();
    Measured {
        per_second: times.len() as f64 / begin.elapsed().as_secs_f64(),
        recorded: Spread::of(times),
        heard: None,
    }
}
