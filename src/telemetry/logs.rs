//! Log lines, on standard error: standard output belongs to what commands answer.
//!
//! Each line of a call says its `rpc.method`, and if it is traced its `trace_id` and `span_id`. Spans are for traces alone: where
//! nothing exports them, none is made. Which lines are written can be changed while the process
//! runs ([`LogLevels`]), but for audit lines: where the configuration lets them through, they are written to the end.

use super::config::{LogConfig, LogFormat, log_filter};
use super::context;
use super::traces::Traces;
use opentelemetry::trace::TraceContextExt as _;
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tracing::dispatcher::{self, WeakDispatch};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt as _, Targets, filter_fn};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Filter, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer, registry, reload};

/// The target of the HTTP/2 library.
const HTTP2: &str = "h2";

/// The target of audit lines.
const AUDIT: &str = "audit";

/// The crates that write log lines, by the names under which gridgate has them.
const CRATES: [&str; 4] = ["grid", "kyc", "sandbox", "transport"];

/// The longest text that [`LogLevels::set`] reads, in bytes.
const LONGEST: usize = 4096;

/// Sends log lines to standard error, and spans where `traces` says, for the rest of the process's life.
///
/// # Errors
/// They go somewhere already.
pub fn init(config: &LogConfig, traces: Option<&Traces>) -> Result<LogLevels, TryInitError> {
    let LogConfig { format, filter } = config;
    let subscriber: Arc<OnceLock<WeakDispatch>> = Arc::default();
    let audits = filter.would_enable(AUDIT, &Level::INFO);
    let shown = Arc::new(Mutex::new(filter.to_string()));
    // Two stacks of layers: a layer that is there and does nothing would want every span.
    let replace = match traces {
        Some(traces) => {
            let (filter, replace) = changeable(filter.clone());
            registry().with(traces.layer()).with(lines(*format, &subscriber).with_filter(filter)).try_init()?;
            context::export_begins();
            replace
        }
        None => {
            let (filter, replace) = changeable(filter.clone());
            registry().with(lines(*format, &subscriber).with_filter(filter)).try_init()?;
            replace
        }
    };
    let _ = subscriber.set(dispatcher::get_default(tracing::Dispatch::downgrade));
    log_panics();
    Ok(LogLevels { audits, shown, replace })
}

/// Writes lines in this format.
fn lines<S>(format: LogFormat, subscriber: &Arc<OnceLock<WeakDispatch>>) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    match format {
        LogFormat::Human => {
            // https://no-color.org: any value that is not empty.
            let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let ansi = io::stderr().is_terminal() && !no_color;
            let traced =
                |lines: Format| Traced { lines: lines.with_ansi(ansi), json: false, subscriber: subscriber.clone() };
            lines.with_ansi(ansi).map_event_format(traced).boxed()
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            lines.map_event_format(|lines| Traced { lines, json: true, subscriber: subscriber.clone() }).boxed()
        }
    }
}

/// Replaces the levels of a filter.
type Replace = Arc<dyn Fn(Targets) -> Result<(), InvalidLevels> + Send + Sync>;

/// A filter of lines with these levels, and what replaces them.
fn changeable<S: Subscriber + 'static>(levels: Targets) -> (impl Filter<S>, Replace) {
    let (filter, handle) = reload::Layer::new(effective(levels));
    let replace = move |levels: Targets| handle.reload(effective(levels)).map_err(|_| InvalidLevels::NotLogging);
    // Spans are for traces, and lines have no use for them. With the hint, the HTTP libraries' trace points cost nothing.
    let is_no_span: fn(&Metadata<'_>) -> bool = |metadata| !metadata.is_span();
    (filter.and(filter_fn(is_no_span).with_max_level_hint(Level::TRACE)), Arc::new(replace))
}

/// What the filter gets for these levels.
fn effective(levels: Targets) -> Targets {
    quiet(with_crates(levels))
}

/// A crate's log lines have its name as their target, such as `gridgate_grid::client`. Levels name its place in gridgate,
/// `gridgate::grid`, and hold for both.
fn with_crates(levels: Targets) -> Targets {
    let of_crates: Vec<_> = levels
        .iter()
        .filter_map(|(target, level)| {
            let inside = target.strip_prefix("gridgate::")?;
            let name = inside.split("::").next()?;
            CRATES.contains(&name).then(|| (format!("gridgate_{inside}"), level))
        })
        .collect();
    levels.with_targets(of_crates)
}

/// Drops the warnings of the HTTP/2 library, unless the filter names it: each is about a client's protocol error, and any
/// client can cause them. The metrics count how connections end.
fn quiet(levels: Targets) -> Targets {
    let is_named = levels.iter().any(|(target, _)| target.split("::").next() == Some(HTTP2));
    if is_named || !levels.would_enable(HTTP2, &Level::WARN) { levels } else { levels.with_target(HTTP2, Level::ERROR) }
}

/// Which log lines are written, to be read and changed while the process runs. Clones change the same.
#[derive(Clone)]
pub struct LogLevels {
    /// Whether audit lines are written, independent of the other levels.
    audits: bool,
    /// Guards the levels that were last set, as text.
    shown: Arc<Mutex<String>>,
    replace: Replace,
}

