//! Plays steps: makes a call, holds what came against what was expected, reports it, and counts.

use super::access::Calls;
use super::control::{Act, Control};
use super::expect::{Expectation, Verdict, is};
use super::hearing::Hearing;
use super::reflect::{Reflection, code_name, method_name};
use super::release::Release;
use super::report::Report;
use super::rpc::Rpc;
use super::step::{Call, FlowSummary, Heard, LeftOut, Outcome, Step};
use super::tree::Tree;
use super::watch::{Until, watched};
use crate::cli::output::chain;
use crate::pb::{WatchKycStatusRequest, WatchKycStatusResponse};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tonic::{Code, Status};

/// How long something may take that is asked for again and again.
const PATIENCE: Duration = Duration::from_secs(20);

/// The pause before asking again.
const PAUSE: Duration = Duration::from_millis(50);

/// A flow cannot go on: what came back lacks what later steps need.
#[derive(Debug)]
pub(super) struct Abandoned;

/// An answer that later steps take values from.
#[derive(Debug)]
pub(super) struct Answer(Tree);

impl Answer {
    /// The text that a path leads to, such as an id.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn text(&self, path: &str) -> Result<String, Abandoned> {
        self.0.at(path).and_then(|value| value.as_text().map(str::to_owned)).ok_or(Abandoned)
    }
}

/// A call, and what came of it.
struct Exchange {
    call: Call,
    sent: Tree,
    came: Outcome,
    /// How long the last call took.
    elapsed: Duration,
    /// How often it was made.
    calls: u32,
}

/// The play: who is on stage, and what has happened so far.
pub(super) struct Script {
    channel: Calls,
    control: Control,
    reflection: Reflection,
    report: Box<dyn Report>,
    /// What happens meanwhile.
    hearing: Hearing,
    heard: usize,
    /// Whether requests that Grid's API description forbids are left out.
    valid_only: bool,
    /// Whose Grid is played.
    release: Release,
    /// Methods of steps that were left out because the release lacks what they need.
    not_yet: BTreeSet<String>,
    /// Makes ids of this run unlike those of any other.
    run: String,
    /// The flow being played, last.
    flows: Vec<FlowSummary>,
    called: BTreeSet<String>,
    left_out: usize,
}

impl Script {
    /// A play that has not begun.
    pub(super) fn new(
        channel: Calls,
        control: Control,
        reflection: Reflection,
        report: Box<dyn Report>,
        hearing: Hearing,
        valid_only: bool,
        release: Release,
    ) -> Self {
        let run = uuid::Uuid::new_v4().simple().to_string();
        let run = run.get(..8).unwrap_or_default().to_owned();
        Script {
            channel,
            control,
            reflection,
            report,
            hearing,
            heard: 0,
            valid_only,
            release,
            not_yet: BTreeSet::new(),
            run,
            flows: Vec::new(),
            called: BTreeSet::new(),
            left_out: 0,
        }
    }

    /// Begins a flow.
    pub(super) fn begin(&mut self, flow: &'static str, title: &'static str, about: &'static str) {
        self.report.flow(self.flows.len() + 1, flow, title, about);
        self.flows.push(FlowSummary { flow, title, steps: 0, failed: Vec::new(), given_up: false });
    }

    /// Ends a flow: tells what it set off.
    pub(super) async fn end(&mut self) {
        let heard = self.hearing.until_quiet().await;
        self.tell(heard);
    }

    /// Tells the last of what was heard. How much that was, or why it may not have been all.
    pub(super) async fn hear_the_rest(&mut self) -> Result<usize, String> {
        let heard = self.hearing.until_caught_up().await;
        self.tell(heard);
        self.hearing.broken().map_or(Ok(self.heard), |why| Err(why.to_owned()))
    }

    /// Tells what has been heard since the last time.
    fn hear(&mut self) {
        let heard = self.hearing.so_far();
        self.tell(heard);
    }

    fn tell(&mut self, heard: Vec<Heard>) {
        let flow = self.flow_name();
        self.heard += heard.len();
        for change in heard {
            self.report.heard(&Heard { flow, ..change });
        }
    }

    /// Says that the flow ended early.
    pub(super) fn give_up(&mut self) {
        if let Some(flow) = self.flows.last_mut() {
            flow.given_up = true;
            self.report.given_up(flow.flow);
        }
    }

    /// A name that no other run uses.
    pub(super) fn unique(&self, name: &str) -> String {
        format!("{name}-{}", self.run)
    }

