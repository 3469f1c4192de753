//! `gridgate watch`: a person's view of the stream of decisions.
//!
//! [`request`] turns the flags into a request, [`follow`] keeps a stream open across breaks, [`view`] and [`json`] print what
//! arrives. It calls a running gridgate as any client does.

mod follow;
mod json;
mod request;
mod view;

pub(super) use request::WatchArgs;

use super::Environment;
use super::calling::Target;
use super::output::{Failure, is_coloured, to_stderr};
use super::signals::Signals;
use crate::config::CallerConfig;
use follow::{Follow, FollowError, Said, View};
use json::JsonLines;
use std::io;
use std::time::Duration;
use view::{Palette, Terminal};

/// Watches until a signal comes, every customer is decided, or reconnecting cannot help.
pub(super) fn run(args: WatchArgs, env: Environment) -> Result<(), Failure> {
    let request = request::of(&args);
    let WatchArgs { json, heartbeat, common, .. } = args;
    let palette = if is_coloured(&env) { Palette::coloured() } else { Palette::plain() };
    let view: Box<dyn View> = if json {
        Box::new(JsonLines::new(io::stdout()).map_err(|error| Failure::Other("cannot print JSON", error.into()))?)
    } else {
        Box::new(Terminal::new(io::stdout(), palette))
    };
    let target = Target::of(CallerConfig::load(common.sources(env))?)
        .map_err(|error| Failure::Other("cannot connect", error.into()))?;
    let heartbeat = Duration::from_secs(heartbeat.into());
    super::block_on(watch(Follow::new(target, request, heartbeat, view, say)))
}

async fn watch(mut follow: Follow) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(|error| Failure::Other("cannot listen for signals", error.into()))?;
    let ended = tokio::select! {
        ended = follow.run() => Some(ended),
        _ = signals.next() => None,
    };
    match ended {
        Some(Ok(Said::Everything)) => Ok(()),
        // The reader has gone, as `head` does.
        Some(Err(FollowError::Output(error))) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Some(Err(error)) => {
            if let FollowError::Place { hint, .. } = &error {
                say(hint);
            }
            Err(Failure::Other("cannot watch", error.into()))
        }
        None => {
            if let Some(token) = follow.token() {
                say(&format!("stopped; --from {token} resumes here"));
            }
            Ok(())
        }
    }
}

/// Tells the person something that is not about customers.
fn say(text: &str) {
    to_stderr(&format!("gridgate: {text}\n"));
}