/// The levels stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLevels {
    /// The text is none; this is what is wrong.
    #[error("{0}")]
    NotLevels(String),
    /// Nothing writes lines any more.
    #[error("log lines are not written any more")]
    NotLogging,
}

impl LogLevels {
    /// What is written now, in the notation of the setting `log.level`.
    #[must_use]
    pub fn current(&self) -> String {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes from now on what `text` says, in the notation of the setting `log.level`, and audit lines where they were
    /// configured. A line says so, unless neither the levels before nor those after let it through.
    ///
    /// # Errors
    /// The text is not in that notation.
    pub fn set(&self, text: &str) -> Result<(), InvalidLevels> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(InvalidLevels::NotLevels(format!("must be at most {LONGEST} bytes")));
        }
        let mut levels = log_filter(text).map_err(InvalidLevels::NotLevels)?;
        if self.audits && !levels.would_enable(AUDIT, &Level::INFO) {
            levels = levels.with_target(AUDIT, Level::INFO);
        }
        let (before, now) = (self.current(), levels.to_string());
        // Said beforehand, since what silences the log would silence that too.
        let is_logged = tracing::enabled!(Level::WARN);
        if is_logged {
            tracing::warn!(before, now, "the log levels are changed");
        }
        (self.replace)(levels)?;
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&now);
        if !is_logged {
            tracing::warn!(before, now, "the log levels are changed");
        }
        Ok(())
    }
}

impl fmt::Debug for LogLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogLevels").field(&self.current()).finish()
    }
}

/// Lines with the trace that they belong to.
struct Traced<L> {
    lines: L,
    json: bool,
    /// Where the spans are found. While a line is being written, the current subscriber cannot be asked for.
    subscriber: Arc<OnceLock<WeakDispatch>>,
}

impl<L> Traced<L> {
    /// What a line says of where its event happened, as names and values.
    fn context(&self, event: &Event<'_>) -> Vec<(&'static str, String)> {
        let traced = || {
            let subscriber = self.subscriber.get()?.upgrade()?;
            // Asked of the subscriber itself: the layer of lines has no spans.
            let span = event.parent().cloned().or_else(|| subscriber.current_span().id().cloned())?;
            let found = tracing_opentelemetry::get_otel_context(&span, &subscriber)?;
            let span = found.span();
            let ids = span.span_context();
            ids.is_valid().then(|| (ids.trace_id(), ids.span_id()))
        };
        let (method, incoming) = context::current_call().unzip();
        let (trace_id, span_id) = traced().unzip();
        [
            ("trace_id", trace_id.or(incoming.flatten()).map(|id| id.to_string())),
            ("span_id", span_id.map(|id| id.to_string())),
            ("rpc.method", method.map(|method| method.to_string())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

impl<S, N, L> FormatEvent<S, N> for Traced<L>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    L: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let fields = self.context(event);
        let mut line = String::new();
        self.lines.format_event(context, Writer::new(&mut line), event)?;
        // The values are ids and names of our own methods, with nothing in them that JSON would have to escape.
        match line.strip_prefix('{') {
            Some(rest) if self.json => {
                writer.write_char('{')?;
                fields.iter().try_for_each(|(name, value)| write!(writer, r#""{name}":"{value}","#))?;
                writer.write_str(rest)
            }
            Some(_) | None => {
                writer.write_str(line.trim_end())?;
                fields.iter().try_for_each(|(name, value)| write!(writer, " {name}={value}"))?;
                writeln!(writer)
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_span_is_made_where_nothing_exports_it() {
        let (filter, _replace) = changeable("info".parse().unwrap());
        let lines = lines(LogFormat::Json, &Arc::default()).with_filter(filter);
        tracing::subscriber::with_default(registry().with(lines), || {
            assert!(tracing::info_span!("call").is_disabled());
            assert!(tracing::enabled!(Level::INFO) && !tracing::enabled!(Level::DEBUG));
        });
    }

    #[test]
    fn what_anybody_can_make_http_2_warn_of_is_not_written_unless_asked_for() {
        let enables = |text: &str, level| quiet(text.parse().unwrap()).would_enable("h2::proto::streams", &level);
        for text in ["info", "trace", "warn,gridgate::grid=debug"] {
            assert!(!enables(text, Level::WARN) && enables(text, Level::ERROR), "{text}");
        }
        assert!(enables("info,h2=debug", Level::DEBUG) && enables("info,h2::proto=warn", Level::WARN));
        assert!(!enables("off", Level::ERROR));
    }

    #[test]
    fn levels_of_a_module_hold_in_the_crate_that_has_it() {
        let enables = |text: &str, target| effective(text.parse().unwrap()).would_enable(target, &Level::DEBUG);
        let grid = "info,gridgate::grid=debug";
        assert!(enables(grid, "gridgate_grid::client::retry") && !enables(grid, "gridgate_kyc::hub"));
        let hub = "info,gridgate::kyc::hub=debug";
        assert!(enables(hub, "gridgate_kyc::hub") && !enables(hub, "gridgate_kyc::log"));
        assert!(enables("info,gridgate=debug", "gridgate_grid::client"));
        assert!(enables("info,gridgate_grid=debug", "gridgate_grid::client"));
    }
}
