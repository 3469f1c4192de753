//! The report for a person: each step with its call, what went in, what came back, and whether that was right.

use super::expect::Verdict;
use super::layout::{self, Palette};
use super::report::{Report, StageShown};
use super::step::{Call, FlowSummary, Heard, LeftOut, Step, Summary};
use super::tree::Tree;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

/// Columns that are used.
const WIDTH: usize = 118;

/// What stands before the lines of a step.
const INDENT: &str = "        ";

/// Writes text for a person.
pub(super) struct Terminal<W> {
    out: W,
    palette: Palette,
    outcome: io::Result<()>,
    /// The number of the flow being played.
    flow: usize,
}

impl<W: Write> Terminal<W> {
    pub(super) fn new(out: W, palette: Palette) -> Self {
        Terminal { out, palette, outcome: Ok(()), flow: 0 }
    }

    fn say(&mut self, text: &str) {
        // What could not be written once is not tried again: who reads has gone.
        if self.outcome.is_ok() {
            self.outcome = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        }
    }

    /// `→ name: value`, with further lines below the first.
    fn message(&self, text: &mut String, arrow: &str, tree: &Tree) {
        let lines = layout::lines(tree, WIDTH.saturating_sub(INDENT.len() + 2), &self.palette);
        for (at, line) in lines.iter().enumerate() {
            let _ = writeln!(text, "{INDENT}{} {line}", if at == 0 { arrow } else { " " });
        }
    }

    fn outcome(&self, text: &mut String, step: &Step) {
        let Palette { good, bad, dim, .. } = self.palette;
        let as_wanted = step.expectations.first().is_some_and(|verdict| verdict.held);
        let style = if as_wanted { good } else { bad };
        let repeated = if step.calls > 1 { format!("  after {} calls", step.calls) } else { String::new() };
        let took = format!("{}{repeated}", elapsed(step.elapsed));
        let code = &step.came.code;
        let _ = writeln!(text, "{INDENT}← {style}{code}{style:#}  {dim}{took}{dim:#}");
        let body = without_code(&step.came.body);
        if body != Tree::Object(Vec::new()) {
            self.message(text, " ", &body);
        }
    }

    fn verdicts(&self, text: &mut String, verdicts: &[Verdict]) {
        let Palette { good, bad, dim, .. } = self.palette;
        // The first is about the code, which stands above already.
        for (at, Verdict { wanted, held, came }) in verdicts.iter().enumerate() {
            if *held && at > 0 {
                let wanted = wrapped(wanted, WIDTH.saturating_sub(INDENT.len() + 2)).join(&format!("\n{INDENT}  "));
                let _ = writeln!(text, "{INDENT}{good}✓{good:#} {dim}{wanted}{dim:#}");
            } else if !held {
                let came = came.as_ref().map_or_else(|| "nothing".to_owned(), layout::plain);
                let _ = writeln!(text, "{INDENT}{bad}✗ {wanted}{bad:#}\n{INDENT}  {bad}came: {came}{bad:#}");
            }
        }
    }
}

impl<W: Write> Report for Terminal<W> {
    fn started(&mut self, stage: &StageShown) {
        let StageShown { grpc, grid, sandbox } = stage;
        let Palette { heading, dim, .. } = self.palette;
        self.say(&format!(
            "{heading}gridgate demo{heading:#}\n\
             {dim}Everybody here is invented. What is called is gridgate's gRPC API; Grid is a sandbox.{dim:#}\n\
             \n\
             \x20 gRPC API  {grpc}\n\
             \x20 Grid      {grid}\n\
             \x20 sandbox   {sandbox}\n"
        ));
    }

