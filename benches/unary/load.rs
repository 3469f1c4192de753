//! Callers that wait for each answer before they call again.

use std::time::{Duration, Instant};

use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use tokio::task::JoinSet;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

use crate::support::Server;

/// How callers come: so many, spread over so many connections.
#[derive(Clone, Copy)]
pub struct Shape {
    pub name: &'static str,
    pub connections: usize,
    pub callers: usize,
}

/// What a round of load measured.
pub struct Measured {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
    /// What one call took of the server's processor time.
    pub processor_time: Duration,
}

pub async fn run(server: &Server, token: Option<&str>, shape: Shape, time: Duration) -> Measured {
    let Shape { name: _, connections, callers } = shape;
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address("grpc"))).unwrap();
    let mut channels = Vec::new();
    for _ in 0..connections {
        channels.push(endpoint.connect().await.unwrap());
    }
    let authorization: Option<MetadataValue<Ascii>> = token.map(|token| format!("Bearer {token}").parse().unwrap());
    let (begin, used) = (Instant::now(), server.processor_time());
    let mut running = JoinSet::new();
    for caller in 0..callers {
        running.spawn(call_until(channels[caller % connections].clone(), authorization.clone(), begin + time));
    }
    let mut latencies: Vec<Duration> = running.join_all().await.into_iter().flatten().collect();
    let (elapsed, used) = (begin.elapsed(), server.processor_time() - used);
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    Measured {
        per_second: latencies.len() as f64 / elapsed.as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
        processor_time: used.div_f64(latencies.len() as f64),
    }
}

async fn call_until(channel: Channel, authorization: Option<MetadataValue<Ascii>>, end: Instant) -> Vec<Duration> {
    let mut client = CustomerServiceClient::new(channel);
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let begin = Instant::now();
        let customer_id = "Customer:0197c3a1-0000-7000-8000-000000000001".to_owned();
        let mut request = Request::new(pb::GetCustomerRequest { customer_id });
        if let Some(authorization) = &authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        let answer = client.get_customer(request).await.unwrap().into_inner();
        assert!(answer.customer.is_some_and(|customer| !customer.id.is_empty()));
        latencies.push(begin.elapsed());
    }
    latencies
}
