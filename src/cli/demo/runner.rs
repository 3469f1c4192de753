//! Plays flows: makes their calls, holds what came against what was expected, and reports it.

use super::client;
use super::control::Control;
use super::expect::{Expectation, Verdict};
use super::flow::{Flow, Planned, Release, Step};
use super::names::Names;
use super::output::Report;
use super::reflect::{Reflection, code_name, full_name, of_message};
use super::report::{Called, Event, FlowSummary, Heard, Reply, StepReport, Summary};
use super::servers::Servers;
use super::tree::Tree;
use super::upload::Upload;
use super::watcher::Watcher;
use crate::cli::calling::Connection;
use crate::cli::output::{Failure, chain, while_read};
use prost_reflect::{DynamicMessage, MethodDescriptor, Value as Field};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tonic::{Code, Status};

/// How long something may take that is asked for again and again, or read from a stream.
const PATIENCE: Duration = Duration::from_secs(20);

/// The pause before asking again.
const PAUSE: Duration = Duration::from_millis(50);

/// Plays flows.
pub(super) struct Runner {
    connection: Connection,
    control: Control,
    reflection: Reflection,
    report: Report,
    watcher: Watcher,
    /// Whether to leave out requests that Grid's API description forbids.
    valid_only: bool,
    release: Release,
    /// What has happened so far. The flow being played is the last.
    summary: Summary,
    called: BTreeSet<String>,
    /// Methods of steps that were left out.
    not_called: BTreeSet<String>,
}

/// Some steps were not as expected. The report says which.
#[derive(Debug, thiserror::Error)]
#[error("not everything came out as expected")]
struct NotAsExpected;

/// A call, and what came of it.
struct Exchange {
    call: Called,
    sent: Tree,
    came: Reply,
    /// How long the last call took.
    elapsed: Duration,
    calls: u32,
}

