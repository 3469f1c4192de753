//! GetKycStatus calls a second, beside a bare tonic echo.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gridgate::pb;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use tokio::task::JoinSet;
use tonic::transport::Endpoint;

use crate::grid::{self, Grid};
use crate::gridgate;
use crate::senders::Sender;
use crate::support::{Server, thousands};

const CALLERS: usize = 64;
const CONNECTIONS: usize = 4;
const CUSTOMERS: usize = 1_000;
const TIME: Duration = Duration::from_secs(4);
const ROUNDS: usize = 3;

pub async fn measure() {
    let grid = Grid::new();
    let server = gridgate(&grid).await;
    let mut sender = Sender::connect(server.address("webhook")).await;
    for number in 0..CUSTOMERS {
        sender.send(&grid.request(2 * number)).await;
    }
    let bare = Server::bare(&["broadcast"]).await;
    println!("GetKycStatus of {CUSTOMERS} customers, {CALLERS} callers on {CONNECTIONS} connections, in turns:");
    for round in 1..=ROUNDS {
        let theirs = calls(bare.address("grpc")).await;
        let ours = calls(server.address("grpc")).await;
        println!(
            "  round {round}: gridgate {} calls a second, a bare tonic echo {}; ratio {:.2}",
            thousands(ours),
            thousands(theirs),
            ours / theirs
        );
    }
    bare.stop().await;
    server.stop().await;
}

async fn calls(server: SocketAddr) -> f64 {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(Endpoint::from_shared(format!("http://{server}")).unwrap().connect().await.unwrap());
    }
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for caller in 0..CALLERS {
        let mut client = KycEventServiceClient::new(channels[caller % CONNECTIONS].clone());
        running.spawn(async move {
            let mut made = 0usize;
            while begin.elapsed() < TIME {
                let customer_id = grid::customer((caller * 31 + made) % CUSTOMERS);
                let request = pb::GetKycStatusRequest { customer_id, ..Default::default() };
                let answer = client.get_kyc_status(request).await.unwrap().into_inner();
                assert!(answer.customer.is_some_and(|customer| !customer.customer_id.is_empty()));
                made += 1;
            }
            made
        });
    }
    let made: usize = running.join_all().await.into_iter().sum();
    made as f64 / begin.elapsed().as_secs_f64()
}
