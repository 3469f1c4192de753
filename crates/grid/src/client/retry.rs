//! Sending a request as often as the rules allow, within the call's deadline.
//!
//! Repeated are: for every call what never left, and 429 once `Retry-After` has passed; for reads 408, 500, 502, 503, 504
//! and lost answers; the same but 500 for mutations that change nothing more the second time. Everything else is sent once.
//! An answer that came is never asked for again because of its content.
//! All calls together share a budget of repetitions, so that a failing Grid is not met with a multiple of the load.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::{Instant, timeout_at};
use tower::retry::budget::Budget as _;
use tracing::Instrument as _;

use super::account::{self, Credentials};
use super::answer::Answer;
use super::history::{History, backoff};
use super::scrub::Scrubber;
use super::transport::Failure;
use super::{Call, Client, Request};
use crate::metrics::ClientMetrics;
use crate::model::{Misread, noting};
use crate::{Error, Exchanged, HeldBack, Operation, Refusal, Repeatable, Server};

/// A try that did not succeed.
struct Setback {
    error: Error,
    repeat: Repeat,
}

/// Whether, and when, to try again.
enum Repeat {
    No,
    Backoff,
    /// Grid said when, or did not say.
    After(Option<Duration>),
}

impl Client {
    /// Sends a request until it succeeds or may not be repeated; `read` makes sense of a successful answer.
    pub(crate) async fn execute<T>(
        &self,
        call: &Call,
        mut request: Request,
        history: &mut History,
        read: impl Fn(&Answer) -> Result<T, Misread>,
    ) -> Result<T, Error> {
        let retry = &self.shared.retry;
        self.shared.budget.deposit();
        let mut attempt = 0;
        loop {
            history.attempt = attempt;
            let span = request_span(request.operation, attempt, &self.shared.server);
            let tried = self.attempt(call, &mut request, history, &read).instrument(span).await;
            let Setback { error, repeat } = match tried {
                Ok(value) => return Ok(value),
                Err(setback) => setback,
            };
            let delay = match repeat {
                Repeat::No => None,
                Repeat::Backoff | Repeat::After(None) => Some(backoff(retry, attempt)),
                Repeat::After(Some(wait)) => Some(wait.max(backoff(retry, attempt))),
            };
            attempt += 1;
            let delay = delay.filter(|_| !call.is_once);
            let delay = delay.filter(|delay| attempt < retry.max_attempts && *delay < call.remaining());
            let delay = delay.filter(|_| {
                let granted = self.shared.budget.withdraw();
                if !granted {
                    self.shared.metrics.held_back(error.operation(), HeldBack::BudgetSpent);
                }
                granted
            });
            let Some(delay) = delay else { return Err(with_history(error, history)) };
            tokio::time::sleep(delay).await;
        }
    }
}

impl Client {
    /// One try: past the breaker, into a free place, over the wire, and what the answer means.
    async fn attempt<T>(
        &self,
        call: &Call,
        request: &mut Request,
        history: &mut History,
        read: impl Fn(&Answer) -> Result<T, Misread>,
    ) -> Result<T, Setback> {
        let operation = request.operation;
        let deadline_exceeded = |may_have_acted| Error::DeadlineExceeded { operation, may_have_acted };
        if call.remaining().is_zero() {
            return Err(Setback::last(deadline_exceeded(false)));
        }
        let (_place, ticket) = self.admit(call, operation).await.map_err(Setback::last)?;
        let started = Instant::now();
        history.sent_at = Some(started);
        let mut under_way = UnderWay::begin(&self.shared.metrics, operation, history.attempt);
        let exchanged = timeout_at(call.deadline, self.shared.exchange(request)).await;
        let Ok(exchanged) = exchanged else {
            ticket.timed_out(Instant::now());
            under_way.ended(Exchanged::DeadlinePassed);
            return Err(Setback::last(deadline_exceeded(!operation.is_read())));
        };
        let answer = match exchanged {
            Ok(answer) => answer,
            Err(Failure::NeverLeft(cause)) => {
                ticket.failed(Instant::now());
                under_way.ended(Exchanged::Unreachable);
                let once = request.is_spent();
                let error = Error::Unreachable { operation, cause };
                return Err(if once { Setback::last(error) } else { Setback::again(error) });
            }
            Err(Failure::Lost(cause)) => {
                ticket.failed(Instant::now());
                under_way.ended(Exchanged::Lost);
                return Err(lost(operation, cause, None, history));
            }
            Err(Failure::SourceFailed) => {
                under_way.ended(Exchanged::SourceFailed);
                return Err(Setback::last(Error::UploadBrokenOff { operation }));
            }
        };
        history.grid_time = answer.date();
        let status = answer.status();
        under_way.ended(Exchanged::Answered(status.as_u16()));
        if is_gateway_failure(status) {
            ticket.failed(Instant::now());
        } else {
            ticket.succeeded();
        }
        self.judge(request, &answer, history, read)
    }

