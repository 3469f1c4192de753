//! Three replicas and three NATS servers, while replicas and servers die, the leader too, and the quorum is lost and found.
//!
//! `GRIDGATE_CHAOS_SEED` repeats a run as far as chance goes, and `GRIDGATE_CHAOS_STEPS` makes it longer
//! (`scripts/chaos`).

// The seed has to be seen where a run failed.
#![allow(clippy::print_stdout)]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use gridgate::pb::ListKycEventsRequest;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::grid::{Grid, webhook};
use super::replica::Replicas;
use super::watcher::Watcher;
use crate::support::nats::Nats;

const CUSTOMERS: usize = 20;
const WATCHERS: usize = 6;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_comes_once_and_in_order_everywhere_whatever_dies() {
    let seed = number("GRIDGATE_CHAOS_SEED", fastrand::u64(..1_000_000));
    let steps = usize::try_from(number("GRIDGATE_CHAOS_STEPS", 14)).unwrap();
    println!("GRIDGATE_CHAOS_SEED={seed} GRIDGATE_CHAOS_STEPS={steps}");
    let nats = Arc::new(Nats::cluster().await);
    let grid = Arc::new(Grid::new());
    let prefix = format!("chaos{seed}");
    let env = [
        ("GRIDGATE_EVENT_LOG", nats.url()),
        ("GRIDGATE_NATS_PREFIX", prefix.clone()),
        ("GRID_WEBHOOK_PUBKEY", grid.public_key()),
    ];
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let replicas = Arc::new(Replicas::start(3, &env).await);
    let deadline = Instant::now() + Duration::from_secs(120 + 5 * u64::try_from(steps).unwrap());

    let mut watching = JoinSet::new();
    for watcher in 0..WATCHERS {
        let replicas = Arc::clone(&replicas);
        watching.spawn(async move {
            let mut watcher = Watcher::new(seed + watcher as u64);
            watcher.hear(&replicas, CUSTOMERS * steps, deadline).await;
            watcher
        });
    }
    let mut sending = JoinSet::new();
    for customer in 0..CUSTOMERS {
        let (grid, replicas) = (Arc::clone(&grid), Arc::clone(&replicas));
        let random = fastrand::Rng::with_seed(seed ^ (customer as u64) << 20);
        sending.spawn(async move { send_all(&grid, &replicas, customer, steps, random, deadline).await });
    }
    let destroying = tokio::spawn({
        let (nats, replicas, stream) = (Arc::clone(&nats), Arc::clone(&replicas), format!("{prefix}-events"));
        async move { destroy(&nats, &replicas, &stream, seed).await }
    });

    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
    destroying.await.unwrap();
    let mut streams = 0;
    while let Some(watcher) = watching.join_next().await {
        let mut watcher = watcher.unwrap();
        streams += watcher.streams;
        for customer in 0..CUSTOMERS {
            let name = format!("Customer:{customer}");
            let heard: Vec<_> = watcher.heard.iter().filter(|(of, _)| *of == name).map(|(_, id)| id.clone()).collect();
            let sent: Vec<_> = (0..steps).map(|step| webhook(customer, step, false).0).collect();
            assert_eq!(heard, sent, "{name}: each once, in order");
        }
        for at in 0..replicas.count() {
            watcher.hear_nothing_more(replicas.grpc(at).unwrap()).await;
        }
    }
    for at in 0..replicas.count() {
        let ids = listed(&replicas, at).await;
        let different: HashSet<_> = ids.iter().collect();
        assert_eq!((ids.len(), different.len()), (CUSTOMERS * steps, CUSTOMERS * steps), "what replica {at} lists");
    }
    println!("{} changes, {WATCHERS} watchers on {streams} streams", CUSTOMERS * steps);
}

/// A customer's webhooks, one after the other, each to some replica and perhaps at once to another one, until one has it.
async fn send_all(
    grid: &Grid,
    replicas: &Replicas,
    customer: usize,
    steps: usize,
    mut random: fastrand::Rng,
    deadline: Instant,
) {
    for step in 0..steps {
        let (id, body) = webhook(customer, step, step + 1 == steps);
        loop {
            assert!(Instant::now() < deadline, "nobody takes {id}");
            let to = random.usize(0..replicas.count());
            let copy = random.bool().then(|| (to + 1 + random.usize(0..2)) % replicas.count());
            let one = send(grid, replicas, Some(to), &body);
            let (one, other) = tokio::join!(one, send(grid, replicas, copy, &body));
            let taken = [one, other].into_iter().flatten().filter(|status| {
                assert!([200, 409, 503].contains(status), "{id} was answered {status}");
                *status != 503
            });
            if taken.count() > 0 {
                break;
            }
            sleep(Duration::from_millis(random.u64(20..200))).await;
        }
        sleep(Duration::from_millis(random.u64(0..2500))).await;
    }
}

async fn send(grid: &Grid, replicas: &Replicas, to: Option<usize>, body: &str) -> Option<u16> {
    grid.send(replicas.webhook(to?)?, body).await
}

/// What dies, and when.
async fn destroy(nats: &Nats, replicas: &Replicas, stream: &str, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed ^ 0xdead);
    let mut some_time = move |least: u64| sleep(Duration::from_millis(least + random.u64(0..800)));
    some_time(1000).await;
    let victim = usize::try_from(seed % 3).unwrap();
    replicas.kill(victim).await;
    some_time(1000).await;
    replicas.revive(victim).await;

    let leader = nats.leader_of(stream).await;
    nats.kill((leader + 1) % 3);
    some_time(1500).await;
    nats.revive((leader + 1) % 3);
    some_time(1000).await;

    let leader = nats.leader_of(stream).await;
    nats.kill(leader);
    some_time(2500).await;
    nats.revive(leader);
    some_time(1000).await;

    // Two of three: nothing can be recorded until one is back.
    let leader = nats.leader_of(stream).await;
    nats.kill(leader);
    nats.pause((leader + 1) % 3);
    some_time(3500).await;
    nats.go_on((leader + 1) % 3);
    some_time(500).await;
    nats.revive(leader);
    some_time(500).await;
    replicas.kill((victim + 1) % 3).await;
    some_time(300).await;
    replicas.revive((victim + 1) % 3).await;
}

/// The ids of everything that a replica lists.
async fn listed(replicas: &Replicas, at: usize) -> Vec<String> {
    let address = format!("http://{}", replicas.grpc(at).unwrap());
    let mut client = KycEventServiceClient::connect(address).await.unwrap();
    let (mut ids, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListKycEventsRequest { page_token, ..ListKycEventsRequest::default() };
        let page = client.list_kyc_events(request).await.unwrap().into_inner();
        ids.extend(page.events.into_iter().map(|event| match event.event.unwrap() {
            gridgate::pb::kyc_event::Event::StatusChange(change) => change.record.unwrap().event_id,
            gridgate::pb::kyc_event::Event::VerificationUpdate(update) => update.record.unwrap().event_id,
        }));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return ids;
        }
    }
}
