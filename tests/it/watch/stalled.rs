//! Readers that stop reading while 100,000 events pass, and what they cost the process that serves them.
//!
//! That process is this test binary, running [`child`], so that its memory is nobody else's.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::log::EventLog;
use gridgate::kyc::log::sqlite::{self, SqliteOptions};
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tonic::transport::Endpoint;

use super::requests::from_now;
use super::rig::Rig;
use crate::event_log::seen::{status, webhook};
use crate::support::process::memory_of;
use crate::support::soon;
use crate::support::watcher::Watcher;

const EVENTS: usize = 100_000;
const CUSTOMERS: usize = 1_000;
/// How many stop reading. What they have not read is over a gigabyte.
const STALLED: usize = 50;
/// How much more the process may hold for all that, in bytes; what it keeps in memory of any log is a good part of it.
const ALLOWANCE: u64 = 128 * 1024 * 1024;
/// For how many seconds the readers stop once the events have passed (`scripts/soak` has them stop for a minute).
const STALL_VARIABLE: &str = "GRIDGATE_TEST_STALL";
const DIRECTORY: &str = "GRIDGATE_TEST_STALLED_IN";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "how it talks to its parent")]
#[ignore = "is run by the test of this file, in a process of its own"]
async fn child() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let options = SqliteOptions::at(std::path::Path::new(&directory).join("events.db"));
    let log: Arc<EventLog> = Arc::new(sqlite::open(options, Arc::new(SystemClock)).unwrap());
    let rig = Rig::of(&log).await;
    println!("\naddress {}", rig.addr());
    // Each line on standard input is a wish for more; its end is the end.
    let read_line = || std::io::stdin().lines().next();
    while tokio::task::spawn_blocking(read_line).await.unwrap().is_some() {
        write(log.as_ref()).await;
        println!("\nwritten");
    }
    log.close().await;
}

/// Each customer's status changes again and again.
async fn write(log: &EventLog) {
    let mut observations = (0..EVENTS).map(|number| {
        let word = ["PENDING", "UNVERIFIED"][number / CUSTOMERS % 2];
        webhook(&number.to_string(), &format!("c{}", number % CUSTOMERS), status(word), i64::try_from(number).unwrap())
    });
    loop {
        // One change of each customer at once, so that the order of their changes is this one.
        let some: Vec<_> = observations.by_ref().take(CUSTOMERS).map(|observation| log.record(observation)).collect();
        if some.is_empty() {
            return;
        }
        for recorded in futures_util::future::join_all(some).await {
            recorded.unwrap();
        }
    }
}

/// The process. Dropped, it is killed.
struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(directory: &std::path::Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["watch::stalled::child", "--exact", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, stdin, stdout: BufReader::new(stdout).lines() }
    }

    /// What follows this word on a line of its own.
    async fn says(&mut self, word: &str) -> String {
        let wait = async {
            loop {
                let line = self.stdout.next_line().await.unwrap().expect("it goes on");
                if let Some(rest) = line.strip_prefix(word) {
                    return rest.trim().to_owned();
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.expect("it says so")
    }

    async fn memory(&self) -> u64 {
        memory_of(self.child.id().expect("it runs")).await
    }
}

/// A stream that is synced, over a connection that takes little ahead of its reader.
async fn watch(address: &str) -> Watcher {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let endpoint = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    let mut client = KycEventServiceClient::new(soon("connected", endpoint.connect()).await.unwrap());
    let stream = soon("the stream begins", client.watch_kyc_status(from_now())).await.unwrap().into_inner();
    let mut watcher = Watcher::new(stream);
    assert_eq!(watcher.hear().await, "synced");
    watcher
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stderr, reason = "what was measured, for whoever asks with --nocapture")]
async fn readers_that_stop_cost_bounded_memory_delay_nobody_and_then_have_all() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(directory.path());
    let address = process.says("address").await;
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        stalled.push(watch(&address).await);
    }
    let mut reading = watch(&address).await;
    let before = process.memory().await;
    process.stdin.write_all(b"write\n").await.unwrap();
    // Whoever reads has each as it comes, with no pause that is longer than a test waits for anything.
    let heard = reading.hear_several(EVENTS).await;
    process.says("written").await;
    let after = process.memory().await;
    assert!(after < before + ALLOWANCE, "{before} bytes before, {after} after {EVENTS} events for {STALLED} readers");
    if let Ok(seconds) = std::env::var(STALL_VARIABLE) {
        tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap())).await;
    }
    // Two of them read on.
    for _ in 0..2 {
        let mut stream = stalled.pop().unwrap();
        assert!(stream.hear_several(EVENTS).await == heard, "all of it, in the same order");
    }
    let read_on = process.memory().await;
    let mib = |bytes: u64| bytes / (1024 * 1024);
    eprintln!(
        "{STALLED} stalled readers: {} MiB, {} after {EVENTS} events, {} in the end",
        mib(before),
        mib(after),
        mib(read_on)
    );
    assert!(read_on < before + ALLOWANCE, "{before} bytes before, {read_on} after they have read on");
}
