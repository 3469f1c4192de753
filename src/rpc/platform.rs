//! PlatformService: what onboarding needs to know of the platform.

use tonic::{Request, Response, Status};

use super::field_mask::{self, Masked};
use super::other_fields::{self, Room};
use super::{CallInfo, Error, Violations, call, timestamp};
use crate::grid::webhook_endpoint::{self, WebhookEndpoint};
use crate::grid::{Client, model};
use crate::identity::audit;
use crate::pb;
use crate::pb::platform_service_server::PlatformService;

const CURRENCIES: &str = "supported_currencies";

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

    async fn update_platform_config(
        &self,
        request: Request<pb::UpdatePlatformConfigRequest>,
    ) -> Result<Response<pb::UpdatePlatformConfigResponse>, Status> {
        let call = call::of(&request);
        let note = request.extensions().get::<CallInfo>().and_then(|call| call.note.clone());
        let pb::UpdatePlatformConfigRequest { platform_config, update_mask } = request.into_inner();
        let mut violations = Violations::default();
        let config = platform_config.unwrap_or_default();
        let Masked { message, emptied } =
            field_mask::apply("gridgate.v1.PlatformConfigUpdate", config, update_mask, &mut violations);
        if let Some(note) = note {
            // Before any validation: refused calls are audited too.
            note.write(changed(&message, &emptied));
        }
        let changes = update(message, &emptied, &mut violations);
        violations.check()?;
        let config = self.grid.update_platform_config(&call, &changes).await.map_err(Error::from)?;
        Ok(Response::new(pb::UpdatePlatformConfigResponse { platform_config: Some(config.into()) }))
    }
}

/// What the audit log is to say of an update.
fn changed(config: &pb::PlatformConfigUpdate, emptied: &field_mask::Emptied) -> audit::Changed {
    let pb::PlatformConfigUpdate { uma_domain, webhook_endpoint, supported_currencies, other_fields } = config;
    let mut fields: Vec<String> = Vec::new();
    fields.extend(uma_domain.is_some().then(|| "uma_domain".to_owned()));
    fields.extend(webhook_endpoint.is_some().then(|| "webhook_endpoint".to_owned()));
    let has_currencies = !supported_currencies.is_empty() || emptied.has(CURRENCIES);
    fields.extend(has_currencies.then(|| CURRENCIES.to_owned()));
    let others = other_fields.iter().flat_map(|others| others.fields.keys());
    fields.extend(others.map(|name| format!("other_fields.{}", audit::word(name))));
    let host = webhook_endpoint.as_deref().and_then(webhook_endpoint::host);
    audit::Changed::new(fields, host)
}

fn update(
    config: pb::PlatformConfigUpdate,
    emptied: &field_mask::Emptied,
    violations: &mut Violations,
) -> model::PlatformConfigInput {
    let pb::PlatformConfigUpdate { uma_domain, webhook_endpoint, supported_currencies, other_fields } = config;
    if let Some(Err(invalid)) = webhook_endpoint.as_deref().map(WebhookEndpoint::parse) {
        violations.add("platform_config.webhook_endpoint", invalid.to_string());
    }
    let mut room = Room::of_message();
    let has_currencies = !supported_currencies.is_empty() || emptied.has(CURRENCIES);
    let at = |place| format!("platform_config.{CURRENCIES}[{place}]");
    let currencies = supported_currencies.into_iter().enumerate();
    let currencies = currencies.map(|(place, currency)| currency_input(currency, &at(place), &mut room, violations));
    let supported_currencies = Some(currencies.collect()).filter(|_| has_currencies);
    let path = "platform_config.other_fields";
    model::PlatformConfigInput {
        uma_domain,
        webhook_endpoint,
        supported_currencies,
        other_fields: other_fields::from_pb(other_fields, &model::PlatformConfig::names(), path, &mut room, violations),
    }
}

