//! The platform's configuration, and its test webhook.

use crate::client::{Call, Client, Request};
use crate::model::{PlatformConfig, PlatformConfigInput, TestWebhookResult};
use crate::{Error, Operation};

impl Client {
    /// Reads the platform's configuration (`GET /config`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get_platform_config(&self, call: &Call) -> Result<PlatformConfig, Error> {
        self.json(call, Request::new(Operation::GetPlatformConfig, None)).await
    }

    /// Changes the platform's configuration (`PATCH /config`). Repeated where its outcome is lost.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn update_platform_config(
        &self,
        call: &Call,
        changes: &PlatformConfigInput,
    ) -> Result<PlatformConfig, Error> {
        self.json(call, Request::new(Operation::UpdatePlatformConfig, None).json(changes)).await
    }

    /// Asks Grid to send a test webhook (`POST /webhooks/test`). Sent once.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send_test_webhook(&self, call: &Call) -> Result<TestWebhookResult, Error> {
        self.json(call, Request::new(Operation::SendTestWebhook, None)).await
    }
}
