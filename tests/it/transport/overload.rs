//! Ten times the load that can be served. `scripts/overload` prints the numbers, of the program as a process of its own; here
//! is asserted what does not depend on the machine.

use crate::support::app::{TestApp, free_ports};
use crate::support::process::Process;
use crate::support::soon;
use axum::Router;
use gridgate::config::settings;
use gridgate::pb;
use gridgate::pb::platform_service_client::PlatformServiceClient;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt as _;

/// A Grid that takes its time, and notices how much is asked of it at once.
struct Slow {
    base_url: String,
    at_once: Arc<AtomicU32>,
    _serving: AbortOnDropHandle<()>,
}

impl Slow {
    /// One that takes `service_time` for an answer.
    async fn start(service_time: Duration) -> Slow {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/grid/2025-10-13", listener.local_addr().unwrap());
        let (now, at_once) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let most = Arc::clone(&at_once);
        let router = Router::new().fallback(move || {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                sleep(service_time).await;
                now.fetch_sub(1, SeqCst);
                ([("content-type", "application/json")], "{}")
            }
        });
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Slow { base_url, at_once, _serving: AbortOnDropHandle::new(serving) }
    }
}

/// What callers saw.
#[derive(Debug, Default)]
struct Seen {
    accepted: Vec<Duration>,
    refused: Vec<Duration>,
}

type Caller = PlatformServiceClient<Channel>;

/// Callers with a connection each, made all at once, as they are when another replica has gone.
async fn callers(addr: SocketAddr, count: u32) -> Vec<Caller> {
    let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap();
    let connecting = (0..count).map(|_| async { Caller::new(endpoint.connect().await.unwrap()) });
    futures_util::future::join_all(connecting).await
}

/// Each caller begins a call every `pace` for `time`, more or less, unless its last one takes longer. A `pace` that is Grid's service
/// time makes as many callers as there are places the load that can be served, and ten times as many ten times that load,
/// since whoever is refused comes back as if it had been answered. Whatever is neither an answer nor a right refusal is a panic.
async fn load(callers: &[Caller], pace: Duration, time: Duration) -> Seen {
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for (number, caller) in callers.iter().enumerate() {
        let (mut client, share) = (caller.clone(), number as f64 / callers.len() as f64);
        tasks.spawn(async move {
            let mut seen = Seen::default();
            sleep(pace.mul_f64(share)).await;
            while Instant::now() < end {
                let began = Instant::now();
                match client.get_platform_config(pb::GetPlatformConfigRequest {}).await {
                    Ok(_) => seen.accepted.push(began.elapsed()),
                    Err(status) => {
                        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                        assert_eq!(status.get_details_error_info().unwrap().reason, "OVERLOADED");
                        assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
                        seen.refused.push(began.elapsed());
                    }
                }
                // Never in step with each other, or bursts and breaks would be measured.
                sleep_until(began + pace.mul_f64(0.5 + fastrand::f64())).await;
            }
            seen
        });
    }
    let mut all = Seen::default();
    while let Some(seen) = tasks.join_next().await {
        let seen = seen.unwrap();
        all.accepted.extend(seen.accepted);
        all.refused.extend(seen.refused);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_times_the_load_is_answered_or_refused_and_grid_hears_no_more_than_it_may() {
    const PLACES: u32 = 4;
    const SERVICE_TIME: Duration = Duration::from_millis(20);
    let slow = Slow::start(SERVICE_TIME).await;
    let sources = free_ports().with(&settings::GRPC_MAX_CALLS, PLACES.to_string());
    let app = TestApp::in_front_of(&slow.base_url, sources).await;
    let many = callers(app.addresses.grpc, 10 * PLACES).await;
    let calls = load(&many, SERVICE_TIME, Duration::from_secs(2));
    let Seen { accepted, refused } = soon("the load", calls).await;
    assert!(!accepted.is_empty() && !refused.is_empty(), "{} accepted, {} refused", accepted.len(), refused.len());
    assert!(slow.at_once.load(SeqCst) <= PLACES);
    // It serves on as before.
    let calls = load(&many[..PLACES as usize], SERVICE_TIME, Duration::from_millis(200));
    let after = soon("the load", calls).await;
    assert!(after.refused.is_empty() && !after.accepted.is_empty());
    app.stop().await.unwrap();
}

/// Those that a busy server has not come to yet are kept, where the system lets it keep them.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn hundreds_may_connect_before_the_first_is_accepted() {
    let allowed: usize = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (_listener, addr) = gridgate::server::listen(&settings::GRPC_ADDR, any).unwrap();
    let mut waiting = Vec::new();
    for _ in 0..allowed.min(500) {
        waiting.push(soon("the next connection", TcpStream::connect(addr)).await.unwrap());
    }
}

/// Run by `scripts/overload`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and asserts nothing of what it measures: scripts/overload runs it"]
async fn measure() {
    const PLACES: u32 = 64;
    const SERVICE_TIME: Duration = Duration::from_secs(1);
    const TIME: Duration = Duration::from_secs(12);
    let slow = Slow::start(SERVICE_TIME).await;
    let (places, directory) = (PLACES.to_string(), tempfile::tempdir().unwrap());
    let environment = [
        ("GRID_CLIENT_ID", "id"),
        ("GRID_CLIENT_SECRET", "secret"),
        ("LIGHTSPARK_GRID_BASE_URL", slow.base_url.as_str()),
        ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_EVENT_LOG", "temporary"),
        ("GRIDGATE_RECONCILE_INTERVAL", "0s"),
        (settings::GRPC_MAX_CALLS.env, places.as_str()),
    ];
    let mut program = Process::start_in(directory.path(), &["serve"], &environment);
    let grpc = program.json_line().await["grpc"].parse().unwrap();
    let many = callers(grpc, 10 * PLACES).await;
    let mut first_of_ten = None;
    for times in [1, 2, 5, 10, 10, 10, 10] {
        let before = program.memory().await / 1024;
        let mut calls = pin!(load(&many, SERVICE_TIME * 10 / times, TIME));
        let mut most = before;
        let Seen { mut accepted, mut refused } = loop {
            tokio::select! {
                seen = &mut calls => break seen,
                () = sleep(Duration::from_millis(100)) => most = most.max(program.memory().await / 1024),
            }
        };
        let (accepted, refused) = (Summary::of(&mut accepted), Summary::of(&mut refused));
        print(&format!("{times:>2} x  accepted {accepted}  refused {refused}  memory {before} KiB, at most {most}"));
        if times == 10 {
            let first = *first_of_ten.get_or_insert(most);
            assert!(most <= first + 2048, "memory grows: {most} KiB, and {first} KiB in the first round");
        }
    }
    assert!(slow.at_once.load(SeqCst) <= PLACES);
    program.signal("TERM").await;
    assert!(program.ended().await.status.success());
}

struct Summary {
    count: usize,
    median: Duration,
    p99: Duration,
}

impl Summary {
    fn of(times: &mut [Duration]) -> Summary {
        times.sort_unstable();
        let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
        let (median, p99) = (at(50).copied().unwrap_or_default(), at(99).copied().unwrap_or_default());
        Summary { count: times.len(), median, p99 }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Summary { count, median, p99 } = self;
        write!(f, "{count:>6} (median {median:>9.2?}, p99 {p99:>9.2?})")
    }
}

fn print(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}
