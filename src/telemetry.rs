//! Log lines, on standard error: standard output belongs to what commands answer.

use crate::config::{LogConfig, LogFormat};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer as _, fmt, registry};

/// Sends log lines to standard error, for the rest of the process's life.
///
/// # Errors
/// They go somewhere already.
pub fn init(config: &LogConfig) -> Result<(), TryInitError> {
    let LogConfig { format, filter } = config;
    let layer = match format {
        LogFormat::Human => {
            // https://no-color.org: any value that is not empty.
            let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let ansi = io::stderr().is_terminal() && !no_color;
            fmt::layer().with_writer(io::stderr).with_ansi(ansi).boxed()
        }
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(io::stderr).boxed(),
    };
    registry().with(layer.with_filter(filter.clone())).try_init()?;
    log_panics();
    Ok(())
}

/// Logs where a panic happened, and what it said only if that was written in the code: what was put together at run
/// time may contain personal data.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let message = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("(not shown)");
        tracing::error!(location, message, "panicked");
    }));
}
