//! Where the demo tells what happened: a terminal, or one JSON object a line.

use super::step::{Heard, LeftOut, Step, Summary};
use serde::Serialize;
use std::io::{self, Write};

/// Is told what happens, as it happens.
pub(super) trait Report {
    /// Everything has been started.
    fn started(&mut self, stage: &StageShown);
    /// A flow begins.
    fn flow(&mut self, number: usize, flow: &'static str, title: &'static str, about: &'static str);
    /// A step was made.
    fn step(&mut self, step: &Step);
    /// A status changed.
    fn heard(&mut self, heard: &Heard);
    /// A step was left out.
    fn left_out(&mut self, left_out: &LeftOut);
    /// The flow could not go on.
    fn given_up(&mut self, flow: &'static str);
    /// It is over.
    fn summary(&mut self, summary: &Summary);
    /// Whether everything could be written.
    fn written(&mut self) -> io::Result<()>;
}

/// Who plays, and where.
#[derive(Debug, Serialize)]
pub(super) struct StageShown {
    /// The gRPC API that is called.
    pub(super) grpc: String,
    /// The Grid that gridgate calls.
    pub(super) grid: String,
    /// The sandbox that people act on.
    pub(super) sandbox: String,
}

/// One JSON object a line.
pub(super) struct JsonLines<W> {
    out: W,
    outcome: io::Result<()>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Started(&'a StageShown),
    Flow { number: usize, flow: &'static str, title: &'static str, about: &'static str },
    Step(&'a Step),
    Heard(&'a Heard),
    LeftOut(&'a LeftOut),
    GivenUp { flow: &'static str },
    Summary(&'a Summary),
}

impl<W: Write> JsonLines<W> {
    pub(super) fn new(out: W) -> Self {
        JsonLines { out, outcome: Ok(()) }
    }

    fn line(&mut self, event: &Event<'_>) {
        // What could not be written once is not tried again: who reads has gone.
        if self.outcome.is_ok() {
            self.outcome = serde_json::to_vec(event).map_err(io::Error::from).and_then(|mut line| {
                line.push(b'\n');
                self.out.write_all(&line)?;
                self.out.flush()
            });
        }
    }
}

impl<W: Write> Report for JsonLines<W> {
    fn started(&mut self, stage: &StageShown) {
        self.line(&Event::Started(stage));
    }

    fn flow(&mut self, number: usize, flow: &'static str, title: &'static str, about: &'static str) {
        self.line(&Event::Flow { number, flow, title, about });
    }

    fn step(&mut self, step: &Step) {
        self.line(&Event::Step(step));
    }

    fn heard(&mut self, heard: &Heard) {
        self.line(&Event::Heard(heard));
    }

    fn left_out(&mut self, left_out: &LeftOut) {
        self.line(&Event::LeftOut(left_out));
    }

    fn given_up(&mut self, flow: &'static str) {
        self.line(&Event::GivenUp { flow });
    }

    fn summary(&mut self, summary: &Summary) {
        self.line(&Event::Summary(summary));
    }

    fn written(&mut self) -> io::Result<()> {
        std::mem::replace(&mut self.outcome, Ok(()))
    }
}
