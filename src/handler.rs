//! One event from arrival to answer. Every event is answered, unless there is no one to answer.

#![warn(missing_docs)]

use crate::answer::Answer;
use crate::answer::failure::{Failure, Progress, Purpose};
use crate::answer::metrics::{Ending, Metrics};
use crate::decision::journal::Leftovers;
use crate::decision::outcome::Outcome;
use crate::decision::view::Home;
use crate::look::Clients;
use crate::model::tags::Holder;
use crate::reconcile::{State, reconcile};
use crate::request::Request;
use crate::request::event::{Event, ReplyTo, Unreadable};
use crate::request::record::{self, Ended, InvocationRecord};
use crate::runtime::callback::{Callback, Undelivered};
use crate::runtime::clock::Clock;
use crate::runtime::log::{METRICS, span};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use tracing::{Instrument as _, error, info, warn};

/// How long before the end of its time an event stops working, so that its answer can still be delivered.
const ANSWER_MARGIN: SignedDuration = SignedDuration::from_secs(15);
/// How long before the end of its time an event makes its last attempt to answer.
const LAST_MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// Handles events.
#[derive(Debug, Clone)]
pub struct Handler {
    /// The clients that an event may need.
    pub clients: Clients,
    /// Where the function runs.
    pub home: Home,
    /// The function itself.
    pub function: Function,
}

/// What Lambda says about the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The function name, a dimension of the metrics.
    pub name: String,
    /// The log stream and its log group, such as `2026/11/23/[$LATEST]0123 in /aws/lambda/provider`, which reasons refer to.
    pub log_stream: String,
    /// Lambda's log level, such as `INFO`.
    pub log_level: String,
    /// The ARN of the function that checks connections for this one; empty if there is none.
    pub check_function_arn: String,
}

/// Why an event has no answer. The function fails with it, so that Lambda delivers the event again, and passes it on in the
/// end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unserved {
    /// The answer was not accepted.
    #[error(transparent)]
    Undelivered(#[from] Undelivered),
    /// There is no one to answer to. Another delivery does not change that, but nobody else would learn of it.
    #[error("{0}")]
    NoReplyTo(String),
}

/// The result of an event before its answer is delivered.
#[derive(Debug)]
pub enum Handled {
    /// An answer, and until when it can be delivered.
    Answer(ReplyTo, Box<Answer>, Timestamp),
    /// Nothing was done, because CloudFormation no longer waits for the answer.
    Expired,
    /// Nothing was done, because no stack has asked for this check.
    Unasked,
    /// Nothing was done, and there is no response URL: why, and what to do about it.
    NoReplyTo(String),
}