fn currency_input(
    currency: pb::PlatformCurrency,
    path: &str,
    room: &mut Room,
    violations: &mut Violations,
) -> model::PlatformCurrency {
    let pb::PlatformCurrency {
        currency_code,
        min_amount,
        max_amount,
        required_counterparty_fields,
        provider_required_customer_fields: _,
        provider_required_counterparty_customer_fields: _,
        enabled_transaction_types,
        other_fields,
        omitted_fields,
    } = currency;
    nothing_omitted(&omitted_fields, path, violations);
    let others = format!("{path}.other_fields");
    let other_fields =
        other_fields::from_pb(other_fields, &model::PlatformCurrency::names(), &others, room, violations);
    let each = required_counterparty_fields.into_iter().enumerate();
    let required_counterparty_fields = each
        .map(|(place, field)| {
            let pb::CounterpartyField { name, mandatory, other_fields, omitted_fields } = field;
            let path = format!("{path}.required_counterparty_fields[{place}]");
            nothing_omitted(&omitted_fields, &path, violations);
            let others = format!("{path}.other_fields");
            let other_fields =
                other_fields::from_pb(other_fields, &model::CounterpartyField::names(), &others, room, violations);
            model::CounterpartyField { name, mandatory, other_fields }
        })
        .collect();
    model::PlatformCurrency {
        currency_code,
        min_amount,
        max_amount,
        required_counterparty_fields,
        enabled_transaction_types,
        other_fields,
        ..model::PlatformCurrency::default()
    }
}

/// The list of currencies replaces the one at Grid: what it cannot hold would be lost there.
fn nothing_omitted(omitted_fields: &[String], path: &str, violations: &mut Violations) {
    if !omitted_fields.is_empty() {
        let description = "names fields of Grid's that this API cannot hold: the update would delete them";
        violations.add(format!("{path}.omitted_fields"), description);
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
            other_fields,
            lost_fields: model::LostFields(lost_fields),
        } = config;
        let mut room = Room::of_message();
        let each = supported_currencies.into_iter();
        let supported_currencies = each.map(|currency| currency_to_pb(currency, &mut room)).collect();
        let (other_fields, mut omitted_fields) = other_fields::to_pb(other_fields, &mut room);
        omitted_fields.extend(lost_fields);
        let mut whole = |name: &str, text: Option<String>| {
            let is_damaged = text.as_deref().is_some_and(other_fields::is_damaged);
            omitted_fields.extend(is_damaged.then(|| name.to_owned()));
            text.filter(|_| !is_damaged)
        };
        let uma_domain = whole("umaDomain", uma_domain);
        let webhook_endpoint = whole("webhookEndpoint", webhook_endpoint);
        Self {
            id,
            uma_domain,
            proxy_uma_subdomain,
            webhook_endpoint,
            supported_currencies,
            is_regulated_financial_institution,
            created_at: created_at.map(timestamp::to_pb),
            updated_at: updated_at.map(timestamp::to_pb),
            other_fields,
            omitted_fields,
        }
    }
}

fn currency_to_pb(currency: model::PlatformCurrency, room: &mut Room) -> pb::PlatformCurrency {
    let model::PlatformCurrency {
        currency_code,
        min_amount,
        max_amount,
        required_counterparty_fields,
        provider_required_customer_fields,
        provider_required_counterparty_customer_fields,
        enabled_transaction_types,
        other_fields,
        lost_fields: model::LostFields(lost_fields),
    } = currency;
    let fields = required_counterparty_fields.into_iter().map(|field| {
        let model::CounterpartyField { name, mandatory, other_fields } = field;
        let (other_fields, omitted_fields) = other_fields::to_pb(other_fields, room);
        pb::CounterpartyField { name, mandatory, other_fields, omitted_fields }
    });
    let required_counterparty_fields = fields.collect();
    let (other_fields, mut omitted_fields) = other_fields::to_pb(other_fields, room);
    // What a provider requires is only answered.
    omitted_fields.extend(lost_fields.into_iter().filter(|path| !path.starts_with("provider")));
    let has_damaged_type = enabled_transaction_types.iter().any(|word| other_fields::is_damaged(word));
    omitted_fields.extend(other_fields::is_damaged(&currency_code).then(|| "currencyCode".to_owned()));
    omitted_fields.extend(has_damaged_type.then(|| "enabledTransactionTypes[]".to_owned()));
    pb::PlatformCurrency {
        currency_code,
        min_amount,
        max_amount,
        required_counterparty_fields,
        provider_required_customer_fields: provider_required_customer_fields.unwrap_or_default(),
        provider_required_counterparty_customer_fields: provider_required_counterparty_customer_fields
            .unwrap_or_default(),
        enabled_transaction_types,
        other_fields,
        omitted_fields,
    }
}
