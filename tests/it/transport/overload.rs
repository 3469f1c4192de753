//! Ten times the load that can be served. `scripts/overload` prints the numbers; here is asserted what does not depend on
//! the machine.

use crate::support::app::{TestApp, free_ports};
use crate::support::soon;
use axum::Router;
use gridgate::config::settings;
use gridgate::pb;
use gridgate::pb::platform_service_client::PlatformServiceClient;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use tonic::Code;
use tonic::transport::Endpoint;
use tonic_types::StatusExt as _;

/// What Grid takes for an answer.
const SERVICE_TIME: Duration = Duration::from_millis(20);

/// A Grid that takes its time, and notices how much is asked of it at once.
struct Slow {
    base_url: String,
    at_once: Arc<AtomicU32>,
    _serving: AbortOnDropHandle<()>,
}

impl Slow {
    async fn start() -> Slow {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/grid/2025-10-13", listener.local_addr().unwrap());
        let (now, at_once) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let most = Arc::clone(&at_once);
        let router = Router::new().fallback(move || {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                sleep(SERVICE_TIME).await;
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

/// `callers` call again and again for `time`, each after a pause. Whatever is neither an answer nor a right refusal is a
/// panic.
async fn load(addr: std::net::SocketAddr, callers: usize, time: Duration) -> Seen {
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for number in 0..callers {
        let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap();
        tasks.spawn(async move {
            let mut client = PlatformServiceClient::new(endpoint.connect().await.unwrap());
            let mut seen = Seen::default();
            sleep(SERVICE_TIME.mul_f64(f64::from(u32::try_from(number % 16).unwrap()) / 16.0)).await;
            while Instant::now() < end {
                let began = Instant::now();
                match client.get_platform_config(pb::GetPlatformConfigRequest {}).await {
                    Ok(_) => seen.accepted.push(began.elapsed()),
                    Err(status) => {
                        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                        assert_eq!(status.get_details_error_info().unwrap().reason, "OVERLOADED");
                        assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
                        seen.refused.push(began.elapsed());
                        // It does not do as it is told, and comes back at once.
                        sleep(SERVICE_TIME / 4).await;
                    }
                }
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

async fn app(slow: &Slow, places: u32) -> TestApp {
    let sources =
        free_ports().with(&settings::GRPC_MAX_CALLS, places.to_string()).with(&settings::GRPC_MAX_CONNECTIONS, "4096");
    TestApp::in_front_of(&slow.base_url, sources).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_times_the_load_is_answered_or_refused_and_grid_hears_no_more_than_it_may() {
    const PLACES: u32 = 4;
    let slow = Slow::start().await;
    let app = app(&slow, PLACES).await;
    let calls = load(app.addresses.grpc, 10 * PLACES as usize, Duration::from_secs(2));
    let Seen { accepted, refused } = soon("the load", calls).await;
    assert!(!accepted.is_empty() && !refused.is_empty(), "{} accepted, {} refused", accepted.len(), refused.len());
    assert!(slow.at_once.load(SeqCst) <= PLACES);
    // It serves on as before.
    let after = soon("the load", load(app.addresses.grpc, PLACES as usize, Duration::from_millis(200))).await;
    assert!(after.refused.is_empty() && !after.accepted.is_empty());
    app.stop().await.unwrap();
}

/// Run by `scripts/overload`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and asserts nothing: scripts/overload runs it"]
async fn measure() {
    const PLACES: u32 = 64;
    let slow = Slow::start().await;
    let app = app(&slow, PLACES).await;
    for times in [1, 2, 5, 10] {
        let before = resident();
        let Seen { mut accepted, mut refused } =
            load(app.addresses.grpc, times * PLACES as usize, Duration::from_secs(5)).await;
        let (accepted, refused) = (Summary::of(&mut accepted), Summary::of(&mut refused));
        print(&format!("{times:>2} x  accepted {accepted}  refused {refused}  memory {before} -> {} KiB", resident()));
    }
    app.stop().await.unwrap();
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

/// The memory of this process, callers and all, in KiB; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn print(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}
