//! PlatformService: what onboarding needs to know of the platform.

use tonic::{Request, Response, Status};

use super::{Error, call, timestamp};
use crate::grid::Client;
use crate::grid::model;
use crate::pb;
use crate::pb::platform_service_server::PlatformService;

/// The implementation of `gridgate.v1.PlatformService`.
#[derive(Debug, Clone)]
pub struct Platform {
    grid: Client,
}

impl Platform {
    /// Answers calls by asking `grid`.
    #[must_use]
    pub fn new(grid: Client) -> Self {
        Self { grid }
    }
}

#[tonic::async_trait]
impl PlatformService for Platform {
    async fn get_platform_config(
        &self,
        request: Request<pb::GetPlatformConfigRequest>,
    ) -> Result<Response<pb::GetPlatformConfigResponse>, Status> {
        let call = call::of(&request);
        let config = self.grid.get_platform_config(&call).await.map_err(Error::from)?;
        Ok(Response::new(pb::GetPlatformConfigResponse { platform_config: Some(config.into()) }))
    }
}

impl From<model::PlatformConfig> for pb::PlatformConfig {
    fn from(config: model::PlatformConfig) -> Self {
        let model::PlatformConfig {
            id,
            uma_domain,
            proxy_uma_subdomain,
            webhook_endpoint,
            supported_currencies,
            is_regulated_financial_institution,
            created_at,
            updated_at,
        } = config;
        Self {
            id,
            uma_domain,
            proxy_uma_subdomain,
            webhook_endpoint,
            supported_currencies: supported_currencies.into_iter().map(Into::into).collect(),
            is_regulated_financial_institution,
            created_at: created_at.map(timestamp::to_pb),
            updated_at: updated_at.map(timestamp::to_pb),
        }
    }
}

impl From<model::PlatformCurrency> for pb::PlatformCurrency {
    fn from(currency: model::PlatformCurrency) -> Self {
        let model::PlatformCurrency {
            currency_code,
            min_amount,
            max_amount,
            required_counterparty_fields,
            provider_required_customer_fields,
            provider_required_counterparty_customer_fields,
            enabled_transaction_types,
        } = currency;
        Self {
            currency_code,
            min_amount,
            max_amount,
            required_counterparty_fields: required_counterparty_fields.into_iter().map(Into::into).collect(),
            provider_required_customer_fields,
            provider_required_counterparty_customer_fields,
            enabled_transaction_types,
        }
    }
}

impl From<model::CounterpartyField> for pb::CounterpartyField {
    fn from(field: model::CounterpartyField) -> Self {
        let model::CounterpartyField { name, mandatory } = field;
        Self { name, mandatory }
    }
}
