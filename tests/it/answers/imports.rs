//! Bulk imports, whose answers name no customer: what watchers hear of them all the same.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use gridgate::config::{Config, settings};
use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;

use crate::support::app::{TestApp, free_ports};
use crate::support::soon;
use crate::support::watcher::Watcher;

/// More than a page.
const ROWS: usize = 130;

/// A business is UNVERIFIED at first, and no webhook says that.
fn csv() -> String {
    let mut csv =
        "umaAddress,platformCustomerId,customerType,businessLegalName,addressLine1,city,state,postalCode,country\n"
            .to_owned();
    for row in 0..ROWS {
        let _ = writeln!(csv, "$b{row}@uma.example,ours-{row},BUSINESS,Firm {row},1 Road,Austin,TX,78701,US");
    }
    csv + "$nobody@uma.example,ours-nobody,BUSINESS,,1 Road,Austin,TX,78701,US\n"
}

#[tokio::test]
async fn imported_customers_are_heard_of_though_no_answer_and_no_webhook_names_them() {
    let sources = free_ports().with(&settings::RECONCILE_INTERVAL, "1s");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let channel = app.channel().await;
    let mut events = KycEventServiceClient::new(channel.clone());
    let request = pb::WatchKycStatusRequest::default();
    let mut watcher = Watcher::new(events.watch_kyc_status(request).await.unwrap().into_inner());
    assert_eq!(watcher.hear().await, "synced");

    let mut customers = CustomerServiceClient::new(channel);
    let file = tokio_stream::iter([pb::ImportCustomersRequest { chunk: csv().into() }]);
    let job = soon("accepted", customers.import_customers(file)).await.unwrap().into_inner().job_id;

    let mut heard = BTreeSet::new();
    while heard.len() < ROWS {
        let Some(Event::StatusChange(change)) = watcher.response().await.event else { continue };
        assert_eq!(change.status_raw, "UNVERIFIED");
        assert_eq!(change.record.unwrap().source(), pb::KycEventSource::Reconciler);
        assert!(change.customer_id.starts_with("Customer:"), "{}", change.customer_id);
        assert!(heard.insert(change.platform_customer_id), "each once");
    }
    assert_eq!(heard, (0..ROWS).map(|row| format!("ours-{row}")).collect());

    // All that Grid says of the job is how many, and which rows became no customer.
    let request = pb::GetImportJobRequest { job_id: job };
    let job = soon("the job", customers.get_import_job(request)).await.unwrap().into_inner().import_job.unwrap();
    assert_eq!(job.progress.unwrap().successful, i64::try_from(ROWS).unwrap());
    let failed: Vec<_> = job.errors.iter().map(|error| error.correlation_id.as_str()).collect();
    assert_eq!(failed, ["ours-nobody"]);
}