impl Handler {
    /// Handles an event, delivers its answer, and writes its metrics.
    ///
    /// The future is boxed, as that of [`handle`](Self::handle): the compiler generates the code of what is behind it once,
    /// here, and not again in each program and test that awaits it.
    ///
    /// # Errors
    /// [`Unserved`].
    pub fn serve<'a>(
        &'a self,
        callback: &'a Callback,
        raw: &'a Value,
        clock: Clock,
        function_deadline: Timestamp,
    ) -> BoxFuture<'a, Result<(), Unserved>> {
        async move {
            let (arrived, calls) = (clock.now(), self.clients.ec2.calls());
            let asked = record::payload(raw).unwrap_or(raw);
            let failed = |outcome| Ending { outcome, failed: true };
            let (ending, result) = match self.handle(raw, clock, function_deadline).await {
                Handled::Answer(to, answer, until) => {
                    let body = answer.body(&to);
                    let put = callback.put(&to.response_url, &body, &clock, until);
                    match put.instrument(span(&to, asked)).await {
                        Ok(()) => (Ending { outcome: answer.outcome, failed: answer.failure.is_some() }, Ok(())),
                        Err(undelivered) => (failed("undelivered"), Err(undelivered.into())),
                    }
                }
                Handled::Expired => (failed("expired"), Ok(())),
                Handled::NoReplyTo(why) => {
                    let unserved = Unserved::NoReplyTo(why);
                    error!(outcome = "unreadable", "{unserved}");
                    (failed("unreadable"), Err(unserved))
                }
                Handled::Unasked => return Ok(()),
            };
            let metrics = Metrics { ending, arrived, ended: clock.now(), ec2_calls: self.clients.ec2.calls() - calls };
            info!(target: METRICS, "{}", metrics.line(&self.function.name, &self.function.log_level, asked));
            result
        }
        .boxed()
    }

    /// Handles an event, up to the delivery of its answer. A panic anywhere is answered, too.
    pub fn handle<'a>(&'a self, raw: &'a Value, clock: Clock, function_deadline: Timestamp) -> BoxFuture<'a, Handled> {
        let answered = move |handled: Result<Handled, _>| {
            handled.unwrap_or_else(|_panic| self.answer_panic(raw, function_deadline))
        };
        AssertUnwindSafe(self.read_and_handle(raw, clock, function_deadline)).catch_unwind().map(answered).boxed()
    }

    fn answer_panic(&self, raw: &Value, function_deadline: Timestamp) -> Handled {
        match ReplyTo::salvage(record::payload(raw).unwrap_or(raw)) {
            Some(to) => self.answer_failure(
                to,
                Failure::Panicked(Progress::default()),
                &Leftovers::Something,
                function_deadline,
            ),
            None => Handled::NoReplyTo(
                "The function panicked while handling an event that has no ResponseURL. Report this with the lines of the log."
                    .to_owned(),
            ),
        }
    }

    async fn read_and_handle(&self, raw: &Value, clock: Clock, function_deadline: Timestamp) -> Handled {
        if let Some(record) = InvocationRecord::read(raw) {
            return self.answer_check(&record, &clock, function_deadline);
        }
        match Event::read(raw) {
            Ok(event) => {
                let span = span(&event.reply_to, raw);
                self.handle_event(event, &clock, function_deadline).instrument(span).await
            }
            Err(unreadable) => self.answer_unreadable(unreadable, raw, function_deadline),
        }
    }

    /// Answers for the check function, which cannot reach CloudFormation from its subnets.
    fn answer_check(&self, record: &InvocationRecord<'_>, clock: &Clock, function_deadline: Timestamp) -> Handled {
        if !record.is_of(&self.function.check_function_arn) {
            let why = "This is a record of an invocation of another function. Make the provider the destination of its own \
                       check function only (CHECK_FUNCTION_ARN).";
            return Handled::NoReplyTo(why.to_owned());
        }
        if record.payload.get("ResponseURL").is_none() {
            match &record.ended {
                Ended::Returned(_) => info!(step = "check", "no stack has asked for this check"),
                ended @ (Ended::Failed { .. } | Ended::NeverRan) => {
                    warn!(step = "check", "a check that no stack has asked for ended without a report: {ended:?}");
                }
            }
            return Handled::Unasked;
        }
        let event = match Event::read(record.payload) {
            Ok(event) => event,
            Err(unreadable) => return self.answer_unreadable(unreadable, record.payload, function_deadline),
        };
        let _entered = span(&event.reply_to, record.payload).entered();
        let arrived = clock.now();
        let end = event.ends_at(arrived).min(function_deadline);
        if end <= arrived {
            warn!(outcome = "expired", "CloudFormation no longer waits for this check");
            return Handled::Expired;
        }
        let answer = Answer::checked(&event, &record.ended, &self.function.log_stream);
        match &answer.failure {
            None => info!(outcome = answer.outcome, "done"),
            Some(failure) => error!(outcome = answer.outcome, "{failure}"),
        }
        Handled::Answer(event.reply_to, Box::new(answer), before(end, LAST_MOMENT))
    }

    fn answer_unreadable(&self, unreadable: Unreadable, raw: &Value, function_deadline: Timestamp) -> Handled {
        let Some(to) = unreadable.reply_to.as_deref().cloned() else {
            let why = format!(
                "{unreadable}; it has no ResponseURL that an answer can go to. Check what invokes the function."
            );
            return Handled::NoReplyTo(why);
        };
        span(&to, raw).in_scope(|| error!(outcome = "unreadable", "{unreadable}"));
        self.answer_failure(to, Failure::Unreadable(unreadable), &Leftovers::Nothing, function_deadline)
    }

    fn answer_failure(&self, to: ReplyTo, failure: Failure, leftovers: &Leftovers, end: Timestamp) -> Handled {
        let answer = Answer::failed(failure, &to, leftovers, &self.function.log_stream);
        Handled::Answer(to, Box::new(answer), before(end, LAST_MOMENT))
    }

    async fn handle_event(&self, event: Event, clock: &Clock, function_deadline: Timestamp) -> Handled {
        let arrived = clock.now();
        let end = event.ends_at(arrived).min(function_deadline);
        if end <= arrived {
            warn!(outcome = "expired", "CloudFormation no longer waits for this event; nothing is done");
            return Handled::Expired;
        }
        let answer = self.answer(&event, clock, end).await;
        Handled::Answer(event.reply_to, Box::new(answer), before(end, LAST_MOMENT))
    }

    /// Does what the event asks for, early enough before `end` to answer.
    async fn answer(&self, event: &Event, clock: &Clock, end: Timestamp) -> Answer {
        let arrived = clock.now();
        // A short ServiceTimeout still leaves most of its time for the work.
        let deadline = before(end, ANSWER_MARGIN.min(end.duration_since(arrived) / 4));
        let to = &event.reply_to;
        let mut state = State::new(arrived, event.sent_at(arrived), deadline);
        let result = self.work(event, clock, deadline, &mut state).await;
        let duration_ms = i64::try_from(clock.now().duration_since(arrived).as_millis()).unwrap_or(i64::MAX);
        match result {
            Ok(outcome) => {
                let answer = Answer::success(&outcome, to);
                for warning in outcome.warnings() {
                    warn!(step = "warning", endpoint_id = answer.physical_id, "{warning}");
                }
                info!(outcome = answer.outcome, endpoint_id = answer.physical_id, duration_ms, "done");
                answer
            }
            Err(failure) => {
                let leftovers = state.leftovers(clock.now(), &Holder::new(&to.stack_id, &to.logical_id));
                let reason = failure.to_string();
                let answer = Answer::failed(failure, to, &leftovers, &self.function.log_stream);
                error!(outcome = answer.outcome, endpoint_id = answer.physical_id, duration_ms, "{reason}");
                answer
            }
        }
    }

    /// The work of an event. The deadline and a panic both end it with what is known so far.
    async fn work(
        &self,
        event: &Event,
        clock: &Clock,
        deadline: Timestamp,
        state: &mut State,
    ) -> Result<Outcome, Failure> {
        let arrived = clock.now();
        let request = Request::read(event).map_err(Failure::Invalid)?;
        info!(step = "start", version = env!("CARGO_PKG_VERSION"), "handling the request");
        let work = reconcile(&self.clients, &self.home, clock, deadline, &request, state);
        let ended = clock.until(deadline, AssertUnwindSafe(work).catch_unwind()).await;
        let progress = || -> Progress { state.progress.clone() };
        match ended {
            Some(Ok(result)) => result,
            Some(Err(_panic)) => Err(Failure::Panicked(progress())),
            None => {
                let purpose = if request.spec().is_some() { Purpose::Provision } else { Purpose::Remove };
                Err(Failure::TimedOut(clock.now().duration_since(arrived).as_secs(), purpose, progress()))
            }
        }
    }
}

fn before(moment: Timestamp, span: SignedDuration) -> Timestamp {
    moment.saturating_sub(span).unwrap_or(Timestamp::MIN)
}
