//! The least a team could write: a tonic handler that calls Grid with reqwest and copies the fields over.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use gridgate::pb;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;

#[derive(Clone)]
struct Bare {
    http: reqwest::Client,
    base_url: Arc<str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    id: String,
    platform_customer_id: String,
    customer_type: String,
    region: Option<String>,
    currencies: Vec<String>,
    email: Option<String>,
    phone_number: Option<String>,
    uma_address: Option<String>,
    kyc_status: String,
    full_name: Option<String>,
    birth_date: Option<String>,
    nationality: Option<String>,
    address: Address,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    line1: String,
    line2: Option<String>,
    city: Option<String>,
    state: Option<String>,
    postal_code: String,
    country: String,
}

/// The one method, as generated code serves it. A whole generated service would want all others too.
impl UnaryService<pb::GetCustomerRequest> for Bare {
    type Response = pb::GetCustomerResponse;
    type Future = BoxFuture<Response<pb::GetCustomerResponse>, Status>;

    fn call(&mut self, request: Request<pb::GetCustomerRequest>) -> Self::Future {
        let bare = self.clone();
        Box::pin(async move { bare.get(request.into_inner().customer_id).await })
    }
}

#[derive(Clone)]
struct Server(Bare);

impl NamedService for Server {
    const NAME: &'static str = "gridgate.v1.CustomerService";
}

impl Service<http::Request<Body>> for Server {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        assert_eq!(request.uri().path(), "/gridgate.v1.CustomerService/GetCustomer", "not part of the benchmark");
        let bare = self.0.clone();
        Box::pin(async move { Ok(Grpc::new(ProstCodec::default()).unary(bare, request).await) })
    }
}

impl Bare {
    async fn get(&self, id: String) -> Result<Response<pb::GetCustomerResponse>, Status> {
        let url = format!("{}/customers/{id}", self.base_url);
        let answer = self.http.get(url).basic_auth("bench", Some("bench")).send().await;
        let answer = answer.map_err(|error| Status::unavailable(error.to_string()))?;
        if !answer.status().is_success() {
            return Err(Status::unknown(answer.status().to_string()));
        }
        let customer: Customer = answer.json().await.map_err(|error| Status::unknown(error.to_string()))?;
        Ok(Response::new(pb::GetCustomerResponse { customer: Some(convert(customer)) }))
    }
}

fn convert(customer: Customer) -> pb::Customer {
    let address = customer.address;
    pb::Customer {
        id: customer.id,
        platform_customer_id: customer.platform_customer_id,
        customer_type_raw: customer.customer_type,
        kyc_status_raw: customer.kyc_status,
        region: customer.region,
        currencies: customer.currencies,
        email: customer.email,
        phone_number: customer.phone_number,
        uma_address: customer.uma_address,
        address: Some(pb::Address {
            line1: Some(address.line1),
            line2: address.line2,
            city: address.city,
            state: address.state,
            postal_code: Some(address.postal_code),
            country: Some(address.country),
        }),
        details: Some(pb::customer::Details::Individual(pb::Individual {
            full_name: customer.full_name,
            birth_date: customer.birth_date,
            nationality: customer.nationality,
            ..Default::default()
        })),
        ..Default::default()
    }
}

pub async fn start(servers: &mut JoinSet<()>, upstream: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bare = Bare { http: reqwest::Client::new(), base_url: format!("http://{upstream}/grid/2025-10-13").into() };
    let server = tonic::transport::Server::builder().tcp_nodelay(true).add_service(Server(bare));
    servers.spawn(async move { server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap() });
    address
}
