//! Callers that wait for each answer before they call again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

/// What a round of load measured.
pub struct Measured {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

pub async fn run(server: SocketAddr, callers: usize, connections: usize, time: Duration) -> Measured {
    let mut channels = Vec::new();
    for _ in 0..connections {
        channels.push(Endpoint::from_shared(format!("http://{server}")).unwrap().connect().await.unwrap());
    }
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for caller in 0..callers {
        running.spawn(call_until(channels[caller % connections].clone(), begin + time));
    }
    let mut latencies: Vec<Duration> = running.join_all().await.into_iter().flatten().collect();
    let elapsed = begin.elapsed();
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    Measured { per_second: latencies.len() as f64 / elapsed.as_secs_f64(), p50: at(0.5), p99: at(0.99) }
}

async fn call_until(channel: Channel, end: Instant) -> Vec<Duration> {
    let mut client = CustomerServiceClient::new(channel);
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let begin = Instant::now();
        let request =
            pb::GetCustomerRequest { customer_id: "Customer:0197c3a1-0000-7000-8000-000000000001".to_owned() };
        let answer = client.get_customer(request).await.unwrap().into_inner();
        assert!(answer.customer.is_some_and(|customer| !customer.id.is_empty()));
        latencies.push(begin.elapsed());
    }
    latencies
}