impl Runner {
    /// Opens the stream of status changes.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) async fn new(
        servers: &Servers,
        reflection: Reflection,
        mut report: Report,
        valid_only: bool,
        release: Release,
    ) -> Result<Self, Status> {
        servers.tell(&mut report);
        let (connection, control) = (servers.connection(), servers.control());
        let watcher = Watcher::begin(connection.clone()).await?;
        let (summary, called, not_called) = (Summary::default(), BTreeSet::new(), BTreeSet::new());
        Ok(Self { connection, control, reflection, report, watcher, valid_only, release, summary, called, not_called })
    }

    /// Plays flows, each to its end, or until it cannot go on. `complete`: these are all flows.
    ///
    /// # Errors
    /// A step was not as expected, or the report cannot be written.
    pub(super) async fn play(mut self, flows: &[Flow], complete: bool) -> Result<(), Failure> {
        let started = Instant::now();
        // Makes the ids of this run unlike those of any other.
        let run = uuid::Uuid::new_v4().simple().to_string();
        for flow in flows {
            self.play_one(flow, run.get(..8).unwrap_or_default()).await;
        }
        let heard = self.watcher.until_caught_up().await;
        self.tell(heard);
        let Self { mut summary, reflection, watcher, called, not_called, mut report, .. } = self;
        if complete {
            let methods = reflection.methods().map(|method| full_name(&method));
            let missing = methods.filter(|method| !called.contains(method) && !not_called.contains(method));
            summary.methods_missing = missing.collect();
        }
        summary.complete = complete;
        summary.hearing_broken = watcher.broken().map(str::to_owned);
        summary.methods_called = called.into_iter().collect();
        let is_all = summary.methods_missing.is_empty() && summary.hearing_broken.is_none();
        summary.held = is_all && summary.flows.iter().all(FlowSummary::held);
        summary.elapsed = started.elapsed();
        report.tell(&Event::Summary(&summary));
        while_read(report.written).map_err(|error| Failure::Other("cannot write to standard output", error.into()))?;
        if summary.held { Ok(()) } else { Err(Failure::Other("demo", NotAsExpected.into())) }
    }

    async fn play_one(&mut self, flow: &Flow, run: &str) {
        let Flow { chapter: number, name, title, about, .. } = flow;
        self.report.tell(&Event::Flow { number: *number, flow: name, title, about });
        let (flow_name, title) = ((*name).to_owned(), title.clone());
        self.summary.flows.push(FlowSummary { flow: flow_name, number: *number, title, ..FlowSummary::default() });
        let mut names = flow.names(self.release);
        names.set("run", run);
        names.set("uuid", uuid::Uuid::new_v4().to_string());
        let mut given_up = false;
        for planned in flow.plan(self.release, self.valid_only) {
            match planned {
                Planned::LeftOut { about, why, calls } => {
                    self.report.tell(&Event::LeftOut { flow: name, about, why });
                    self.summary.left_out += 1;
                    let methods = calls.iter().filter_map(|called| self.reflection.method(called));
                    self.not_called.extend(methods.map(|method| full_name(&method)));
                }
                Planned::Call(step, of_group) if step.always || !given_up => {
                    of_group.into_iter().for_each(|of_group| names.extend(of_group));
                    given_up |= self.step(step, &mut names).await.is_none();
                }
                Planned::Call(..) => {}
            }
        }
        let heard = self.watcher.until_quiet().await;
        self.tell(heard);
        if given_up {
            self.report.tell(&Event::GivenUp { flow: name });
        }
        self.summary.flows.iter_mut().next_back().into_iter().for_each(|flow| flow.given_up = given_up);
    }

    fn tell(&mut self, heard: Vec<Heard>) {
        self.summary.changes_heard += heard.len();
        for change in heard {
            let flow = self.summary.flows.last().map(|flow| flow.flow.clone()).unwrap_or_default();
            self.report.tell(&Event::Heard(&Heard { flow, ..change }));
        }
    }

    /// Makes a step, and keeps what later ones need; `None` if they cannot be made, since it did not come.
    async fn step(&mut self, step: &Step, names: &mut Names) -> Option<()> {
        let heard = self.watcher.so_far();
        self.tell(heard);
        let about = names.fill_text(&step.about)?;
        let (called, input) = step.call()?;
        let input = names.fill(input)?;
        let expect = step.until.iter().chain(&step.expect).map(|expectation| expectation.filled(names));
        let expect = expect.collect::<Option<Vec<_>>>()?;
        let method = self.reflection.method(called);
        let exchange = match &method {
            Some(method) => {
                let requests = requests(method, &input, step.upload.as_ref(), names)?;
                self.called.insert(full_name(method));
                let until = expect.first().filter(|_| step.until.is_some());
                self.call_until(method, requests, step.read_until.as_deref(), until).await
            }
            None => self.post(&names.fill_text(called)?, input).await,
        };
        // Of the sandbox, any success will do.
        let any = if method.is_none() && exchange.came.ok { exchange.came.code.clone() } else { code_name(Code::Ok) };
        let body = self.judge(about, exchange, step.code.as_deref().unwrap_or(&any), &expect);
        // Where an error was expected, nothing that came is needed.
        let Some(body) = body else { return step.code.as_ref().map(|_| ()) };
        for (name, path) in &step.keep {
            let value = body.at(path)?.as_text()?.to_owned();
            names.set(name, value);
        }
        Some(())
    }

    /// Calls a method; again and again, where something has to hold in the end.
    async fn call_until(
        &self,
        method: &MethodDescriptor,
        requests: Vec<DynamicMessage>,
        read_until: Option<&str>,
        until: Option<&Expectation>,
    ) -> Exchange {
        let give_up = Instant::now() + PATIENCE;
        let mut sent: Vec<Tree> = requests.iter().map(of_message).collect();
        let sent = if method.is_client_streaming() { Tree::List(sent) } else { sent.pop().unwrap_or(NOTHING) };
        let mut calls = 0;
        loop {
            let started = Instant::now();
            let came = self.call(method, requests.clone(), read_until).await;
            let elapsed = started.elapsed();
            calls += 1;
            let is_done = !came.ok || until.is_none_or(|until| until.judge(&came.body).held);
            if is_done || Instant::now() >= give_up {
                return Exchange { call: Called::Gridgate { rpc: full_name(method) }, sent, came, elapsed, calls };
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn call(&self, method: &MethodDescriptor, requests: Vec<DynamicMessage>, until: Option<&str>) -> Reply {
        let (mut responses, mut is_there) = (Vec::new(), false);
        let take = |response: DynamicMessage| {
            let response = of_message(&response);
            is_there = until.is_some_and(|field| response.at(field).is_some());
            if response.at("heartbeat").is_none() {
                responses.push(response);
            }
            !is_there
        };
        let call = client::call(self.connection.clone(), method, requests, take);
        if !method.is_server_streaming() {
            return match call.await {
                Ok(()) => answer(responses.pop().unwrap_or(NOTHING)),
                Err(status) => self.refusal(&status),
            };
        }
        match (timeout(PATIENCE, call).await, until) {
            (Ok(Err(status)), _) => self.refusal(&status),
            (Ok(Ok(())), Some(field)) if !is_there => {
                self.refusal(&Status::unknown(format!("the stream ended before {field} came")))
            }
            (Ok(Ok(())), _) => {
                let token = responses.last().and_then(|response| response.at("resume_token"));
                let token = token.map(|token| ("resume_token".to_owned(), token));
                let responses = ("responses".to_owned(), Tree::List(responses));
                answer(Tree::Object([responses].into_iter().chain(token).collect()))
            }
            (Err(_), _) => {
                let body = Tree::field("responses", Tree::List(responses));
                Reply { code: "nothing more".to_owned(), ok: false, body }
            }
        }
    }

    fn refusal(&self, status: &Status) -> Reply {
        Reply { code: code_name(status.code()), ok: false, body: self.reflection.status(status) }
    }

    /// Does on the sandbox what a person does.
    async fn post(&self, called: &str, input: Value) -> Exchange {
        let path = Control::path(called);
        let started = Instant::now();
        let came = match self.control.post(&path, &input).await {
            Ok((status, body)) => Reply { code: status.to_string(), ok: (200..300).contains(&status), body },
            Err(error) => {
                let body = Tree::field("message", chain(&error).as_str().into());
                Reply { code: "no answer".to_owned(), ok: false, body }
            }
        };
        let call = Called::Sandbox { method: "POST", path };
        Exchange { call, sent: input.into(), came, elapsed: started.elapsed(), calls: 1 }
    }

    /// Reports an exchange as a step. Returns the response, if one came.
    fn judge(&mut self, about: String, exchange: Exchange, code: &str, expect: &[Expectation]) -> Option<Tree> {
        let Exchange { call, sent, came, elapsed, calls } = exchange;
        let of_code = Tree::field("code", Tree::Word(came.code.clone()));
        let mut expectations = vec![Expectation::of_code(code).judge(&of_code)];
        // Of something else than what was to be, further expectations say nothing.
        if came.code == code {
            expectations.extend(expect.iter().map(|expectation| expectation.judge(&came.body)));
        }
        let held = expectations.iter().all(|Verdict { held, .. }| *held);
        let flow = self.summary.flows.last_mut()?;
        flow.steps += 1;
        if !held {
            flow.failed.push(flow.steps);
        }
        let (flow, chapter, number) = (flow.flow.clone(), flow.number, flow.steps);
        let step = StepReport { flow, chapter, number, about, call, sent, came, expectations, held, elapsed, calls };
        self.report.tell(&Event::Step(&step));
        step.came.ok.then_some(step.came.body)
    }
}

const NOTHING: Tree = Tree::Object(Vec::new());

fn answer(body: Tree) -> Reply {
    Reply { code: code_name(Code::Ok), ok: true, body }
}

/// The messages of a call: one, or one for each piece of a file. `None` if the method does not take them.
pub(super) fn requests(
    method: &MethodDescriptor,
    input: &Value,
    upload: Option<&Upload>,
    names: &Names,
) -> Option<Vec<DynamicMessage>> {
    let mut requests = vec![DynamicMessage::deserialize(method.input(), input).ok()?];
    for (at, chunk) in upload.map_or(Some(Vec::new()), |upload| upload.chunks(names))?.into_iter().enumerate() {
        if at > 0 {
            requests.push(DynamicMessage::new(method.input()));
        }
        requests.last_mut()?.try_set_field_by_name("chunk", Field::Bytes(chunk)).ok()?;
    }
    Some(requests)
}
