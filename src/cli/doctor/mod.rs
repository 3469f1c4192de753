//! `gridgate doctor`: checks the setup of Grid, of this gridgate, and of the way between them.
//!
//! It reads the same settings as `gridgate serve`, asks Grid and the gridgate that runs on this machine, and reports for each
//! check the result and what to do. It changes nothing, here or at Grid, unless `--register` asks it to register the webhook
//! endpoint.

mod arrival;
mod checks;
mod finding;
mod grid;
mod listener;
mod register;
mod running;

use super::admin::AdminClient;
use super::calling::Target;
use super::output::{Failure, while_read};
use super::{CommonArgs, Environment, OfDoctor};
use crate::config::{AdminCallerConfig, CallerConfig, Config, Upstream, WebhookConfig};
use crate::grid::webhook_endpoint::WebhookEndpoint;
use crate::identity::audit;
use crate::telemetry;
use clap::Args;
use finding::{Finding, Outcome, Report};
use grid::Grid;
use register::{Registered, Registration};
use reqwest::Url;
use running::Running;
use tracing::Level;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The URL that should be registered with Grid, if something in front of gridgate rewrites paths
    ///
    /// Without it, the path of the registered URL must be this gridgate's; and if the URL names this machine, so must
    /// address and port.
    #[arg(long, value_name = "URL")]
    webhook_url: Option<Url>,

    /// Register this URL with Grid as the platform's webhook endpoint, such as https://hooks.example.com/webhooks/grid
    ///
    /// Shows what is registered. Replaces another or unreadable URL only with --replace, since every webhook goes there,
    /// payment approvals included. Changes nothing else of the platform's configuration.
    #[arg(long, value_name = "URL", value_parser = WebhookEndpoint::parse, conflicts_with = "webhook_url")]
    register: Option<WebhookEndpoint>,

    /// Let --register replace another URL that is registered
    #[arg(long, requires = "register")]
    replace: bool,

    /// Do not have Grid send a test webhook
    ///
    /// Grid sends it to the registered URL.
    #[arg(long)]
    no_test_webhook: bool,

    /// Print one JSON object a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    common: CommonArgs<OfDoctor>,
}

/// A check failed. The findings say which.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {count} checks failed")]
struct Unwell {
    failed: usize,
    count: usize,
}

/// Runs every check, and fails if one did.
pub(super) fn run(args: DoctorArgs, env: Environment) -> Result<(), Failure> {
    let DoctorArgs { webhook_url, register, replace, no_test_webhook, json, common } = args;
    let report = Report::to_stdout(json, &env);
    let sources = common.sources(env);
    let config = Config::load(sources.clone(), false)?;
    let endpoint = match register {
        Some(wanted) => {
            // Log the changes it makes, even if `log.level` hides audit lines.
            let mut log = config.log.clone();
            if !log.filter.would_enable(audit::TARGET, &Level::INFO) {
                log.filter = log.filter.with_target(audit::TARGET, Level::INFO);
            }
            telemetry::init(&log, None).map_err(cannot)?;
            Endpoint::Register(Registration { wanted, replace })
        }
        None => Endpoint::Expect(webhook_url),
    };
    let gridgate = Target::of(CallerConfig::load(sources.clone())?).map_err(cannot)?;
    let admin = AdminClient::new(AdminCallerConfig::load(sources)?).map_err(cannot)?;
    super::block_on(examine(config, (gridgate, admin), endpoint, no_test_webhook, report))
}

/// What to do with the registered endpoint.
enum Endpoint {
    /// Check it; it must be this one, if given.
    Expect(Option<Url>),
    /// Register this one.
    Register(Registration),
}

impl Endpoint {
    /// Checks or changes what is registered. Returns what is registered then, or `None` if that is unknown.
    async fn settle(
        &self,
        grid: &Grid,
        registered: Option<Option<String>>,
        webhook: &WebhookConfig,
    ) -> (Finding, Option<Option<String>>) {
        let finding = match (self, &registered) {
            (Endpoint::Register(registration), Some(before)) => {
                let Registered { finding, now } = registration.carry_out(grid, before.as_deref()).await;
                return (finding, Some(now));
            }
            (Endpoint::Register(Registration { wanted, replace: _ }), None) => {
                let message = format!("{wanted} was not registered: Grid did not return the registered endpoint");
                Finding::fail(checks::ENDPOINT, message, "fix the credentials first, and try again")
            }
            (Endpoint::Expect(expected), Some(registered)) => {
                checks::endpoint(registered.as_deref(), webhook, expected.as_ref())
            }
            (Endpoint::Expect(_), None) => {
                Finding::skipped(checks::ENDPOINT, "Grid did not return the registered endpoint")
            }
        };
        (finding, registered)
    }
}

async fn examine(
    config: Config,
    (gridgate, admin): (Target, AdminClient),
    endpoint: Endpoint,
    no_test_webhook: bool,
    mut report: Report,
) -> Result<(), Failure> {
    let Upstream::Grid(account) = &config.upstream else {
        // Only `serve --sandbox` has one of its own.
        return Ok(());
    };
    let webhook = &config.webhook;
    let base_url = Url::parse(&account.base_url).map_err(cannot)?;
    let grid = Grid::of(account, &base_url).map_err(cannot)?;

    let answered = grid.config().await;
    report.add(checks::credentials(account, &answered));
    report.add(checks::clock(answered.as_ref().ok().and_then(|answered| answered.clock)));
    let platform = answered.ok().and_then(|answered| answered.outcome.ok());
    let keys = checks::read_keys(webhook.public_keys.as_deref());
    report.add(checks::keys(&keys));
    let registered = platform.map(grid::registered);
    let (finding, registered) = endpoint.settle(&grid, registered, webhook).await;
    report.add(finding);

    let running = Running::look(gridgate, admin).await;
    for finding in running.judge() {
        report.add(finding);
    }
    report.add(match (no_test_webhook, registered) {
        (true, _) => Finding::skipped(arrival::CHECK, "not asked for (--no-test-webhook)"),
        (false, None) => Finding::skipped(arrival::CHECK, "Grid did not return its configuration"),
        (false, Some(None)) => Finding::skipped(arrival::CHECK, "no endpoint is registered"),
        (false, Some(Some(_))) => arrival::check(&grid, &running, webhook, keys.ok().flatten()).await,
    });

    let (failed, count) = (report.count(Outcome::Fail), report.len());
    while_read(report.close()).map_err(|error| Failure::Other("cannot write to standard output", error.into()))?;
    if failed == 0 { Ok(()) } else { Err(Failure::Other("doctor", Unwell { failed, count }.into())) }
}

fn cannot(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Other("cannot look", error.into())
}