    fn flow(&mut self, number: usize, _: &'static str, title: &'static str, about: &'static str) {
        let Palette { heading, dim, .. } = self.palette;
        self.flow = number;
        let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + number.to_string().len() + 5));
        let mut text = format!("\n{heading}── {number} {title} {rule}{heading:#}\n");
        for line in wrapped(about, WIDTH) {
            let _ = writeln!(text, "{dim}{line}{dim:#}");
        }
        self.say(&text);
    }

    fn step(&mut self, step: &Step) {
        let Palette { strong, good, bad, .. } = self.palette;
        let mark = if step.held { format!("{good}✓{good:#}") } else { format!("{bad}✗{bad:#}") };
        let number = format!("{}.{}", self.flow, step.number);
        let who = match step.call {
            Call::Gridgate { .. } => "",
            Call::Sandbox { .. } => "sandbox: ",
        };
        let mut text = format!("\n{mark} {number:<6}{}\n", step.about);
        let _ = writeln!(text, "{INDENT}{who}{strong}{}{strong:#}", step.call);
        self.message(&mut text, "→", &step.sent);
        self.outcome(&mut text, step);
        self.verdicts(&mut text, &step.expectations);
        self.say(&text);
    }

    fn heard(&mut self, heard: &Heard) {
        let Heard { flow: _, customer_id, platform_customer_id, verification_id, previous, status, .. } = heard;
        let Palette { strong, dim, .. } = self.palette;
        let who = if platform_customer_id.is_empty() { customer_id } else { platform_customer_id };
        let what = if verification_id.is_empty() { "" } else { "'s verification" };
        let change =
            if previous.is_empty() { status.clone() } else { format!("{previous} → {strong}{status}{strong:#}") };
        let decided = if heard.is_decision { ", decided" } else { "" };
        let deleted = if heard.is_deleted { ", deleted" } else { "" };
        self.say(&format!("{dim}◆       heard: {who}{what}{dim:#} {change}{dim}{decided}{deleted}{dim:#}\n"));
    }

    fn left_out(&mut self, left_out: &LeftOut) {
        let LeftOut { flow: _, about, why } = left_out;
        let dim = self.palette.dim;
        self.say(&format!("\n{dim}–       {about}\n{INDENT}left out: {why}{dim:#}\n"));
    }

    fn given_up(&mut self, _: &'static str) {
        let bad = self.palette.bad;
        self.say(&format!("\n{bad}This flow ends here: its next step needs what did not come back.{bad:#}\n"));
    }

    fn summary(&mut self, summary: &Summary) {
        let Summary {
            flows,
            complete,
            methods_called,
            methods_missing,
            left_out,
            changes_heard,
            hearing_broken,
            held,
            elapsed: took,
        } = summary;
        let Palette { heading, good, bad, dim, .. } = self.palette;
        let rule = "─".repeat(WIDTH.saturating_sub(11));
        let mut text = format!("\n{heading}── Summary {rule}{heading:#}\n\n");
        for (at, flow) in flows.iter().enumerate() {
            let FlowSummary { flow: _, title, steps, failed, given_up } = flow;
            let (style, mark) = if flow.held() { (good, "✓") } else { (bad, "✗") };
            let failed: Vec<_> = failed.iter().map(|step| format!("{}.{step}", at + 1)).collect();
            let failed =
                if failed.is_empty() { String::new() } else { format!("  not as expected: {}", failed.join(", ")) };
            let given_up = if *given_up { "  ended early" } else { "" };
            let _ = writeln!(
                text,
                "{style}{mark}{style:#} {:>2} {title:<48} {steps:>3} steps{style}{failed}{given_up}{style:#}",
                at + 1
            );
        }
        let steps: usize = flows.iter().map(|flow| flow.steps).sum();
        let all = if *complete && methods_missing.is_empty() { "all " } else { "" };
        let methods = methods_called.len();
        let _ = writeln!(text, "\n{steps} steps in {}; {all}{methods} methods were called", elapsed(*took));
        let _ = writeln!(text, "{changes_heard} changes of a status were heard as they happened");
        if let Some(why) = hearing_broken {
            let _ = writeln!(text, "{bad}the stream of changes broke: {why}{bad:#}");
        }
        if !methods_missing.is_empty() {
            let _ = writeln!(text, "{bad}never called: {}{bad:#}", methods_missing.join(", "));
        }
        if *left_out > 0 {
            let _ = writeln!(text, "{dim}{left_out} steps were left out, as said where they belong{dim:#}");
        }
        let _ = if *held {
            writeln!(text, "{good}Everything came out as expected.{good:#}")
        } else {
            writeln!(text, "{bad}Not everything came out as expected.{bad:#}")
        };
        self.say(&text);
    }

    fn written(&mut self) -> io::Result<()> {
        std::mem::replace(&mut self.outcome, Ok(()))
    }
}

/// A status without its code, which is shown apart.
fn without_code(body: &Tree) -> Tree {
    match body {
        Tree::Object(fields) => Tree::Object(fields.iter().filter(|(name, _)| name != "code").cloned().collect()),
        other => other.clone(),
    }
}

fn elapsed(duration: Duration) -> String {
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
