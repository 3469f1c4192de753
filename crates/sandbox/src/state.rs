//! The sandbox's state: plain data. Changes get the time as an argument; they neither wait nor lock.
//!
//! [`Shared`](super::shared::Shared) keeps all of it behind one lock, because the rules reach across resources: submitting a
//! verification reads a customer, its owners and all their documents, and changes each of them.

use std::collections::HashMap;

use bytes::Bytes;
use jiff::Timestamp;

use super::config::{Limits, SandboxConfig};
use super::decisions::Rules;
use super::error::GridError;
use super::faults::Fault;
use super::journal::Journal;
use super::outbox::Outbox;
use super::table::Table;
use super::wallet::{Challenges, Wallet};
use super::webhooks::Webhooks;
use gridgate_grid::model::{
    BeneficialOwner, Customer, CustomerType, Document, ImportJob, KycLink, OtherFields, PlatformCurrency, Profile,
    Verification,
};

pub(super) struct Store {
    /// Whether customers are created `APPROVED`.
    pub(super) regulated: bool,
    /// Whether errors are written as Grid did until September 2026.
    pub(super) old_error_bodies: bool,
    /// When the suffixes decide.
    pub(super) rules: Rules,
    /// Whether a new status leaves `updatedAt` as it was.
    pub(super) lagging_updated_at: bool,
    /// Customers; grouped by `platformCustomerId`.
    pub(super) customers: Table<CustomerRow>,
    /// Which active customer has a UMA address.
    uma_addresses: HashMap<String, String>,
    /// Beneficial owners; grouped by customer.
    pub(super) owners: Table<BeneficialOwner>,
    /// Documents; grouped by holder.
    pub(super) documents: Table<DocumentRow>,
    pub(super) document_bytes: usize,
    /// Verifications; grouped by customer.
    pub(super) verifications: Table<Verification>,
    /// Links to the hosted verification, by their tokens; grouped by customer.
    pub(super) links: Table<LinkRow>,
    /// Answers to requests with an `Idempotency-Key`, by the key.
    pub(super) replays: Table<Replay>,
    pub(super) jobs: Table<ImportJob>,
    /// Changes of contact details that wait for a wallet's signature.
    pub(super) challenges: Challenges,
    /// Status transitions that have not become webhooks yet.
    pub(super) outbox: Outbox,
    /// What was changed of the platform's configuration.
    pub(super) platform: PlatformSettings,
    /// The faults to inject into responses, with their remaining counts.
    pub(super) faults: Vec<Fault>,
    /// The requests that were received.
    pub(super) journal: Journal,
    pub(super) webhooks: Webhooks,
    limits: Limits,
}

/// A customer, and what Grid knows of it but never answers.
pub(super) struct CustomerRow {
    /// As Grid answers it, but for the owners of a business.
    pub(super) customer: Customer,
    /// The identification number; write-only.
    pub(super) identifier: Option<String>,
    /// The embedded wallet that is tied to the customer's contact details.
    pub(super) wallet: Option<Wallet>,
}

impl CustomerRow {
    pub(super) fn is_deleted(&self) -> bool {
        self.customer.is_deleted == Some(Some(true))
    }
}

/// A document with its file.
pub(super) struct DocumentRow {
    /// As Grid answers it.
    pub(super) document: Document,
    pub(super) file: Bytes,
    /// Whether it went into a verification that was submitted.
    pub(super) submitted: bool,
}

/// A link to the hosted verification that was handed out.
pub(super) struct LinkRow {
    /// The secret part of the URL.
    pub(super) token: String,
    pub(super) customer_id: String,
    /// Where the applicant goes afterwards.
    pub(super) redirect_uri: Option<String>,
    pub(super) expires_at: Timestamp,
    /// Whether the flow behind it has been finished.
    pub(super) used: bool,
}

/// What was answered to a request with an `Idempotency-Key`.
pub(super) struct Replay {
    pub(super) key: String,
    pub(super) customer_id: String,
    pub(super) answer: KycLink,
}

/// What was changed of the configuration (`PATCH /config`). Where webhooks go is with the webhooks.
#[derive(Default)]
pub(super) struct PlatformSettings {
    pub(super) uma_domain: Option<String>,
    pub(super) currencies: Option<Vec<PlatformCurrency>>,
    /// Fields that the sandbox does not know.
    pub(super) other_fields: OtherFields,
    pub(super) updated_at: Option<Timestamp>,
}

impl Store {
    /// An empty store.
    pub(super) fn new(config: &SandboxConfig) -> Self {
        Self {
            regulated: config.regulated,
            old_error_bodies: config.old_error_bodies,
            rules: Rules::of(config.approve_at_creation),
            lagging_updated_at: false,
            customers: Table::default(),
            uma_addresses: HashMap::new(),
            owners: Table::default(),
            documents: Table::default(),
            document_bytes: 0,
            verifications: Table::default(),
            links: Table::default(),
            replays: Table::default(),
            jobs: Table::default(),
            challenges: Challenges::default(),
            outbox: Outbox::default(),
            platform: PlatformSettings::default(),
            faults: config.faults.clone(),
            journal: Journal::new(config.limits.requests),
            webhooks: Webhooks::new(config),
            limits: config.limits,
        }
    }