    /// What every flow came to, which methods were called, how many steps were left out; and where to report it.
    pub(super) fn finish(self) -> (Vec<FlowSummary>, BTreeSet<String>, usize, Box<dyn Report>) {
        (self.flows, self.called, self.left_out, self.report)
    }

    /// Every method that the release has what it takes for, as `Service/Method`.
    pub(super) fn methods_of_release(&self) -> Vec<String> {
        let mut methods = self.reflection.methods();
        methods.retain(|method| !self.not_yet.contains(method));
        methods
    }

    /// Whose Grid is played.
    pub(super) fn release(&self) -> Release {
        self.release
    }

    /// Whether to leave out a request that Grid's API description forbids. Says so, if it is left out.
    pub(super) fn leaves_out_invalid(&mut self, about: &str) -> bool {
        if self.valid_only {
            self.leave_out(about, "its request breaks Grid's API description (--valid-only)");
        }
        self.valid_only
    }

    /// Whether to leave out steps that need what Grid has had only since `since`, and with them these methods
    /// (`Service/Method`) that no other step calls. Says so, if they are left out.
    pub(super) fn leaves_out_before(&mut self, since: Release, about: &str, methods: &[&str]) -> bool {
        let too_early = self.release < since;
        if too_early {
            self.leave_out(about, "the Grid that is played does not have it yet (--grid)");
            self.not_yet.extend(methods.iter().map(|method| (*method).to_owned()));
        }
        too_early
    }

    fn leave_out(&mut self, about: &str, why: &'static str) {
        let flow = self.flow_name();
        self.report.left_out(&LeftOut { flow, about: about.to_owned(), why });
        self.left_out += 1;
    }

    /// Calls, expecting an answer.
    ///
    /// # Errors
    /// There was none.
    pub(super) async fn call<R: Rpc>(
        &mut self,
        about: &str,
        request: R,
        expectations: impl IntoIterator<Item = Expectation>,
    ) -> Result<Answer, Abandoned> {
        let exchange = self.exchange(request).await;
        self.judge(about, exchange, &answered(), expectations)
    }

