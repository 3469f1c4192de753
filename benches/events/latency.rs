//! From a webhook being sent to a watcher having it, at 1,000 webhooks a second.

use std::time::{Duration, Instant};

use gridgate::pb::WatchKycStatusRequest;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use tokio::task::JoinSet;

use crate::grid::Grid;
use crate::gridgate;
use crate::senders::Sender;

const RATE: usize = 1_000;
const SECONDS: usize = 20;
/// More than are under way at once.
const SENDERS: usize = 64;
/// Watchers of everything beside the one that measures.
const OTHERS: usize = 10;

pub async fn measure() {
    let grid = Grid::new();
    // Each of another customer: of two about one customer the later could overtake the earlier, which would then be no news.
    let requests: Vec<_> = (0..RATE * SECONDS).map(|number| grid.request(2 * number)).collect();
    let server = gridgate(&grid).await;
    let endpoint = format!("http://{}", server.address("grpc"));
    let mut others = JoinSet::new();
    for _ in 0..OTHERS {
        let mut stream = watch(&endpoint).await;
        others.spawn(async move { while let Ok(Some(_)) = stream.message().await {} });
    }
    let mut stream = watch(&endpoint).await;
    let begin = Instant::now() + Duration::from_millis(200);
    let due = move |number: usize| begin + Duration::from_micros((number * 1_000_000 / RATE) as u64);
    let heard = tokio::spawn(async move {
        let mut latencies = Vec::with_capacity(RATE * SECONDS);
        while latencies.len() < RATE * SECONDS {
            let message = stream.message().await.unwrap().expect("the stream goes on");
            if let Some(Event::StatusChange(change)) = message.event {
                let id = change.record.unwrap().webhook_id;
                let number = usize::from_str_radix(id.rsplit('-').next().unwrap(), 16).unwrap() / 2;
                // From the moment it was to be sent, so that a sender that is held up hides nothing.
                latencies.push(due(number).elapsed());
            }
        }
        latencies
    });
    let mut sending = JoinSet::new();
    for first in 0..SENDERS {
        let mut sender = Sender::connect(server.address("webhook")).await;
        let own: Vec<_> =
            (first..requests.len()).step_by(SENDERS).map(|number| (number, requests[number].clone())).collect();
        sending.spawn(async move {
            for (number, request) in own {
                tokio::time::sleep_until(due(number).into()).await;
                sender.send(&request).await;
            }
        });
    }
    sending.join_all().await;
    let mut latencies = heard.await.unwrap();
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    println!(
        "{RATE} webhooks a second for {SECONDS} s, {} watchers of everything, by the wall clock of one of them (its timer has 1 ms steps):",
        OTHERS + 1
    );
    println!("  p50 {:.2?}, p99 {:.2?}, p99.9 {:.2?}, most {:.2?}", at(0.5), at(0.99), at(0.999), at(1.0));
    others.shutdown().await;
    server.stop().await;
}

async fn watch(endpoint: &str) -> tonic::Streaming<gridgate::pb::WatchKycStatusResponse> {
    let mut client = KycEventServiceClient::connect(endpoint.to_owned()).await.unwrap();
    let mut stream = client.watch_kyc_status(WatchKycStatusRequest::default()).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert!(matches!(first.event, Some(Event::Synced(_))));
    stream
}