    /// Clears everything but the key of webhooks, which receivers have, and the count of requests.
    pub(super) fn reset(&mut self, config: &SandboxConfig) {
        let fresh = Self::new(config);
        let Self { mut journal, mut webhooks, .. } = std::mem::replace(self, fresh);
        journal.clear();
        webhooks.reset(config);
        (self.journal, self.webhooks) = (journal, webhooks);
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn customer(&self, id: &str) -> Result<&CustomerRow, GridError> {
        self.customers.get(id).ok_or_else(GridError::customer_not_found)
    }

    pub(super) fn active_customer(&self, id: &str) -> Result<&CustomerRow, GridError> {
        self.customer(id).and_then(|row| if row.is_deleted() { Err(GridError::customer_not_found()) } else { Ok(row) })
    }

    pub(super) fn active_customer_mut(&mut self, id: &str) -> Result<&mut CustomerRow, GridError> {
        let row = self.customers.get_mut(id).ok_or_else(GridError::customer_not_found)?;
        if row.is_deleted() { Err(GridError::customer_not_found()) } else { Ok(row) }
    }

    /// A customer as Grid answers it: a business with its owners.
    pub(super) fn rendered(&self, row: &CustomerRow) -> Customer {
        let mut customer = row.customer.clone();
        if customer.customer_type == CustomerType::Business {
            customer.beneficial_owners =
                Some(self.owners.group(&customer.id).map(|(_, owner)| owner.clone()).collect());
        }
        customer
    }

    /// The active customers with this `platformCustomerId`.
    pub(super) fn active_with_platform_id(&self, platform_id: &str) -> bool {
        self.customers.group(platform_id).any(|(_, row)| !row.is_deleted())
    }

    /// Adds a customer, whose ids and UMA address are its own.
    pub(super) fn add_customer(&mut self, row: CustomerRow) -> Result<(), GridError> {
        if self.customers.len() >= self.limits.customers {
            return Err(GridError::full("customers", self.limits.customers));
        }
        let Customer { id, platform_customer_id, profile: Profile { uma_address, .. }, .. } = &row.customer;
        if let Some(address) = uma_address {
            self.take_uma_address(address.clone(), id.clone())?;
        }
        self.customers.insert(id.clone(), platform_customer_id.clone(), row);
        Ok(())
    }

    /// Gives an active customer a UMA address that no other has.
    pub(super) fn take_uma_address(&mut self, address: String, customer_id: String) -> Result<(), GridError> {
        match self.uma_addresses.get(&address) {
            Some(holder) if *holder != customer_id => {
                Err(GridError::conflict_code("UMA_ADDRESS_EXISTS", "UMA address already exists"))
            }
            _ => {
                self.uma_addresses.insert(address, customer_id);
                Ok(())
            }
        }
    }

    pub(super) fn release_uma_address(&mut self, address: &str) {
        self.uma_addresses.remove(address);
    }

    /// Marks a customer as deleted, and returns it as it is then.
    pub(super) fn delete_customer(&mut self, id: &str, now: Timestamp) -> Result<Customer, GridError> {
        let row = self.customers.get_mut(id).ok_or_else(GridError::customer_not_found)?;
        if row.is_deleted() {
            return Err(GridError::customer_deleted());
        }
        row.customer.is_deleted = Some(Some(true));
        row.customer.updated_at = Some(now.into());
        if let Some(address) = row.customer.profile.uma_address.clone() {
            self.release_uma_address(&address);
        }
        self.customer(id).map(|row| self.rendered(row))
    }

    /// Adds a job. Beyond the limit, the oldest finished one goes.
    pub(super) fn add_job(&mut self, job: ImportJob) -> Result<(), GridError> {
        let limit = self.limits().import_jobs;
        if self.jobs.len() >= limit {
            let ended = self.jobs.iter().find(|(_, job)| job.completed_at.is_some()).map(|(_, job)| job.id.clone());
            let Some(ended) = ended else { return Err(GridError::full("import jobs under way", limit)) };
            self.jobs.remove(&ended, "");
        }
        self.jobs.insert(job.id.clone(), String::new(), job);
        Ok(())
    }

    /// Changes a job, if it has not been forgotten.
    pub(super) fn change_job(&mut self, id: &str, change: impl FnOnce(&mut ImportJob)) {
        if let Some(job) = self.jobs.get_mut(id) {
            change(job);
        }
    }

    pub(super) fn remove_document(&mut self, id: &str, holder: &str) {
        if let Some(removed) = self.documents.remove(id, holder) {
            self.document_bytes = self.document_bytes.saturating_sub(removed.file.len());
        }
    }
}
