//! Prints the first page of customers, each with its status.
//!
//! ```sh
//! export LIGHTSPARK_GRID_BASE_URL=https://api.lightspark.com/grid/2025-10-13
//! export GRID_CLIENT_ID=… GRID_CLIENT_SECRET=…
//! cargo run -p gridgate-grid --example list_customers
//! ```

use std::env;
use std::error::Error;
use std::io::Write as _;
use std::time::Duration;

use gridgate_grid::{Call, Client, ClientConfig, CustomerFilter, PageRequest};
use tokio::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = ClientConfig::new(
        env::var("LIGHTSPARK_GRID_BASE_URL")?,
        env::var("GRID_CLIENT_ID")?,
        env::var("GRID_CLIENT_SECRET")?.into(),
    );
    let client = Client::new(config)?;

    // Ten seconds for the whole call. Until then the client repeats what may be repeated.
    let call = Call::until(Instant::now() + Duration::from_secs(10));
    let page = PageRequest { limit: 20, cursor: None };
    let customers = client.list_customers(&call, &CustomerFilter::default(), &page).await?;

    let mut out = std::io::stdout();
    for customer in customers.data {
        writeln!(out, "{} {:?}", customer.id, customer.kyc_status.or(customer.kyb_status))?;
    }
    Ok(())
}
