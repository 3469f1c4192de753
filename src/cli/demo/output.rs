//! Tells events: as one JSON object a line, or as text for a person. The text has each step with its call, what went in,
//! what came back, and whether that was right; or in short only the steps that were not, and the summary.

use super::expect::Verdict;
use super::layout::{self, Palette};
use super::report::{Called, Event, FlowSummary, Heard, StepReport, Summary};
use super::tree::Tree;
use std::fmt::Write as _;
use std::io::{self, Stdout, Write as _};
use std::time::Duration;

/// Columns that are used.
const WIDTH: usize = 118;

/// What stands before the lines of a step.
const INDENT: &str = "        ";

/// Columns of a step's lines.
const INNER: usize = WIDTH - INDENT.len() - 2;

/// Writes events to standard output.
pub(super) struct Report {
    out: Stdout,
    /// As JSON, if `None`.
    text: Option<Text>,
    /// The first error. Nothing is written after it: the reader has gone.
    pub(super) written: io::Result<()>,
}

impl Report {
    pub(super) fn new(text: Option<Text>) -> Self {
        Report { out: io::stdout(), text, written: Ok(()) }
    }

    pub(super) fn tell(&mut self, event: &Event<'_>) {
        if self.written.is_ok() {
            self.written = self.write(event);
        }
    }

    fn write(&mut self, event: &Event<'_>) -> io::Result<()> {
        let bytes = match &self.text {
            Some(text) => text.of(event).into_bytes(),
            None => serde_json::to_vec(event).map(|json| [&json, &b"\n"[..]].concat())?,
        };
        self.out.write_all(&bytes)?;
        self.out.flush()
    }
}

/// How events become text.
pub(super) struct Text {
    pub(super) palette: Palette,
    /// Whether to tell of what is as expected.
    pub(super) verbose: bool,
}

impl Text {
    pub(super) fn of(&self, event: &Event<'_>) -> String {
        let Palette { heading, bad, dim, .. } = self.palette;
        match event {
            Event::Step(step) if self.verbose || !step.held => self.step(step),
            Event::GivenUp { .. } => {
                format!("\n{bad}This flow ends here: its next step needs what did not come back.{bad:#}\n")
            }
            Event::Summary(summary) => self.summary(summary),
            _ if !self.verbose => String::new(),
            Event::Started { grpc, grid, sandbox } => format!(
                "{heading}gridgate demo{heading:#}\n\
                 {dim}Everybody here is invented. What is called is gridgate's gRPC API; Grid is a sandbox.{dim:#}\n\
                 \n\
                 \x20 gRPC API  {grpc}\n\
                 \x20 Grid      {grid}\n\
                 \x20 sandbox   {sandbox}\n"
            ),
            Event::Flow { number, title, about, .. } => {
                let about = wrapped(about, WIDTH).join("\n");
                format!("\n{}{dim}{about}{dim:#}\n", self.rule(&format!("{number} {title}")))
            }
            Event::Step(step) => self.step(step),
            Event::Heard(heard) => self.heard(heard),
            Event::LeftOut { about, why, .. } => format!("\n{dim}–       {about}\n{INDENT}left out: {why}{dim:#}\n"),
        }
    }

