//! What this thread logs, kept for a test to read.

use std::io;
use std::sync::{Arc, Mutex};

use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Events and ended spans of the current thread, as JSON lines, for as long as this lives. A test on tokio's
/// current-thread runtime (the default) logs all of its tasks here.
pub struct CapturedLog {
    lines: Lines,
    _guard: DefaultGuard,
    /// With one subscriber in the process, tracing asks the thread that first meets an event whether anybody wants it, and
    /// the other tests' threads say no. With two it asks all subscribers.
    _second: tracing::Dispatch,
}

impl CapturedLog {
    pub fn start() -> Self {
        let second = tracing::Dispatch::new(NoSubscriber::default());
        let lines = Lines::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(lines.clone())
            .with_span_events(FmtSpan::CLOSE)
            .finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber), _second: second }
    }

    pub fn text(&self) -> String {
        let bytes = self.lines.0.lock().expect("no test panics while it holds this");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics while it holds this").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
