//! `gridgate demo`: plays every onboarding flow over gRPC against a sandbox, prints requests and responses, and fails if a
//! response is not as expected.
//!
//! A flow is data ([`flow`], `flows/*.toml`). [`runner`] makes its calls by reflection ([`client`], [`reflect`]), holds the
//! answers against what is expected ([`expect`]), and reports them ([`report`], [`output`]). Meanwhile [`watcher`] receives
//! status changes and prints them at once. No code here names a message of the API.

mod client;
mod control;
mod expect;
mod flow;
mod layout;
mod names;
mod output;
mod reflect;
mod report;
mod runner;
mod servers;
mod tree;
mod upload;
mod watcher;

use super::Environment;
use super::output::{Failure, is_coloured};
use crate::config::{Config, Sources, settings};
use crate::telemetry;
use clap::Args;
use clap::builder::PossibleValuesParser;
use flow::{CHAPTERS, Flow, Release};
use layout::Palette;
use output::{Report, Text};
use reflect::Reflection;
use reqwest::Url;
use runner::Runner;
use servers::Servers;
use std::io::{self, IsTerminal as _};

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Play with this running sandbox, such as http://127.0.0.1:8081, instead of one of its own
    ///
    /// Its credentials are in the line that it prints when it is ready.
    #[arg(long, value_name = "URL", value_parser = web_address)]
    sandbox_url: Option<Url>,

    /// The client id of the running sandbox [env: GRID_CLIENT_ID]
    #[arg(long, value_name = "TEXT", requires = "sandbox_url")]
    grid_client_id: Option<String>,

    /// A file that holds the client secret of the running sandbox, where GRID_CLIENT_SECRET does not
    /// [env: GRID_CLIENT_SECRET_FILE]
    #[arg(long, value_name = "FILE", requires = "sandbox_url")]
    grid_client_secret_file: Option<String>,

    /// Where gridgate sends its calls: a proxy in front of the running sandbox [default: the sandbox itself]
    #[arg(long, value_name = "URL", requires = "sandbox_url", value_parser = web_address)]
    grid_base_url: Option<Url>,

    /// Leave out the steps whose requests break Grid's API description on purpose
    #[arg(long)]
    valid_only: bool,

    /// Play Grid as it was in this month, with a sandbox that follows its rules
    ///
    /// A running sandbox is the Grid of 2026-08 if it was started with --sandbox-approve-at-creation and
    /// --sandbox-old-error-bodies.
    #[arg(long, value_name = "MONTH", default_value = "2026-09")]
    grid: Release,

    /// Print one JSON object a line
    #[arg(long)]
    json: bool,

    /// Print only the summary, and steps that were not as expected: the default if the output is not a terminal
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,

    /// Print every step, even if the output is not a terminal
    #[arg(long, short, conflicts_with_all = ["json", "quiet"])]
    verbose: bool,

    /// Play this flow only; can be given several times
    #[arg(long = "flow", value_name = "NAME", value_parser = PossibleValuesParser::new(Flow::all_names()))]
    flows: Vec<String>,

    /// Play the chapter with this number in the summary only: a flow. Can be given several times
    ///
    /// Chapters need nothing of each other.
    #[arg(long = "chapter", value_name = "N", value_parser = clap::value_parser!(u8).range(1..=CHAPTERS))]
    chapters: Vec<u8>,
}

fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| "must begin with http:// or https:// and a host".to_owned())
}

/// Plays, and fails if anything came out otherwise than expected.
pub(super) fn run(args: DemoArgs, env: Environment) -> Result<(), Failure> {
    let DemoArgs {
        sandbox_url,
        grid_client_id,
        grid_client_secret_file,
        grid_base_url,
        valid_only,
        grid: release,
        json,
        quiet,
        verbose,
        flows: names,
        chapters,
    } = args;
    let mut flows = Flow::all().map_err(|error| Failure::Other("cannot read the flows", error.into()))?;
    let is_complete = names.is_empty() && chapters.is_empty();
    if !is_complete {
        flows.retain(|flow| {
            let is_chapter = chapters.iter().any(|chapter| usize::from(*chapter) == flow.chapter);
            is_chapter || names.iter().any(|name| name == flow.name)
        });
    }
    let palette = if is_coloured(&env) { Palette::coloured() } else { Palette::plain() };
    let text = Text { palette, verbose: verbose || (io::stdout().is_terminal() && !quiet) };
    let report = Report::new((!json).then_some(text));
    let mut sources = sources(env);
    if release == Release::August {
        sources = sources.with(&settings::SANDBOX_APPROVE_AT_CREATION, "true");
        sources = sources.with(&settings::SANDBOX_OLD_ERROR_BODIES, "true");
    }
    if sandbox_url.is_some() {
        // Its webhooks go elsewhere: what it decides is found by asking.
        sources = sources.with(&settings::RECONCILE_INTERVAL, "1s");
    }
    for (setting, value) in [
        (&settings::GRID_CLIENT_ID, grid_client_id),
        (&settings::GRID_CLIENT_SECRET_FILE, grid_client_secret_file),
        (
            &settings::GRID_BASE_URL,
            grid_base_url.or_else(|| sandbox_url.as_ref().map(servers::grid_base_url)).map(Url::into),
        ),
    ] {
        if let Some(value) = value {
            sources = sources.with(setting, value);
        }
    }
    let config = Config::load(sources, sandbox_url.is_none())?;
    telemetry::init(&config.log, None).map_err(|error| Failure::Other("cannot log", error.into()))?;
    let reflection = Reflection::new().map_err(|error| Failure::Other("cannot read the descriptors", error.into()))?;
    super::block_on(async {
        let servers = Servers::start(config, sandbox_url).await;
        let servers = servers.map_err(|error| Failure::Other("cannot start", error.into()))?;
        let runner = Runner::new(&servers, reflection, report, valid_only, release).await;
        let outcome = match runner {
            Ok(runner) => runner.play(&flows, is_complete).await,
            Err(status) => Err(Failure::Other("cannot watch", status.into())),
        };
        servers.stop().await;
        outcome
    })
}

/// What configures the demo's gridgate beside its flags. Of the environment only what names a sandbox's credentials
/// counts: nothing in it may lead the demo to a real account.
fn sources(env: Environment) -> Sources {
    let counts = [
        settings::GRID_CLIENT_ID,
        settings::GRID_CLIENT_SECRET,
        settings::GRID_CLIENT_SECRET_FILE,
        settings::GRID_INSECURE_ALLOW_HTTP,
        settings::LOG_LEVEL,
        settings::LOG_FORMAT,
    ];
    let is_logged = env.get(settings::LOG_LEVEL.env).is_some_and(|level| !level.is_empty());
    let env = env.into_iter().filter(|(name, _)| counts.iter().any(|setting| setting.env == name)).collect();
    let mut sources = Sources { env, ..Sources::default() };
    for port in [&settings::GRPC_ADDR, &settings::WEBHOOK_ADDR, &settings::ADMIN_ADDR, &settings::SANDBOX_ADDR] {
        sources = sources.with(port, "127.0.0.1:0");
    }
    sources = sources.with(&settings::EVENT_LOG, "temporary");
    if is_logged { sources } else { sources.with(&settings::LOG_LEVEL, "off") }
}
