//! The other process: Grid, and one caller that waits for each answer before it calls again.

use std::io::{Stdin, stdin};

use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use crate::{ROUNDS, upstream};

/// Says Grid's address, hears gridgate's, and then makes rounds of calls: it names the method, waits for a line, calls,
/// and says "done".
pub fn run(calls: usize) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut servers = JoinSet::new();
        println!("{}", upstream::start(&mut servers).await);
        let input = stdin();
        let gridgate = line(&input);
        let channel = Endpoint::from_shared(format!("http://{}", gridgate.trim())).unwrap().connect().await.unwrap();
        let mut client = CustomerServiceClient::new(channel);
        for method in ["GetCustomer", "CreateCustomer"] {
            for _ in 0..ROUNDS {
                println!("{method}");
                line(&input);
                for _ in 0..calls {
                    call(&mut client, method).await;
                }
                println!("done");
            }
        }
    });
}

fn line(input: &Stdin) -> String {
    let mut line = String::new();
    input.read_line(&mut line).unwrap();
    line
}

async fn call(client: &mut CustomerServiceClient<Channel>, method: &str) {
    let customer = match method {
        "GetCustomer" => {
            let customer_id = "Customer:0197c3a1-0000-7000-8000-000000000001".to_owned();
            client.get_customer(pb::GetCustomerRequest { customer_id }).await.unwrap().into_inner().customer
        }
        "CreateCustomer" => client.create_customer(create()).await.unwrap().into_inner().customer,
        other => panic!("{other} is not called here"),
    };
    assert!(customer.is_some_and(|customer| !customer.id.is_empty()));
}

fn create() -> pb::CreateCustomerRequest {
    pb::CreateCustomerRequest {
        platform_customer_id: Some("bench-1".to_owned()),
        customer_type: pb::CustomerType::Individual.into(),
        region: Some("US".to_owned()),
        currencies: vec!["USD".to_owned(), "USDC".to_owned()],
        email: Some("pat@example.com".to_owned()),
        ..Default::default()
    }
}
