//! The least a team could write: a tonic handler that calls Grid with reqwest and copies the fields over.

use std::net::SocketAddr;

use gridgate::pb;
use gridgate::pb::customer_service_server::{CustomerService, CustomerServiceServer};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

struct Bare {
    http: reqwest::Client,
    base_url: String,
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

/// The methods that this benchmark does not call.
macro_rules! not_called {
    ($($method:ident($request:ty) -> $response:ty;)+) => {
        #[tonic::async_trait]
        impl CustomerService for Bare {
            async fn get_customer(
                &self,
                request: Request<pb::GetCustomerRequest>,
            ) -> Result<Response<pb::GetCustomerResponse>, Status> {
                self.get(request.into_inner().customer_id).await
            }

            $(async fn $method(&self, _: Request<$request>) -> Result<Response<$response>, Status> {
                Err(Status::unimplemented("not part of the benchmark"))
            })+
        }
    };
}

not_called! {
    create_customer(pb::CreateCustomerRequest) -> pb::CreateCustomerResponse;
    list_customers(pb::ListCustomersRequest) -> pb::ListCustomersResponse;
    update_customer(pb::UpdateCustomerRequest) -> pb::UpdateCustomerResponse;
    delete_customer(pb::DeleteCustomerRequest) -> pb::DeleteCustomerResponse;
    create_kyc_link(pb::CreateKycLinkRequest) -> pb::CreateKycLinkResponse;
    send_email_verification(pb::SendEmailVerificationRequest) -> pb::SendEmailVerificationResponse;
    confirm_email_verification(pb::ConfirmEmailVerificationRequest) -> pb::ConfirmEmailVerificationResponse;
    send_phone_verification(pb::SendPhoneVerificationRequest) -> pb::SendPhoneVerificationResponse;
    confirm_phone_verification(pb::ConfirmPhoneVerificationRequest) -> pb::ConfirmPhoneVerificationResponse;
    import_customers(tonic::Streaming<pb::ImportCustomersRequest>) -> pb::ImportCustomersResponse;
    get_import_job(pb::GetImportJobRequest) -> pb::GetImportJobResponse;
    list_agreements(pb::ListAgreementsRequest) -> pb::ListAgreementsResponse;
    get_end_user_terms(pb::GetEndUserTermsRequest) -> pb::GetEndUserTermsResponse;
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
    let bare = Bare { http: reqwest::Client::new(), base_url: format!("http://{upstream}/grid/2025-10-13") };
    let server = tonic::transport::Server::builder().tcp_nodelay(true).add_service(CustomerServiceServer::new(bare));
    servers.spawn(async move { server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap() });
    address
}
