//! The webhook of a transition (OpenAPI, `webhooks`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ids::IdKind;
use crate::outbox::Transition;
use gridgate_grid::model::{CustomerType, ImportJobStatus, KycStatus, VerificationStatus};

/// A webhook: `{id, type, timestamp, data}`. It has no Debug, since its data is personal.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) webhook_type: String,
    pub(crate) timestamp: Timestamp,
    pub(crate) data: Value,
    /// Events with the same subject are first sent in order.
    pub(crate) subject: String,
}

impl Event {
    pub(crate) fn new(webhook_type: String, timestamp: Timestamp, data: Value, subject: String) -> Self {
        Self { id: IdKind::Webhook.new_id(), webhook_type, timestamp, data, subject }
    }

    /// The event of a transition. There is none for `UNVERIFIED` and `HOLD`, and
    /// `READY_FOR_VERIFICATION` is in only one of Grid's two lists and never sent.
    pub(crate) fn of(transition: Transition) -> Option<Self> {
        let (webhook_type, timestamp, data, subject) = match transition {
            Transition::Customer { customer, at } => {
                let status = match customer.status()? {
                    KycStatus::Unverified | KycStatus::Hold => return None,
                    status @ (KycStatus::Pending | KycStatus::Approved | KycStatus::Rejected | KycStatus::Other(_)) => {
                        status
                    }
                };
                let kind = if customer.customer_type == CustomerType::Business { "KYB" } else { "KYC" };
                (format!("CUSTOMER.{kind}_{status}"), at, json!(customer), customer.id.clone())
            }
            Transition::Verification { verification, at } => {
                let status = &verification.verification_status;
                if *status == VerificationStatus::ReadyForVerification {
                    return None;
                }
                (format!("VERIFICATION.{status}"), at, json!(verification), verification.customer_id.clone())
            }
            Transition::ImportJob { job, at } => {
                let ending = if job.status == ImportJobStatus::Failed { "FAILED" } else { "COMPLETED" };
                (format!("BULK_UPLOAD.{ending}"), at, json!(job), job.id.clone())
            }
        };
        Some(Self::new(webhook_type, timestamp, data, subject))
    }

    /// The body, as it is sent and signed.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.body_with_id("id")
    }

    /// The body of a `TEST` as Grid sent it before June 2026: its id is called `webhookId`.
    pub(crate) fn body_of_old_test(&self) -> Vec<u8> {
        self.body_with_id("webhookId")
    }

    fn body_with_id(&self, name: &str) -> Vec<u8> {
        let Self { id, webhook_type, timestamp, data, subject: _ } = self;
        json!({ name: id, "type": webhook_type, "timestamp": timestamp, "data": data }).to_string().into_bytes()
    }
}