    /// Calls again and again until the answer is as it should be, expecting that it comes to that.
    ///
    /// # Errors
    /// There was no answer.
    pub(super) async fn call_until<R: Rpc + Clone>(
        &mut self,
        about: &str,
        request: R,
        until: Expectation,
        expectations: impl IntoIterator<Item = Expectation>,
    ) -> Result<Answer, Abandoned> {
        let give_up = Instant::now() + PATIENCE;
        let mut calls = 0;
        loop {
            let exchange = self.exchange(request.clone()).await;
            calls += 1;
            if !exchange.came.ok || until.judge(&exchange.came.body).held || Instant::now() >= give_up {
                let expectations = std::iter::once(until).chain(expectations);
                return self.judge(about, Exchange { calls, ..exchange }, &answered(), expectations);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Watches, expecting that it comes to this.
    ///
    /// # Errors
    /// It did not within a while, or the stream failed.
    pub(super) async fn watch(
        &mut self,
        about: &str,
        request: WatchKycStatusRequest,
        until: Until,
        expectations: impl IntoIterator<Item = Expectation>,
    ) -> Result<Answer, Abandoned> {
        const SERVICE: &str = "KycEventService";
        const METHOD: &str = "WatchKycStatus";
        self.hear();
        let rpc = method_name(SERVICE, METHOD);
        self.called.insert(rpc.clone());
        let sent = self.reflection.request(SERVICE, METHOD, &request);
        let started = Instant::now();
        let mut responses = Vec::new();
        let shown = |response: &WatchKycStatusResponse| self.reflection.response(SERVICE, METHOD, response);
        let watched = timeout(PATIENCE, watched(self.channel.clone(), request, until, shown, &mut responses)).await;
        let came = match watched {
            Ok(Ok(())) => {
                let last = responses.last().and_then(|response| response.at("resume_token"));
                let token = last.map(|token| ("resume_token".to_owned(), token));
                let body = Tree::Object(
                    Some(("responses".to_owned(), Tree::List(responses))).into_iter().chain(token).collect(),
                );
                Outcome { code: answered(), ok: true, body }
            }
            Ok(Err(status)) => {
                Outcome { code: code_name(status.code()), ok: false, body: self.reflection.status(&status) }
            }
            Err(_) => {
                let body = Tree::field("responses", Tree::List(responses));
                Outcome { code: "nothing more".to_owned(), ok: false, body }
            }
        };
        let exchange = Exchange { call: Call::Gridgate { rpc }, sent, came, elapsed: started.elapsed(), calls: 1 };
        self.judge(about, exchange, &answered(), expectations)
    }

    /// Calls, expecting to be refused with this code.
    pub(super) async fn refused<R: Rpc>(
        &mut self,
        about: &str,
        request: R,
        code: Code,
        expectations: impl IntoIterator<Item = Expectation>,
    ) {
        let exchange = self.exchange(request).await;
        // An answer is reported as a failed step, and the flow can go on without one.
        let _ = self.judge(about, exchange, &code_name(code), expectations);
    }

    /// Plays somebody's part on the sandbox, expecting that it succeeds.
    ///
    /// # Errors
    /// It did not.
    pub(super) async fn act(
        &mut self,
        about: &str,
        act: Act,
        expectations: impl IntoIterator<Item = Expectation>,
    ) -> Result<Answer, Abandoned> {
        let exchange = self.acted(act).await;
        let code = if exchange.came.ok { exchange.came.code.clone() } else { "200".to_owned() };
        self.judge(about, exchange, &code, expectations)
    }

    /// Plays somebody's part on the sandbox, expecting to be refused with this HTTP status.
    pub(super) async fn act_refused(
        &mut self,
        about: &str,
        act: Act,
        status: u16,
        expectations: impl IntoIterator<Item = Expectation>,
    ) {
        let exchange = self.acted(act).await;
        let _ = self.judge(about, exchange, &status.to_string(), expectations);
    }

    async fn exchange<R: Rpc>(&mut self, request: R) -> Exchange {
        self.hear();
        let sent = request.shown(&self.reflection);
        let rpc = method_name(R::SERVICE, R::METHOD);
        self.called.insert(rpc.clone());
        let started = Instant::now();
        let result = request.call(self.channel.clone()).await;
        let elapsed = started.elapsed();
        Exchange { call: Call::Gridgate { rpc }, sent, came: self.outcome::<R>(&result), elapsed, calls: 1 }
    }

    async fn acted(&mut self, act: Act) -> Exchange {
        self.hear();
        let started = Instant::now();
        let played = self.control.play(act).await;
        let elapsed = started.elapsed();
        match played {
            Ok((call, sent, status, body)) => {
                let came = Outcome { code: status.to_string(), ok: (200..300).contains(&status), body };
                Exchange { call, sent, came, elapsed, calls: 1 }
            }
            Err(error) => {
                let call = Call::Sandbox { method: String::new(), path: "(no answer)".to_owned() };
                let body = Tree::field("message", chain(&error).into());
                let came = Outcome { code: "no answer".to_owned(), ok: false, body };
                Exchange { call, sent: Tree::Object(Vec::new()), came, elapsed, calls: 1 }
            }
        }
    }

    fn outcome<R: Rpc>(&self, result: &Result<R::Response, Status>) -> Outcome {
        match result {
            Ok(response) => {
                Outcome { code: answered(), ok: true, body: self.reflection.response(R::SERVICE, R::METHOD, response) }
            }
            Err(status) => Outcome { code: code_name(status.code()), ok: false, body: self.reflection.status(status) },
        }
    }

    /// Reports an exchange as a step, and returns the answer that it yielded.
    fn judge(
        &mut self,
        about: &str,
        exchange: Exchange,
        code: &str,
        expectations: impl IntoIterator<Item = Expectation>,
    ) -> Result<Answer, Abandoned> {
        let Exchange { call, sent, came, elapsed, calls } = exchange;
        let wanted = is("code", Tree::Word(code.to_owned()));
        let mut verdicts = vec![wanted.judge(&Tree::field("code", Tree::Word(came.code.clone())))];
        // Of something else than what was to be, further expectations say nothing.
        if came.code == code {
            verdicts.extend(expectations.into_iter().map(|expectation| expectation.judge(&came.body)));
        }
        let held = verdicts.iter().all(|Verdict { held, .. }| *held);
        let flow = self.flow_name();
        let number = self.count(held);
        let about = about.to_owned();
        let answer = if came.ok { Ok(Answer(came.body.clone())) } else { Err(Abandoned) };
        self.report.step(&Step { flow, number, about, call, sent, came, expectations: verdicts, held, elapsed, calls });
        answer
    }

    fn flow_name(&self) -> &'static str {
        self.flows.last().map_or("", |flow| flow.flow)
    }

    /// Counts a step, and returns its number.
    fn count(&mut self, held: bool) -> usize {
        let Some(flow) = self.flows.last_mut() else { return 0 };
        flow.steps += 1;
        if !held {
            flow.failed.push(flow.steps);
        }
        flow.steps
    }
}

fn answered() -> String {
    code_name(Code::Ok)
}