    /// What a complete answer means.
    fn judge<T>(
        &self,
        request: &Request,
        answer: &Answer,
        history: &mut History,
        read: impl Fn(&Answer) -> Result<T, Misread>,
    ) -> Result<T, Setback> {
        let operation = request.operation;
        let status = answer.status();
        if status.is_success() {
            let (read, notes) = noting(|| read(answer));
            self.shared.metrics.noted(operation, &notes);
            // An answer that came is not asked for again because of what is in it: it would be the same.
            return read.map_err(|misread| {
                let cause = format!("status {}, {misread}", status.as_u16());
                Setback::last(match operation.is_read() {
                    true => Error::Unreadable { operation, cause },
                    false => Error::OutcomeUnknown { operation, cause, answered: Some(status.as_u16()) },
                })
            });
        }
        if is_gateway_failure(status) {
            return Err(lost(operation, format!("status {}", status.as_u16()), answer.retry_after(), history));
        }
        if status.is_redirection() {
            return Err(Setback::last(Error::Redirected { operation, status: status.as_u16() }));
        }
        let mut scrubber = Scrubber::of(request);
        // What Grid says of our credentials is for callers too, but not the credentials.
        let Credentials { client_id, secret, encoded } = account::credentials(&self.shared.authorization);
        scrubber.add_whole(&secret);
        scrubber.add_whole(&encoded);
        // An id can be an ordinary word, which Grid's other words may need.
        if status == StatusCode::UNAUTHORIZED || is_random(&client_id) {
            scrubber.add_whole(&client_id);
        }
        let refusal = answer.refusal(operation, &scrubber);
        let repeat = match status {
            StatusCode::TOO_MANY_REQUESTS if !request.is_spent() => Repeat::After(refusal.retry_after),
            StatusCode::INTERNAL_SERVER_ERROR if operation.is_read() => Repeat::After(refusal.retry_after),
            _ => Repeat::No,
        };
        Err(Setback { error: Error::Answered(Box::new(refusal)), repeat })
    }
}

impl Setback {
    fn last(error: Error) -> Self {
        Self { error, repeat: Repeat::No }
    }

    fn again(error: Error) -> Self {
        Self { error, repeat: Repeat::Backoff }
    }
}

/// A request that may have been received, and has no answer that says what became of it.
fn lost(operation: Operation, cause: String, retry_after: Option<Duration>, history: &mut History) -> Setback {
    match operation.repeatable() {
        Repeatable::Read => {
            Setback { error: Error::ReadLost { operation, cause, retry_after }, repeat: Repeat::After(retry_after) }
        }
        Repeatable::Mutation => {
            history.unknown = Some(cause.clone());
            Setback {
                error: Error::OutcomeUnknown { operation, cause, answered: None },
                repeat: Repeat::After(retry_after),
            }
        }
        Repeatable::Never => {
            history.unknown = Some(cause.clone());
            Setback::last(Error::OutcomeUnknown { operation, cause, answered: None })
        }
    }
}

/// The last try's error in the light of the tries before it: once one of them may have acted, "did not act" is no
/// longer true of the call.
fn with_history(error: Error, history: &History) -> Error {
    let Some(cause) = &history.unknown else { return error };
    match error {
        Error::Unreachable { operation, .. }
        | Error::CircuitOpen { operation, .. }
        | Error::Saturated { operation } => Error::OutcomeUnknown { operation, cause: cause.clone(), answered: None },
        Error::Answered(refusal) if is_too_many(&refusal) => {
            Error::OutcomeUnknown { operation: refusal.operation, cause: cause.clone(), answered: None }
        }
        Error::DeadlineExceeded { operation, .. } => Error::DeadlineExceeded { operation, may_have_acted: true },
        other @ (Error::Answered(_)
        | Error::Redirected { .. }
        | Error::ReadLost { .. }
        | Error::OutcomeUnknown { .. }
        | Error::Unreadable { .. }
        | Error::UploadBrokenOff { .. }) => other,
    }
}

/// Whether a client id looks as if it was drawn by lot, and so says something that is not known anyway.
fn is_random(client_id: &str) -> bool {
    client_id.len() >= 16 || client_id.contains(|c: char| c.is_ascii_digit())
}

fn is_too_many(refusal: &Refusal) -> bool {
    refusal.status == StatusCode::TOO_MANY_REQUESTS.as_u16()
}

/// Proxies in front of Grid send 408, 502, 503 and 504, which say nothing about what Grid did.
fn is_gateway_failure(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The span of one try, named by OpenTelemetry's conventions for HTTP clients.
fn request_span(operation: Operation, attempt: u32, server: &Server) -> tracing::Span {
    tracing::info_span!(
        "grid.request",
        otel.name = format_args!("{} {}", operation.method(), operation.path_template()),
        otel.kind = "client",
        grid.operation = operation.name(),
        http.request.method = %operation.method(),
        server.address = &*server.address,
        server.port = server.port,
        url.template = operation.path_template(),
        http.request.resend_count = attempt,
        http.response.status_code = tracing::field::Empty,
        error.type = tracing::field::Empty,
        otel.status_code = tracing::field::Empty,
    )
}

/// A request that was sent and has no answer yet. Dropped like that, its caller gave up.
struct UnderWay<'a> {
    metrics: &'a ClientMetrics,
    operation: Operation,
    attempt: u32,
    began: Instant,
    ended: bool,
}

impl<'a> UnderWay<'a> {
    fn begin(metrics: &'a ClientMetrics, operation: Operation, attempt: u32) -> Self {
        Self { metrics, operation, attempt, began: Instant::now(), ended: false }
    }

    /// Says in the current span, in one log line and in the metrics what a try came to.
    fn ended(&mut self, exchanged: Exchanged) {
        self.ended = true;
        let took = self.began.elapsed();
        let (status, outcome) = (exchanged.status(), exchanged.word());
        let span = tracing::Span::current();
        if let Some(status) = status {
            span.record("http.response.status_code", status);
        }
        if status.is_none_or(|status| status >= 400) {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", status.map_or(outcome.to_owned(), |status| status.to_string()));
        }
        let (operation, resend) = (self.operation.name(), self.attempt);
        tracing::debug!(operation, resend, status, outcome, duration_ms = took.as_secs_f64() * 1000.0, "grid request");
        self.metrics.exchanged(self.operation, self.attempt, exchanged, took);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.ended(Exchanged::GivenUp);
        }
    }
}
