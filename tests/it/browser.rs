//! The hosted verification in a real browser: a person opens the link, presses a button, and every watcher hears of it.

use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use tonic::transport::Channel;

use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::soon;
use crate::support::watcher::Watcher;

/// Where pictures of the pages are put, for a person to look at; nowhere without it.
const PICTURES_VARIABLE: &str = "GRIDGATE_TEST_PICTURES";

async fn picture(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os(PICTURES_VARIABLE) {
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), browser.picture().await).unwrap();
    }
}

/// A customer's id, and the link to verify it.
async fn link(customers: &mut CustomerServiceClient<Channel>, request: pb::CreateCustomerRequest) -> (String, String) {
    let created = soon("created", customers.create_customer(request)).await.unwrap().into_inner().customer.unwrap();
    let request = pb::CreateKycLinkRequest { customer_id: created.id.clone(), ..Default::default() };
    let link = soon("a link", customers.create_kyc_link(request)).await.unwrap().into_inner().kyc_link.unwrap();
    (created.id, link.kyc_url)
}

fn jane() -> pb::CreateCustomerRequest {
    let person = pb::IndividualInput { full_name: Some("Jane Roe 003".to_owned()), ..Default::default() };
    pb::CreateCustomerRequest {
        customer_type: pb::CustomerType::Individual.into(),
        platform_customer_id: Some("jane".to_owned()),
        region: Some("US".to_owned()),
        currencies: vec!["USD".to_owned()],
        details: Some(pb::create_customer_request::Details::Individual(person)),
        ..Default::default()
    }
}

fn bakery() -> pb::CreateCustomerRequest {
    let info = pb::BusinessInfo {
        legal_name: Some("Rye & <Sons> Bakery".to_owned()),
        country: Some("US".to_owned()),
        tax_id: Some("12-3456789".to_owned()),
        incorporated_on: Some("2019-04-01".to_owned()),
        ..Default::default()
    };
    pb::CreateCustomerRequest {
        customer_type: pb::CustomerType::Business.into(),
        platform_customer_id: Some("bakery".to_owned()),
        region: Some("US".to_owned()),
        currencies: vec!["USD".to_owned()],
        details: Some(pb::create_customer_request::Details::Business(pb::BusinessInput { business_info: Some(info) })),
        ..Default::default()
    }
}

/// Waits until the watcher hears this status of that customer.
async fn hears(watcher: &mut Watcher, customer: &str, status: &str) -> pb::KycStatusChange {
    loop {
        if let Some(Event::StatusChange(change)) = watcher.response().await.event
            && change.customer_id == customer
            && change.status_raw == status
        {
            return change;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pressing_approve_in_a_browser_reaches_the_watcher() {
    let app = TestApp::with_sandbox().await;
    let channel = app.channel().await;
    let mut customers = CustomerServiceClient::new(channel.clone());
    let request = pb::WatchKycStatusRequest::default();
    let stream = KycEventServiceClient::new(channel).watch_kyc_status(request).await.unwrap();
    let mut watcher = Watcher::new(stream.into_inner());
    let browser = Browser::start().await;

    let (id, url) = link(&mut customers, jane()).await;
    browser.open(&url).await;
    browser.shows("dl", "Jane Roe 003").await;
    picture(&browser, "person").await;
    browser.press("button[value=approve]").await;
    browser.shows("h1", "Approved").await;
    picture(&browser, "approved").await;
    let change = hears(&mut watcher, &id, "APPROVED").await;
    assert!(change.is_decision);

    // The link works once.
    browser.open(&url).await;
    browser.shows("h1", "This link has been used").await;
    picture(&browser, "used").await;

    let (id, url) = link(&mut customers, bakery()).await;
    browser.resize(420, 900).await;
    browser.open(&url).await;
    // As text, and not as markup.
    browser.shows("dl", "Rye & <Sons> Bakery").await;
    picture(&browser, "business-on-a-phone").await;
    browser.press("button[value=reject]").await;
    browser.shows("h1", "Rejected").await;
    hears(&mut watcher, &id, "REJECTED").await;
    browser.close().await;
}
