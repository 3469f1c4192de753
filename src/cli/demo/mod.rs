//! `gridgate demo`: plays every onboarding flow over gRPC against a sandbox, tells what goes in and what comes back,
//! and fails where something comes out otherwise than expected.
//!
//! While they are played, a stream of decisions is open ([`hearing`]), and what comes by it is told as it comes.
//!
//! A flow ([`flows`]) is a list of steps, and a step is data ([`step`]): what is called, with what, and what should come
//! back. [`script`] plays them with the generated clients ([`rpc`]) and reports them ([`report`], [`terminal`]). What is
//! in a message is found by reflection ([`reflect`], [`tree`], [`layout`]), so nothing here prints any single message.

mod access;
mod cast;
mod control;
mod expect;
mod flows;
mod hearing;
mod layout;
mod reflect;
mod release;
mod report;
mod rpc;
mod script;
mod stage;
mod step;
mod terminal;
mod tree;
mod watch;

use super::Environment;
use super::output::{Failure, while_read};
use crate::config::{Config, Sources, settings};
use crate::telemetry;
use clap::{Args, ValueEnum as _};
use flows::Flow;
use hearing::Hearing;
use layout::Palette;
use reflect::Reflection;
use release::Release;
use report::{JsonLines, Report};
use reqwest::Url;
use script::Script;
use stage::Stage;
use std::io::{self, IsTerminal as _};
use std::time::Instant;
use step::{FlowSummary, Summary};
use terminal::Terminal;

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

    /// Play this flow only; can be given several times
    #[arg(long = "flow", value_name = "NAME")]
    flows: Vec<Flow>,
}

fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| "must begin with http:// or https:// and a host".to_owned())
}

/// Steps came out otherwise than expected. Which, has been reported.
#[derive(Debug, thiserror::Error)]
#[error("not everything came out as expected")]
struct NotAsExpected;

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
        flows,
    } = args;
    let report = report(json, &env);
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
            grid_base_url.or_else(|| sandbox_url.as_ref().map(stage::grid_base_url)).map(Url::into),
        ),
    ] {
        if let Some(value) = value {
            sources = sources.with(setting, value);
        }
    }
    let config = Config::load(sources, sandbox_url.is_none())?;
    telemetry::init(&config.log, None).map_err(|error| Failure::Other("cannot log", error.into()))?;
    let reflection = Reflection::new().map_err(|error| Failure::Other("cannot read the descriptors", error.into()))?;
    let play = Play { reflection, report, valid_only, release, flows };
    super::block_on(async {
        let stage =
            Stage::build(config, sandbox_url).await.map_err(|error| Failure::Other("cannot start", error.into()))?;
        let held = play.on(&stage).await;
        stage.strike().await;
        held
    })
}

/// What is played, and how it is told.
struct Play {
    reflection: Reflection,
    report: Box<dyn Report>,
    valid_only: bool,
    release: Release,
    /// Only these; all, if none.
    flows: Vec<Flow>,
}

impl Play {
    async fn on(self, stage: &Stage) -> Result<(), Failure> {
        let Play { reflection, mut report, valid_only, release, flows } = self;
        let started = Instant::now();
        report.started(&stage.shown());
        let hearing = Hearing::begin(stage.channel()).await;
        let hearing = hearing.map_err(|status| Failure::Other("cannot watch", status.into()))?;
        let mut script =
            Script::new(stage.channel(), stage.control(), reflection, report, hearing, valid_only, release);
        let all = flows.is_empty();
        let flows = if all { Flow::value_variants() } else { &flows };
        for flow in flows {
            flow.play(&mut script).await;
        }
        let (changes_heard, hearing_broken) = match script.hear_the_rest().await {
            Ok(heard) => (heard, None),
            Err(why) => (0, Some(why)),
        };

        let methods = script.methods_of_release();
        let (flows, called, left_out, mut report) = script.finish();
        // Only a play of everything can be blamed for what it does not call.
        let wanted = |method: &String| all && !called.contains(method);
        let methods_missing: Vec<_> = methods.into_iter().filter(wanted).collect();
        let held = methods_missing.is_empty() && hearing_broken.is_none() && flows.iter().all(FlowSummary::held);
        let methods_called = called.into_iter().collect();
        let elapsed = started.elapsed();
        report.summary(&Summary {
            flows,
            complete: all,
            methods_called,
            methods_missing,
            left_out,
            changes_heard,
            hearing_broken,
            held,
            elapsed,
        });
        while_read(report.written())
            .map_err(|error| Failure::Other("cannot write to standard output", error.into()))?;
        if held { Ok(()) } else { Err(Failure::Other("demo", NotAsExpected.into())) }
    }
}

fn report(json: bool, env: &Environment) -> Box<dyn Report> {
    let stdout = io::stdout();
    if json {
        return Box::new(JsonLines::new(stdout));
    }
    // https://no-color.org: any value that is not empty.
    let no_color = env.get("NO_COLOR").is_some_and(|value| !value.is_empty());
    let palette = if stdout.is_terminal() && !no_color { Palette::coloured() } else { Palette::plain() };
    Box::new(Terminal::new(stdout, palette))
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
