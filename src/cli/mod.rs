//! The commands of the program.
//!
//! They exit with 0 on success, with 2 for mistakes in the command line or the configuration, and with 1 otherwise. A
//! command writes its result to standard output and everything else to standard error.

mod admin;
mod calling;
#[cfg(feature = "sandbox")]
mod demo;
mod doctor;
mod fault;
mod flags;
mod healthcheck;
mod log;
mod output;
mod policy;
mod proto;
mod quarantine;
#[cfg(feature = "sandbox")]
mod sandbox;
mod serve;
mod signals;
mod unknown;
mod watch;

use crate::config::Sources;
use crate::config::settings::{self, Scope};
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use flags::{Flags, SettingsOf};
use output::{Environment, Failure};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Grid's customer onboarding (KYC and KYB) behind one gRPC API.
#[derive(Debug, Parser)]
#[command(name = "gridgate", version, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the gRPC API
    ///
    /// gridgate calls Grid with the credentials in GRID_CLIENT_ID and GRID_CLIENT_SECRET. With --sandbox it calls a local
    /// Grid inside this process, which needs no account. Once it serves, it prints the bound addresses on standard output
    /// as one line of JSON.
    Serve(ServeArgs),
    /// Run a local Grid, without gridgate
    ///
    /// Prints its base URL, its credentials and the public key of its webhooks on standard output as one line of JSON. A
    /// gridgate that uses it needs them as LIGHTSPARK_GRID_BASE_URL, GRID_CLIENT_ID, GRID_CLIENT_SECRET and
    /// GRID_WEBHOOK_PUBKEY.
    #[cfg(feature = "sandbox")]
    Sandbox(CommonArgs<OfSandbox>),
    /// Check whether a running gridgate is ready
    ///
    /// Exits with 0 if it is, otherwise with 1 and the reason. For container health checks.
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Watch decisions as they happen
    ///
    /// Prints a line for each change of a customer's status that a running gridgate learns. If the stream breaks, it
    /// reconnects and resumes where it stopped. Exits with 0 after Ctrl-C, or with --until-decided once every customer is
    /// decided; with 1 if reconnecting cannot help.
    Watch(Box<watch::WatchArgs>),
    /// Check the setup of Grid, of this gridgate, and of the way between them
    ///
    /// Checks the credentials, the clock, the key for webhooks, the webhook endpoint registered with Grid, the gridgate that
    /// runs on this machine, and that a test webhook arrives. If no gridgate runs, the doctor receives the test webhook
    /// itself. Each failed check says what to do; any makes the command exit with 1. The doctor changes nothing, unless
    /// --register asks it to register the webhook endpoint with Grid.
    Doctor(Box<doctor::DoctorArgs>),
    /// List, retry or dismiss webhooks that gridgate could not parse
    ///
    /// gridgate acknowledges a KYC webhook whose data it cannot parse, so that Grid does not resend it for a week, and puts
    /// it in quarantine: its id, type, time, the names of its fields and the customer's id, but no values. These commands
    /// call the admin port of the gridgate that runs on this machine.
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Make a bearer token for a caller
    ///
    /// Prints the token and its hash on standard output as one line of JSON. The hash belongs in the policy, the token to
    /// the caller. gridgate keeps neither, so the token is shown only once.
    Token,
    /// Check a policy file
    ///
    /// Reads it as `gridgate serve` would, and reports every mistake with its line. Exits with 0 if there is none, with 2
    /// otherwise.
    Policy(policy::PolicyArgs),
    /// Move the event log between a file and NATS
    #[command(subcommand)]
    Log(log::LogCommand),
    /// Write the protos of the API, for compilers of other languages
    #[command(subcommand)]
    Proto(proto::ProtoCommand),
    /// Play every onboarding flow against a sandbox, and show what happens
    ///
    /// Starts gridgate with a sandbox of its own on free ports, plays the flows over gRPC, and prints for each step the
    /// request, the response, and whether the response is as expected. Exits with 0 only if every step is. GRIDGATE_LOG_LEVEL
    /// shows what gridgate logs meanwhile.
    #[cfg(feature = "sandbox")]
    Demo(demo::DemoArgs),
    /// Not in this build
    #[cfg(not(feature = "sandbox"))]
    #[command(hide = true, alias = "demo", disable_help_flag = true)]
    Sandbox {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        _arguments: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Serve with a local Grid inside this process, instead of calling Grid
    #[arg(long)]
    sandbox: bool,

    #[command(flatten)]
    common: CommonArgs<OfServe>,
}

/// The arguments of every command with settings.
#[derive(Debug, Args)]
struct CommonArgs<S: SettingsOf> {
    /// The TOML file with settings [env: GRIDGATE_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    flags: Flags<S>,
}

macro_rules! scopes {
    ($($name:ident = $scope:ident;)*) => {
        $(
            /// The flags of commands that take these settings.
            #[derive(Debug)]
            struct $name;

            impl SettingsOf for $name {
                const SCOPE: Scope = settings::$scope;
            }
        )*
    };
}

scopes! {
    OfServe = OF_SERVE;
    OfCallers = OF_CALLERS;
    OfDoctor = OF_DOCTOR;
    OfAdminCallers = OF_ADMIN_CALLERS;
    OfLogs = OF_LOGS;
}
#[cfg(feature = "sandbox")]
scopes! {
    OfSandbox = OF_SANDBOX;
}

impl<S: SettingsOf> CommonArgs<S> {
    /// The sources of this command's settings.
    fn sources(self, env: Environment) -> Sources {
        let CommonArgs { config, flags } = self;
        let from_env = env.get(settings::CONFIG_FILE_ENV).filter(|path| !path.is_empty()).map(PathBuf::from);
        let sources = Sources { env, flags: flags.values, ..Sources::default() };
        match config.or(from_env) {
            Some(path) => sources.with_file(&path),
            None => sources,
        }
    }
}

/// Runs the program with this command line and this environment, and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>, env: impl IntoIterator<Item = (OsString, OsString)>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are "errors" too, that go to standard output and exit with 0.
            let advice = unknown::advice(&error, Cli::command(), &args);
            let error = if advice.is_empty() { error } else { unknown::without_hint(error) };
            let _ = error.print();
            output::to_stderr(&advice);
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    // Names that are not Unicode cannot be ours.
    let env: Environment =
        env.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
    let outcome = match cli.command {
        Command::Serve(args) => serve::run(args, env),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => sandbox::run(args, env),
        #[cfg(not(feature = "sandbox"))]
        Command::Sandbox { .. } => Err(Failure::Mistaken(crate::sandbox::MISSING.into())),
        Command::Healthcheck(args) => healthcheck::run(args, env),
        Command::Watch(args) => watch::run(*args, env),
        Command::Doctor(args) => doctor::run(*args, env),
        Command::Quarantine(command) => quarantine::run(command, env),
        Command::Token => policy::make_token(),
        Command::Policy(args) => policy::check(args),
        Command::Log(command) => log::run(command, env),
        Command::Proto(command) => proto::run(command),
        #[cfg(feature = "sandbox")]
        Command::Demo(args) => demo::run(args, env),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Runs a command to its end. Blocking work that is still under way, such as a DNS lookup, does not delay the exit.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = built.map_err(|error| Failure::Other("cannot start", error.into()))?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_background();
    outcome
}