    fn rule(&self, title: &str) -> String {
        let heading = self.palette.heading;
        let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 4));
        format!("{heading}── {title} {rule}{heading:#}\n")
    }

    fn step(&self, step: &StepReport) -> String {
        let StepReport { chapter, number, about, call, sent, came, expectations, held, elapsed, calls, .. } = step;
        let Palette { strong, good, bad, dim, .. } = self.palette;
        let mark = if *held { format!("{good}✓{good:#}") } else { format!("{bad}✗{bad:#}") };
        let mut text = format!("\n{mark} {:<6}{about}\n", format!("{chapter}.{number}"));
        let _ = match call {
            Called::Gridgate { rpc } => writeln!(text, "{INDENT}{strong}{rpc}{strong:#}"),
            Called::Sandbox { method, path } => writeln!(text, "{INDENT}sandbox: {strong}{method} {path}{strong:#}"),
        };
        self.message(&mut text, "→", sent);
        let style = if expectations.first().is_some_and(|verdict| verdict.held) { good } else { bad };
        let repeated = if *calls > 1 { format!("  after {calls} calls") } else { String::new() };
        let code = &came.code;
        let _ = writeln!(text, "{INDENT}← {style}{code}{style:#}  {dim}{}{repeated}{dim:#}", took(*elapsed));
        let body = came.body.without("code");
        if body != Tree::Object(Vec::new()) {
            self.message(&mut text, " ", &body);
        }
        // The first is about the code, which stands above already.
        for (at, Verdict { wanted, held, came }) in expectations.iter().enumerate() {
            if *held && at > 0 {
                let wanted = wrapped(wanted, INNER).join(&format!("\n{INDENT}  "));
                let _ = writeln!(text, "{INDENT}{good}✓{good:#} {dim}{wanted}{dim:#}");
            } else if !held {
                let came = came.as_ref().map_or_else(|| "nothing".to_owned(), layout::plain);
                let _ = writeln!(text, "{INDENT}{bad}✗ {wanted}{bad:#}\n{INDENT}  {bad}came: {came}{bad:#}");
            }
        }
        text
    }

    /// `→ name: value`, with further lines below the first.
    fn message(&self, text: &mut String, arrow: &str, tree: &Tree) {
        for (at, line) in layout::lines(tree, INNER, &self.palette).iter().enumerate() {
            let _ = writeln!(text, "{INDENT}{} {line}", if at == 0 { arrow } else { " " });
        }
    }

    fn heard(&self, heard: &Heard) -> String {
        let Heard { customer_id, platform_customer_id, verification_id, previous, status, .. } = heard;
        let Palette { strong, dim, .. } = self.palette;
        let who = if platform_customer_id.is_empty() { customer_id } else { platform_customer_id };
        let what = if verification_id.is_empty() { "" } else { "'s verification" };
        let change =
            if previous.is_empty() { status.clone() } else { format!("{previous} → {strong}{status}{strong:#}") };
        let decided = if heard.is_decision { ", decided" } else { "" };
        let deleted = if heard.is_deleted { ", deleted" } else { "" };
        format!("{dim}◆       heard: {who}{what}{dim:#} {change}{dim}{decided}{deleted}{dim:#}\n")
    }

    fn summary(&self, summary: &Summary) -> String {
        let Palette { good, bad, dim, .. } = self.palette;
        let mut text = format!("\n{}\n", self.rule("Summary"));
        for flow in &summary.flows {
            let FlowSummary { number, title, steps, failed, given_up, .. } = flow;
            let (style, mark) = if flow.held() { (good, "✓") } else { (bad, "✗") };
            let failed = failed.iter().map(|step| format!("{number}.{step}")).collect::<Vec<_>>().join(", ");
            let failed = if failed.is_empty() { failed } else { format!("  not as expected: {failed}") };
            let given_up = if *given_up { "  ended early" } else { "" };
            let _ = writeln!(
                text,
                "{style}{mark}{style:#} {number:>2} {title:<48} {steps:>3} steps{style}{failed}{given_up}{style:#}"
            );
        }
        let Summary { complete, methods_called, methods_missing, left_out, changes_heard, .. } = summary;
        let steps: usize = summary.flows.iter().map(|flow| flow.steps).sum();
        let all = if *complete && methods_missing.is_empty() { "all " } else { "" };
        let (methods, elapsed) = (methods_called.len(), took(summary.elapsed));
        let _ = writeln!(text, "\n{steps} steps in {elapsed}; {all}{methods} methods were called");
        let _ = writeln!(text, "{changes_heard} changes of a status were heard as they happened");
        if let Some(why) = &summary.hearing_broken {
            let _ = writeln!(text, "{bad}the stream of changes broke: {why}{bad:#}");
        }
        if !methods_missing.is_empty() {
            let _ = writeln!(text, "{bad}never called: {}{bad:#}", methods_missing.join(", "));
        }
        if *left_out > 0 {
            let _ = writeln!(text, "{dim}{left_out} steps were left out, as said where they belong{dim:#}");
        }
        text + &if summary.held {
            format!("{good}Everything came out as expected.{good:#}\n")
        } else {
            format!("{bad}Not everything came out as expected.{bad:#}\n")
        }
    }
}

fn took(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// Text in lines of at most so many columns.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
