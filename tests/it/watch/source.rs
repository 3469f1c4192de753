//! Grid, as the event service sees it: what it answers, how often it was asked, and how long it takes.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use gridgate::kyc::id::{CustomerId, VerificationId};
use gridgate::kyc::source::{CustomerAnswer, CustomerSource, CustomersPage, SourceError, VerificationAnswer};
use gridgate::kyc::status::KycStatus;
use jiff::Timestamp;

use crate::event_log::seen::customer;
use crate::support::memory_log::Gate;

/// For tests in which nobody asks.
pub struct NoSource;

#[async_trait]
impl CustomerSource for NoSource {
    async fn customer(&self, _id: &CustomerId) -> Result<CustomerAnswer, SourceError> {
        panic!("Grid was asked")
    }

    async fn verification(&self, _id: &VerificationId) -> Result<VerificationAnswer, SourceError> {
        panic!("Grid was asked")
    }

    async fn customers(&self, _: Option<Timestamp>, _: Option<&str>) -> Result<CustomersPage, SourceError> {
        panic!("Grid was asked")
    }
}

/// Answers what it was told to answer; everyone else is unknown to it.
#[derive(Default)]
pub struct Scripted {
    answers: Mutex<HashMap<CustomerId, Result<Option<KycStatus>, SourceError>>>,
    /// Every question about a customer passes it.
    pub asked: Gate,
}

impl Scripted {
    /// From now on it says this status of that customer; none: a customer without a status.
    pub fn say(&self, name: &str, word: Option<&str>) {
        self.answers.lock().unwrap().insert(customer(name), Ok(word.map(KycStatus::from_word)));
    }

    /// From now on it fails like this about that customer.
    pub fn fail(&self, name: &str, error: SourceError) {
        self.answers.lock().unwrap().insert(customer(name), Err(error));
    }
}

#[async_trait]
impl CustomerSource for Scripted {
    async fn customer(&self, id: &CustomerId) -> Result<CustomerAnswer, SourceError> {
        self.asked.pass().await;
        let answer = self.answers.lock().unwrap().get(id).cloned().unwrap_or(Err(SourceError::NotFound));
        let id = id.clone();
        answer.map(|status| CustomerAnswer { id, platform_customer: None, status, deleted: false, updated_at: None })
    }

    async fn verification(&self, _id: &VerificationId) -> Result<VerificationAnswer, SourceError> {
        Err(SourceError::NotFound)
    }

    async fn customers(&self, _: Option<Timestamp>, _: Option<&str>) -> Result<CustomersPage, SourceError> {
        Ok(CustomersPage::default())
    }
}
